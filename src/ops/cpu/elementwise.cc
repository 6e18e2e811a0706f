#include <algorithm>
#include <cmath>

#include "base/as_size.h"
#include "base/check.h"
#include "ops/cpu/cpu_kernels.h"
#include "ops/cpu/micro_kernels.h"
#include "ops/stream_weights.h"

namespace hadal::cpu {
namespace {

// Few enough to share out large rows, so many of small ones that sharing pays.
int elementwise_rows_per_task(int row_floats) { return std::clamp(4096 / row_floats, 1, 16); }

// mixes = products / rms(streams), of one row: `count` mixes, `width` values in all streams.
void normalize_mixes(const MicroKernels& micro, const float* products, int count,
                     const float* streams, int width, float rms_eps, float* mixes) {
  const float factor = 1.0F / std::sqrt(micro.mean_square(streams, width) + rms_eps);
  std::transform(products, products + count, mixes, [=](float p) { return p * factor; });
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

void rope(OpContext& context, const RopeArgs& args) {
  const MicroKernels& micro = *context.kernels().micro;
  const size_t dim = as_size(args.rope_dim);
  const size_t head_dim = as_size(args.head_dim);
  const auto rotate = args.direction == RopeDirection::kForward ? micro.rotate : micro.rotate_back;
  context.threads().parallel_for(args.rows, 4, [&](int begin, int end, int) {
    for (size_t row = as_size(begin); row < as_size(end); ++row) {
      const float* cosines = args.turns + row * 2 * dim;
      const float* sines = cosines + dim;
      for (size_t head = 0; head < as_size(args.heads); ++head) {
        float* x = args.x + (row * as_size(args.heads) + head) * head_dim + (head_dim - dim);
        rotate(x, cosines, sines, args.rope_dim);
      }
    }
  });
}

void hyper_pre(OpContext& context, const HyperPreArgs& args) {
  const int n = args.streams;
  HADAL_CHECK(n >= 1 && n <= kMaxStreams);
  const MicroKernels& micro = *context.kernels().micro;
  const size_t hidden = as_size(args.hidden);
  const int count = (2 + n) * n;
  context.threads().parallel_for(args.rows, 1, [&](int begin, int end, int) {
    float mixes[kMaxMixes];
    float pre[kMaxStreams];
    for (size_t row = as_size(begin); row < as_size(end); ++row) {
      const float* streams = args.x + row * as_size(n) * hidden;
      normalize_mixes(micro, args.products + row * as_size(count), count, streams, n * args.hidden,
                      args.rms_eps, mixes);
      stream_weights(args, mixes, pre, args.post + row * as_size(n),
                     args.mixing + row * as_size(n * n));
      micro.mix(streams, hidden, pre, n, args.out + row * hidden, args.hidden);
    }
  });
}

void hyper_post(OpContext& context, const HyperPostArgs& args) {
  const int n = args.streams;
  HADAL_CHECK(n >= 1 && n <= kMaxStreams);
  const MicroKernels& micro = *context.kernels().micro;
  const size_t hidden = as_size(args.hidden);
  const int grain = elementwise_rows_per_task(n * args.hidden);
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
  context.threads().parallel_for(args.rows, 1, [&](int begin, int end, int) {
    float pre[kMaxStreams];
    for (size_t row = as_size(begin); row < as_size(end); ++row) {
      const float* streams = args.x + row * as_size(n) * hidden;
      normalize_mixes(micro, args.products + row * as_size(n), n, streams, n * args.hidden,
                      args.rms_eps, pre);
      head_stream_weights(args, pre, pre);
      micro.mix(streams, hidden, pre, n, args.out + row * hidden, args.hidden);
    }
  });
}

}  // namespace hadal::cpu
