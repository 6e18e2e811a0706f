// Root-mean-square normalisation of rows in float32: x · rsqrt(mean(x²) + eps) · weight.
#pragma once

#include "ops/context.h"

namespace hadal {

struct RmsNormArgs {
  const float* x = nullptr;       // [rows, columns]
  const float* weight = nullptr;  // [columns], or nullptr for none
  float* out = nullptr;           // [rows, columns]; may be x
  int rows = 0;
  int columns = 0;
  float eps = 0;
};

namespace ref {
void rms_norm(OpContext& context, const RmsNormArgs& args);
}

namespace ops {
void rms_norm(OpContext& context, const RmsNormArgs& args);
}

}  // namespace hadal
