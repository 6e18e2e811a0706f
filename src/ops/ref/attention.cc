#include "ops/attention.h"

#include <algorithm>
#include <limits>

#include "numeric/elementary.h"
#include "ops/kv_entry.h"
#include "ops/ref/dot.h"
#include "ops/visible_entries.h"

namespace hadal::ref {
namespace {

constexpr int kBlockEntries = 64;
constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

// Running softmax of one head.
struct HeadState {
  float maximum;
  float denominator;
};

void attend_row(const AttendArgs& args, int row, int head_begin, int head_end, float* scratch) {
  const int dim = args.kv.format.head_dim();
  const auto width = static_cast<size_t>(dim);
  const size_t row_offset = static_cast<size_t>(row) * static_cast<size_t>(args.heads) * width;
  float* keys = scratch;  // [kBlockEntries, dim]
  float* weights = keys + kBlockEntries * width;
  auto* states = reinterpret_cast<HeadState*>(weights + kBlockEntries);
  for (int head = head_begin; head < head_end; ++head) {
    states[head] = {kMinusInfinity, 0.0F};
    std::fill_n(args.out + row_offset + static_cast<size_t>(head) * width, width, 0.0F);
  }
  const VisibleEntries visible(args, row);
  for (int begin = 0; begin < visible.count(); begin += kBlockEntries) {
    const int count = std::min(kBlockEntries, visible.count() - begin);
    for (int i = 0; i < count; ++i) {
      decode_kv(args.kv.format, visible[begin + i], keys + static_cast<size_t>(i) * width);
    }
    for (int head = head_begin; head < head_end; ++head) {
      const float* q = args.q + row_offset + static_cast<size_t>(head) * width;
      float* out = args.out + row_offset + static_cast<size_t>(head) * width;
      HeadState& state = states[head];
      float maximum = state.maximum;
      for (int i = 0; i < count; ++i) {
        weights[i] = dot(q, keys + static_cast<size_t>(i) * width, dim) * args.scale;
        maximum = std::max(maximum, weights[i]);
      }
      const float correction = begin == 0 ? 0.0F : elementary::exp(state.maximum - maximum);
      float denominator = state.denominator * correction;
      if (begin > 0) {
        for (size_t c = 0; c < width; ++c) out[c] *= correction;
      }
      for (int i = 0; i < count; ++i) {
        const float weight = elementary::exp(weights[i] - maximum);
        denominator += weight;
        const float* value = keys + static_cast<size_t>(i) * width;
        for (size_t c = 0; c < width; ++c) out[c] += weight * value[c];
      }
      state = {maximum, denominator};
    }
  }
  for (int head = head_begin; head < head_end; ++head) {
    float* out = args.out + row_offset + static_cast<size_t>(head) * width;
    const float denominator =
        states[head].denominator + elementary::exp(args.sink[head] - states[head].maximum);
    for (size_t c = 0; c < width; ++c) out[c] /= denominator;
  }
}

}  // namespace

void attend(OpContext& context, const AttendArgs& args) {
  const RowRange range = args.rows();
  const int rows = range.count();
  // Few rows: the heads of a row are shared out too, at the price of decoding its keys once each.
  const int threads = context.threads().threads();
  const int parts = rows >= 2 * threads ? 1 : std::min(threads, args.heads);
  const auto dim = static_cast<size_t>(args.kv.format.head_dim());
  const size_t scratch_floats =
      kBlockEntries * dim + kBlockEntries + 2 * static_cast<size_t>(args.heads);
  context.threads().parallel_for(rows * parts, 1, [&](int begin, int end, int thread) {
    float* scratch = context.thread_scratch(thread, scratch_floats);
    for (int task = begin; task < end; ++task) {
      const int part = task % parts;
      attend_row(args, range.begin + task / parts, args.heads * part / parts,
                 args.heads * (part + 1) / parts, scratch);
    }
  });
}

}  // namespace hadal::ref
