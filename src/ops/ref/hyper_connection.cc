#include "ops/hyper_connection.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "ops/ref/dot.h"
#include "ops/stream_weights.h"

namespace hadal::ref {
namespace {

// mixes = products · rsqrt(mean(v²) + eps), v the streams of one row laid end to end.
void normalize_mixes(const float* products, int count, const float* v, int width, float rms_eps,
                     float* mixes) {
  const float mean_square = dot(v, v, width) / static_cast<float>(width);
  const float factor = 1.0F / std::sqrt(mean_square + rms_eps);
  for (int i = 0; i < count; ++i) mixes[i] = products[i] * factor;
}

// out = Σ_j weights_j x_j, j ascending.
void mix_streams(const float* x, const float* weights, int streams, size_t hidden, float* out) {
  for (size_t i = 0; i < hidden; ++i) {
    float sum = weights[0] * x[i];
    for (int j = 1; j < streams; ++j) sum += weights[j] * x[static_cast<size_t>(j) * hidden + i];
    out[i] = sum;
  }
}

}  // namespace

void hyper_pre(OpContext& context, const HyperPreArgs& args) {
  const int n = args.streams;
  HADAL_CHECK(n >= 1 && n <= kMaxStreams);
  const auto hidden = static_cast<size_t>(args.hidden);
  const size_t width = static_cast<size_t>(n) * hidden;
  const int count = (2 + n) * n;
  context.threads().parallel_for(args.rows, 1, [&](int begin, int end, int) {
    float mixes[kMaxMixes];
    float pre[kMaxStreams] = {};
    for (int row = begin; row < end; ++row) {
      const float* x = args.x + static_cast<size_t>(row) * width;
      normalize_mixes(args.products + row * count, count, x, n * args.hidden, args.rms_eps, mixes);
      float* post = args.post + static_cast<size_t>(row) * static_cast<size_t>(n);
      float* mixing = args.mixing + static_cast<size_t>(row) * static_cast<size_t>(n * n);
      stream_weights(args, mixes, pre, post, mixing);
      mix_streams(x, pre, n, hidden, args.out + static_cast<size_t>(row) * hidden);
    }
  });
}

void hyper_post(OpContext& context, const HyperPostArgs& args) {
  const int n = args.streams;
  HADAL_CHECK(n >= 1 && n <= kMaxStreams);
  const auto hidden = static_cast<size_t>(args.hidden);
  context.threads().parallel_for(args.rows, 4, [&](int begin, int end, int) {
    for (int row = begin; row < end; ++row) {
      const float* f = args.block_out + static_cast<size_t>(row) * hidden;
      const float* post = args.post + static_cast<size_t>(row) * static_cast<size_t>(n);
      const float* mixing = args.mixing + static_cast<size_t>(row) * static_cast<size_t>(n * n);
      float* x = args.x + static_cast<size_t>(row) * static_cast<size_t>(n) * hidden;
      for (size_t i = 0; i < hidden; ++i) {
        float old[kMaxStreams];
        for (int j = 0; j < n; ++j) old[j] = x[static_cast<size_t>(j) * hidden + i];
        for (int k = 0; k < n; ++k) {
          float sum = post[k] * f[i];
          for (int j = 0; j < n; ++j) sum += mixing[j * n + k] * old[j];
          x[static_cast<size_t>(k) * hidden + i] = sum;
        }
      }
    }
  });
}

void hyper_head(OpContext& context, const HyperHeadArgs& args) {
  const int n = args.streams;
  HADAL_CHECK(n >= 1 && n <= kMaxStreams);
  const auto hidden = static_cast<size_t>(args.hidden);
  const size_t width = static_cast<size_t>(n) * hidden;
  context.threads().parallel_for(args.rows, 1, [&](int begin, int end, int) {
    float pre[kMaxStreams] = {};
    for (int row = begin; row < end; ++row) {
      const float* x = args.x + static_cast<size_t>(row) * width;
      normalize_mixes(args.products + row * n, n, x, n * args.hidden, args.rms_eps, pre);
      head_stream_weights(args, pre, pre);
      mix_streams(x, pre, n, hidden, args.out + static_cast<size_t>(row) * hidden);
    }
  });
}

}  // namespace hadal::ref
