// Manifold-constrained hyper-connections: the residual is `streams` parallel streams that are mixed
// into the input of a block (pre), and into which the block's output is spread again (post), with
// weights computed per token. All arithmetic in float32.
#pragma once

#include "ops/context.h"
#include "ops/linear.h"

namespace hadal {

struct HyperConnectionWeights {
  WeightMatrix fn;               // F32 [(2 + streams) · streams, streams · hidden]
  const float* base = nullptr;   // [(2 + streams) · streams]: pre, post, then the mixing matrix
  const float* scale = nullptr;  // [3]: pre, post, mixing
};

struct HyperPreArgs {
  const float* x = nullptr;  // [rows, streams, hidden]
  HyperConnectionWeights weights;
  float* out = nullptr;     // [rows, hidden]
  float* post = nullptr;    // [rows, streams]
  float* mixing = nullptr;  // [rows, streams, streams], doubly stochastic after Sinkhorn
  int rows = 0;
  int streams = 0;
  int hidden = 0;
  int sinkhorn_iterations = 0;
  float hc_eps = 0;
  float rms_eps = 0;
};

struct HyperPostArgs {
  const float* block_out = nullptr;  // [rows, hidden]
  const float* post = nullptr;       // [rows, streams]
  const float* mixing = nullptr;     // [rows, streams, streams]
  float* x = nullptr;  // [rows, streams, hidden]: x'_k = post_k f + Σ_j mixing_jk x_j
  int rows = 0;
  int streams = 0;
  int hidden = 0;
};

// The streams are joined before the output head: out = Σ_j pre_j x_j.
struct HyperHeadArgs {
  const float* x = nullptr;      // [rows, streams, hidden]
  WeightMatrix fn;               // F32 [streams, streams · hidden]
  const float* base = nullptr;   // [streams]
  const float* scale = nullptr;  // [1]
  float* out = nullptr;          // [rows, hidden]
  int rows = 0;
  int streams = 0;
  int hidden = 0;
  float hc_eps = 0;
  float rms_eps = 0;
};

constexpr int kMaxStreams = 8;

namespace ref {
void hyper_pre(OpContext& context, const HyperPreArgs& args);
void hyper_post(OpContext& context, const HyperPostArgs& args);
void hyper_head(OpContext& context, const HyperHeadArgs& args);
}  // namespace ref

namespace ops {
void hyper_pre(OpContext& context, const HyperPreArgs& args);
void hyper_post(OpContext& context, const HyperPostArgs& args);
void hyper_head(OpContext& context, const HyperHeadArgs& args);
}  // namespace ops

}  // namespace hadal
