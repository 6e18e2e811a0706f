// Token embedding: the bf16 row of each token, widened to float32 and copied into every stream.
#pragma once

#include <cstdint>

#include "ops/context.h"
#include "ops/linear.h"

namespace hadal {

struct EmbedArgs {
  const int32_t* tokens = nullptr;  // [rows], each in [0, vocabulary)
  WeightMatrix table;               // BF16 [vocabulary, hidden]
  float* out = nullptr;             // [rows, streams, hidden]
  int rows = 0;
  int streams = 1;
};

namespace ref {
void embed(OpContext& context, const EmbedArgs& args);
}

namespace ops {
void embed(OpContext& context, const EmbedArgs& args);
}

}  // namespace hadal
