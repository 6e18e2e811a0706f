#include "ops/indexer.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/independent_iterations.h"
#include "numeric/block_scale.h"
#include "ops/kv_entry.h"
#include "ops/ref/dot.h"

namespace hadal::ref {
namespace {

// The first two steps of the butterfly at once, then loops that are whole vectors.
void hadamard_row(float* x, int dim, float factor) {
  int half = 1;
  if (dim >= 4) {
    half = 4;
    for (int i = 0; i < dim; i += 4) {
      const float a = x[i] + x[i + 1];
      const float b = x[i] - x[i + 1];
      const float c = x[i + 2] + x[i + 3];
      const float d = x[i + 2] - x[i + 3];
      x[i] = a + c;
      x[i + 1] = b + d;
      x[i + 2] = a - c;
      x[i + 3] = b - d;
    }
  }
  for (; half < dim; half *= 2) {
    for (int begin = 0; begin < dim; begin += 2 * half) {
      float* low = x + begin;
      float* high = low + half;
      HADAL_INDEPENDENT_ITERATIONS
      for (int i = 0; i < half; ++i) {
        const float a = low[i];
        const float b = high[i];
        low[i] = a + b;
        high[i] = a - b;
      }
    }
  }
  for (int i = 0; i < dim; ++i) x[i] *= factor;
}

struct ScoredEntry {
  float score;
  int32_t entry;
};

bool scores_before(const ScoredEntry& a, const ScoredEntry& b) {
  return a.score != b.score ? a.score > b.score : a.entry < b.entry;
}

}  // namespace

void hadamard(OpContext& context, const HadamardArgs& args) {
  HADAL_CHECK(args.dim > 0 && (args.dim & (args.dim - 1)) == 0);
  const float factor = 1.0F / std::sqrt(static_cast<float>(args.dim));
  context.threads().parallel_for(args.rows, 16, [&](int begin, int end, int) {
    for (int row = begin; row < end; ++row) {
      float* x = args.x + static_cast<size_t>(row) * static_cast<size_t>(args.dim);
      hadamard_row(x, args.dim, factor);
      if (args.round_to_fp4) q4_round(x, x, args.dim, kIndexKeyBlock);
    }
  });
}

void choose_entries(OpContext& context, const ChooseEntriesArgs& args) {
  const StepPlan& plan = *args.kv.plan;
  const int dim = args.kv.key_format.dim;
  const auto head_floats = static_cast<size_t>(dim);
  const auto topk = static_cast<size_t>(args.topk);
  context.threads().parallel_for(plan.rows, 1, [&](int begin, int end, int thread) {
    int longest = 0;
    for (int row = begin; row < end; ++row) {
      longest = std::max(longest, (plan.positions[static_cast<size_t>(row)] + 1) / args.kv.ratio);
    }
    constexpr size_t kEntryFloats = sizeof(ScoredEntry) / sizeof(float);
    float* key =
        context.thread_scratch(thread, head_floats + kEntryFloats * static_cast<size_t>(longest));
    auto* const scored = reinterpret_cast<ScoredEntry*>(key + head_floats);
    for (int row = begin; row < end; ++row) {
      const auto index = static_cast<size_t>(row);
      const int visible = (plan.positions[index] + 1) / args.kv.ratio;
      int32_t* chosen = args.chosen + index * topk;
      std::fill_n(chosen, topk, -1);
      if (visible <= args.topk) {
        for (int j = 0; j < visible; ++j) chosen[j] = j;
        continue;
      }
      const float* q = args.q + index * static_cast<size_t>(args.heads) * head_floats;
      const float* weights = args.weights + index * static_cast<size_t>(args.heads);
      for (int j = 0; j < visible; ++j) {
        decode_index_key(args.kv.key_format, args.kv.index_key(plan.row_sequence[index], j), key);
        float score = 0;
        for (int head = 0; head < args.heads; ++head) {
          const float product = dot(q + static_cast<size_t>(head) * head_floats, key, dim);
          score += weights[head] * std::max(0.0F, product);
        }
        // A NaN would break the order that the selection relies on.
        scored[j] = {std::isnan(score) ? -INFINITY : score, j};
      }
      std::nth_element(scored, scored + args.topk - 1, scored + visible, scores_before);
      for (size_t i = 0; i < topk; ++i) chosen[i] = scored[i].entry;
      std::sort(chosen, chosen + topk);
    }
  });
}

}  // namespace hadal::ref
