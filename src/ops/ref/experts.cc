#include "ops/experts.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/memory_cutter.h"
#include "base/unaligned.h"
#include "numeric/elementary.h"
#include "ops/int8_buffer.h"
#include "ops/swiglu.h"

namespace hadal::ref {
namespace {

constexpr int kMaxTopk = 64;

// sqrt(softplus(x)); softplus is linear above 20, where the two agree to the last bit.
float score_of(float logit) {
  const float softplus = logit > 20.0F ? logit : elementary::log1p(elementary::exp(logit));
  return std::sqrt(softplus);
}

struct Candidate {
  float key;
  int32_t expert;
};

bool chosen_before(const Candidate& a, const Candidate& b) {
  return a.key != b.key ? a.key > b.key : a.expert < b.expert;
}

// The ids of the top-k experts by score + bias.
void choose_by_score(const RouteArgs& args, const float* scores, Candidate* candidates,
                     int32_t* chosen) {
  for (int e = 0; e < args.expert_count; ++e) {
    const float key = scores[e] + args.bias[e];
    candidates[e] = {std::isnan(key) ? -INFINITY : key, e};
  }
  std::partial_sort(candidates, candidates + args.topk, candidates + args.expert_count,
                    chosen_before);
  for (int k = 0; k < args.topk; ++k) chosen[k] = candidates[k].expert;
}

void choose_by_hash(const RouteArgs& args, int32_t token, int32_t* chosen) {
  const std::byte* row = args.hash_table + static_cast<size_t>(token) *
                                               static_cast<size_t>(args.topk) * sizeof(int64_t);
  for (int k = 0; k < args.topk; ++k) {
    const auto expert = load_unaligned<int64_t>(row + static_cast<size_t>(k) * sizeof(int64_t));
    HADAL_CHECK(expert >= 0 && expert < args.expert_count);
    chosen[k] = static_cast<int32_t>(expert);
  }
}

// What the rows of one expert need.
struct Scratch {
  Scratch(MemoryCutter& cutter, const ExpertsArgs& args, int rows)
      : inputs(cutter.take<float>(static_cast<size_t>(rows) * static_cast<size_t>(args.hidden))),
        gate_up(
            cutter.take<float>(2 * static_cast<size_t>(rows) * static_cast<size_t>(args.width))),
        int8(cutter.take<std::byte>(int8_bytes(rows, std::max(args.hidden, args.width)))) {}

  static size_t int8_bytes(int rows, int columns) {
    MemoryCutter measure(nullptr);
    place_int8_rows(measure, nullptr, rows, columns);
    return measure.used();
  }

