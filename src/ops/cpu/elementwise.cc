#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "ops/cpu/cpu_kernels.h"
#include "ops/cpu/micro_kernels.h"
#include "ops/stream_weights.h"

namespace hadal::cpu {
namespace {

size_t as_size(int value) { return static_cast<size_t>(value); }

// Few enough to share out large rows, so many of small ones that sharing pays.
int rows_per_task(int row_floats) { return std::clamp(4096 / row_floats, 1, 16); }

// mixes[row, i] = fn_i · streams_row / rms(streams_row) for all rows.
void project_streams(OpContext& context, const WeightMatrix& fn, const float* x, int rows,
                     float rms_eps, float* mixes) {
  const MicroKernels& micro = *context.kernels().micro;
  const size_t width = as_size(fn.in_features);
  ops::linear(context, {.x = x,
                        .weight = fn,
                        .out = mixes,
                        .rows = rows,
                        .x_stride = width,
                        .out_stride = as_size(fn.out_features)});
  context.threads().parallel_for(rows, 4, [&](int begin, int end, int) {
    for (size_t row = as_size(begin); row < as_size(end); ++row) {
      const float square = micro.mean_square(x + row * width, fn.in_features);
      const float factor = 1.0F / std::sqrt(square + rms_eps);
      float* row_mixes = mixes + row * as_size(fn.out_features);
      std::for_each_n(row_mixes, fn.out_features, [=](float& m) { m *= factor; });
    }
  });
}

}  // namespace

void rms_norm(OpContext& context, const RmsNormArgs& args) {
  const MicroKernels& micro = *context.kernels().micro;
  const size_t columns = as_size(args.columns);
  context.threads().parallel_for(args.rows, 16, [&](int begin, int end, int) {
    for (size_t row = as_size(begin); row < as_size(end); ++row) {
      micro.rms_norm(args.x + row * columns, args.weight, args.out + row * columns, args.columns,
                     args.eps);
    }
  });
}

void swiglu(OpContext& context, const SwigluArgs& args) {
  const MicroKernels& micro = *context.kernels().micro;
  const size_t width = as_size(args.width);
  context.threads().parallel_for(args.rows, 4, [&](int begin, int end, int) {
    for (size_t row = as_size(begin); row < as_size(end); ++row) {
      micro.swiglu(args.gate + row * width, args.up + row * width, args.out + row * width,
                   args.width, args.limit,
                   args.row_weights == nullptr ? 1.0F : args.row_weights[row]);
    }
  });
}

void hyper_pre(OpContext& context, const HyperPreArgs& args) {
  const int n = args.streams;
  HADAL_CHECK(n >= 1 && n <= kMaxStreams);
  const MicroKernels& micro = *context.kernels().micro;
  const size_t hidden = as_size(args.hidden);
  const size_t mixes_per_row = as_size(args.weights.fn.out_features);
  float* mixes = context.shared_scratch(as_size(args.rows) * mixes_per_row);
  project_streams(context, args.weights.fn, args.x, args.rows, args.rms_eps, mixes);
  context.threads().parallel_for(args.rows, 1, [&](int begin, int end, int) {
    float pre[kMaxStreams];
    for (size_t row = as_size(begin); row < as_size(end); ++row) {
      stream_weights(args, mixes + row * mixes_per_row, pre, args.post + row * as_size(n),
                     args.mixing + row * as_size(n * n));
      micro.mix(args.x + row * as_size(n) * hidden, hidden, pre, n, args.out + row * hidden,
                args.hidden);
    }
  });
}

void hyper_post(OpContext& context, const HyperPostArgs& args) {
  const int n = args.streams;
  HADAL_CHECK(n >= 1 && n <= kMaxStreams);
  const MicroKernels& micro = *context.kernels().micro;
  const size_t hidden = as_size(args.hidden);
  const int grain = rows_per_task(n * args.hidden);
  context.threads().parallel_for(args.rows, grain, [&](int begin, int end, int) {
    for (size_t row = as_size(begin); row < as_size(end); ++row) {
      micro.spread(args.block_out + row * hidden, args.post + row * as_size(n),
                   args.mixing + row * as_size(n * n), args.x + row * as_size(n) * hidden, n,
                   args.hidden);
    }
  });
}

void hyper_head(OpContext& context, const HyperHeadArgs& args) {
  const int n = args.streams;
  HADAL_CHECK(n >= 1 && n <= kMaxStreams);
  const MicroKernels& micro = *context.kernels().micro;
  const size_t hidden = as_size(args.hidden);
  float* mixes = context.shared_scratch(as_size(args.rows * n));
  project_streams(context, args.fn, args.x, args.rows, args.rms_eps, mixes);
  context.threads().parallel_for(args.rows, 1, [&](int begin, int end, int) {
    float pre[kMaxStreams];
    for (size_t row = as_size(begin); row < as_size(end); ++row) {
      head_stream_weights(args, mixes + row * as_size(n), pre);
      micro.mix(args.x + row * as_size(n) * hidden, hidden, pre, n, args.out + row * hidden,
                args.hidden);
    }
  });
}

}  // namespace hadal::cpu
