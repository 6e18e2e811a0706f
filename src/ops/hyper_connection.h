// Manifold-constrained hyper-connections: the residual is `streams` parallel streams that are mixed
// into the input of a block (pre), and into which the block's output is spread again (post), with
// weights computed per token. All arithmetic in float32.
#pragma once

#include "ops/context.h"
#include "ops/row_range.h"

namespace hadal {

// Joins the streams: out = Σ_j pre_j x_j. The products come from a linear over all streams of a row
// laid end to end; what they lack is the row's 1 / rms.
struct HyperPreArgs {
  const float* x = nullptr;         // [rows, streams, hidden]
  const float* products = nullptr;  // [rows, (2 + streams) · streams]: x · fn
  const float* base = nullptr;      // [(2 + streams) · streams]: pre, post, then the mixing matrix
  const float* scale = nullptr;     // [3]: pre, post, mixing
  float* out = nullptr;             // [rows, hidden]
  float* post = nullptr;            // [rows, streams]
  float* mixing = nullptr;          // [rows, streams, streams], doubly stochastic after Sinkhorn
  int rows = 0;
  int streams = 0;
  int hidden = 0;
  int sinkhorn_iterations = 0;
  float hc_eps = 0;
  float rms_eps = 0;
};

inline HyperPreArgs rows_of(HyperPreArgs args, RowRange range) {
  const int n = args.streams;
  args.x += range.offset(n * args.hidden);
  args.products += range.offset((2 + n) * n);
  args.out += range.offset(args.hidden);
  args.post += range.offset(n);
  args.mixing += range.offset(n * n);
  args.rows = range.count();
  return args;
}

struct HyperPostArgs {
  const float* block_out = nullptr;  // [rows, hidden]
  const float* post = nullptr;       // [rows, streams]
  const float* mixing = nullptr;     // [rows, streams, streams]
  float* x = nullptr;  // [rows, streams, hidden]: x'_k = post_k f + Σ_j mixing_jk x_j
  int rows = 0;
  int streams = 0;
  int hidden = 0;
};

inline HyperPostArgs rows_of(HyperPostArgs args, RowRange range) {
  const int n = args.streams;
  args.block_out += range.offset(args.hidden);
  args.post += range.offset(n);
  args.mixing += range.offset(n * n);
  args.x += range.offset(n * args.hidden);
  args.rows = range.count();
  return args;
}

// The same before the output head, where nothing is spread again.
struct HyperHeadArgs {
  const float* x = nullptr;         // [rows, streams, hidden]
  const float* products = nullptr;  // [rows, streams]: x · fn
  const float* base = nullptr;      // [streams]
  const float* scale = nullptr;     // [1]
  float* out = nullptr;             // [rows, hidden]
  int rows = 0;
  int streams = 0;
  int hidden = 0;
  float hc_eps = 0;
  float rms_eps = 0;
};

inline HyperHeadArgs rows_of(HyperHeadArgs args, RowRange range) {
  args.x += range.offset(args.streams * args.hidden);
  args.products += range.offset(args.streams);
  args.out += range.offset(args.hidden);
  args.rows = range.count();
  return args;
}

constexpr int kMaxStreams = 8;
constexpr int kMaxMixes = (2 + kMaxStreams) * kMaxStreams;

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