  float* inputs;    // [rows, hidden]
  float* gate_up;   // [2, rows, width]
  std::byte* int8;  // inputs, then gated activations
};

// None when `columns` is not a multiple of 128.
Int8Rows quantize(OpContext& context, std::byte* memory, const float* x, int rows, int columns) {
  if (columns % kInt8Block != 0) return {};
  MemoryCutter cutter(memory);
  const QuantizeInt8RowsArgs args = place_int8_rows(cutter, x, rows, columns);
  ops::quantize_int8_rows(context, args);
  return rows_in(args);
}

}  // namespace

void route(OpContext& context, const RouteArgs& args) {
  HADAL_CHECK(args.topk >= 1 && args.topk <= std::min(kMaxTopk, args.expert_count));
  HADAL_CHECK((args.bias == nullptr) != (args.hash_table == nullptr));
  const auto experts = static_cast<size_t>(args.expert_count);
  context.threads().parallel_for(args.rows, 8, [&](int begin, int end, int thread) {
    float* scores = context.thread_scratch(thread, 3 * experts);
    auto* candidates = reinterpret_cast<Candidate*>(scores + experts);
    for (int row = begin; row < end; ++row) {
      const auto index = static_cast<size_t>(row);
      const float* logits = args.logits + index * experts;
      for (size_t e = 0; e < experts; ++e) scores[e] = score_of(logits[e]);
      int32_t* chosen = args.experts + index * static_cast<size_t>(args.topk);
      float* weights = args.weights + index * static_cast<size_t>(args.topk);
      if (args.hash_table != nullptr) {
        choose_by_hash(args, args.tokens[row], chosen);
      } else {
        choose_by_score(args, scores, candidates, chosen);
      }
      std::sort(chosen, chosen + args.topk);
      float sum = 0;
      for (int k = 0; k < args.topk; ++k) sum += scores[chosen[k]];
      for (int k = 0; k < args.topk; ++k) weights[k] = scores[chosen[k]] / sum * args.scaling;
    }
  });
}

void dispatch(OpContext&, const DispatchArgs& args) {
  const Dispatch& out = args.out;
  const auto experts = static_cast<size_t>(args.expert_count);
  const int assignments = args.rows * args.topk;
  // While it is filled, first[e + 1] is where the next assignment of expert e goes.
  std::fill_n(out.first, experts + 1, 0);
  for (int i = 0; i < assignments; ++i) {
    const auto expert = static_cast<size_t>(args.experts[i]);
    if (expert + 1 < experts) ++out.first[expert + 2];
  }
  for (size_t e = 2; e <= experts; ++e) out.first[e] += out.first[e - 1];
  for (int i = 0; i < assignments; ++i) {
    const int32_t slot = out.first[static_cast<size_t>(args.experts[i]) + 1]++;
    out.row[slot] = i / args.topk;
    out.weight[slot] = args.weights[i];
    out.slot_of[i] = slot;
  }
}

void experts(OpContext& context, const ExpertsArgs& args) {
  const Dispatch& dispatch = args.dispatch;
  const auto hidden = static_cast<size_t>(args.hidden);
  const auto width = static_cast<size_t>(args.width);
  const bool int8 = args.policy == ActivationPolicy::kInt8;
  int most_rows = 0;
  for (int e = 0; e < args.range.count; ++e) {
    const int32_t* const range = dispatch.first + args.range.first + e;
    most_rows = std::max(most_rows, range[1] - range[0]);
  }
  MemoryCutter measure(nullptr);
  const Scratch sizes(measure, args, most_rows);
  MemoryCutter cutter(context.shared_scratch(measure.used()));
  const Scratch scratch(cutter, args, most_rows);
  for (int e = 0; e < args.range.count; ++e) {
    const int32_t* const range = dispatch.first + args.range.first + e;
    const int32_t first = range[0];
    const int rows = range[1] - first;
    if (rows == 0) continue;
    const auto count = static_cast<size_t>(rows);
    float* const x = scratch.inputs;
    for (size_t i = 0; i < count; ++i) {
      const auto row = static_cast<size_t>(dispatch.row[static_cast<size_t>(first) + i]);
      std::copy_n(args.x + row * hidden, hidden, x + i * hidden);
    }
    const Int8Rows x_int8 =
        int8 ? quantize(context, scratch.int8, x, rows, args.hidden) : Int8Rows{};
    float* const gate = scratch.gate_up;
    float* const up = gate + count * width;
    const ExpertWeights& expert = args.experts[e];
    ops::linear(context, {.x = x,
                          .weight = expert.w1,
                          .out = gate,
                          .rows = rows,
                          .x_stride = hidden,
                          .out_stride = width,
                          .x_int8 = x_int8});
    ops::linear(context, {.x = x,
                          .weight = expert.w3,
                          .out = up,
                          .rows = rows,
                          .x_stride = hidden,
                          .out_stride = width,
                          .x_int8 = x_int8});
    ops::swiglu(context, {.gate = gate,
                          .up = up,
                          .row_weights = dispatch.weight + first,
                          .out = gate,
                          .rows = rows,
                          .width = args.width,
                          .limit = args.swiglu_limit});
    ops::round_activations(
        context,
        {.x = gate, .out = gate, .rows = rows, .columns = args.width, .policy = args.policy});
    const Int8Rows gated_int8 =
        int8 ? quantize(context, scratch.int8, gate, rows, args.width) : Int8Rows{};
    ops::linear(context, {.x = gate,
                          .weight = expert.w2,
                          .out = args.out + static_cast<size_t>(first) * hidden,
                          .rows = rows,
                          .x_stride = width,
                          .out_stride = hidden,
                          .x_int8 = gated_int8});
  }
}

void combine(OpContext& context, const CombineArgs& args) {
  const auto hidden = static_cast<size_t>(args.hidden);
  const auto topk = static_cast<size_t>(args.topk);
  context.threads().parallel_for(args.rows, 4, [&](int begin, int end, int) {
    for (int row = begin; row < end; ++row) {
      const auto index = static_cast<size_t>(row);
      float* out = args.out + index * hidden;
      std::fill_n(out, hidden, 0.0F);
      for (size_t k = 0; k < topk; ++k) {
        const auto slot = static_cast<size_t>(args.slot_of[index * topk + k]);
        const float* expert = args.expert_out + slot * hidden;
        for (size_t i = 0; i < hidden; ++i) out[i] += expert[i];
      }
      const float* shared = args.shared + index * hidden;
      for (size_t i = 0; i < hidden; ++i) out[i] += shared[i];
    }
  });
}

}  // namespace hadal::ref
