#include "ops/indexer.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "base/as_size.h"
#include "base/check.h"
#include "base/memory_cutter.h"
#include "numeric/block_scale.h"
#include "numeric/e2m1.h"
#include "numeric/e8m0.h"
#include "ops/cpu/cpu_kernels.h"
#include "ops/cpu/micro_kernels.h"

namespace hadal::cpu {
namespace {

constexpr int kDim = 128;
constexpr int kGroups = kDim / kIndexKeyBlock;
constexpr int kKeysPerTask = 1024;   // of one row
constexpr size_t kScores = 4 << 20;  // kept at a time

// The queries of some rows as integers.
class IntegerQueries {
 public:
  // Memory of `cutter` for so many rows.
  IntegerQueries(MemoryCutter& cutter, int rows, int heads)
      : heads_(as_size(heads)),
        codes_(cutter.take<int8_t>(as_size(rows) * heads_ * kDim)),
        scales_(cutter.take<float>(as_size(rows) * heads_ * kGroups)),
        starts_(cutter.take<GroupStart>(as_size(rows) * heads_ * kGroups)) {}

  // q [rows, heads, 128] lies on the e2m1 grid, so that encoding it again loses nothing.
  void encode(OpContext& context, const float* q, int rows) {
    const int queries = rows * static_cast<int>(heads_);
    context.threads().parallel_for(queries, 8, [&](int begin, int end, int) {
      for (size_t i = as_size(begin); i < as_size(end); ++i) encode(q + i * kDim, i);
    });
  }

  void point_at(int row, IndexScoreArgs& args) const {
    const size_t first = as_size(row) * heads_;
    args.q_codes = codes_ + first * kDim;
    args.q_scales = scales_ + first * kGroups;
    args.q_starts = starts_ + first * kGroups;
  }

 private:
  void encode(const float* q, size_t index) {
    int8_t* codes = codes_ + index * kDim;
    for (size_t g = 0; g < kGroups; ++g) {
      uint8_t packed[kIndexKeyBlock / 2];
      const uint8_t scale = q4_encode_group(q + g * kIndexKeyBlock, packed, kIndexKeyBlock);
      // Codes of queries and of keys stand for twice their value.
      scales_[index * kGroups + g] = 0.25F * e8m0_decode(scale);
      GroupStart start;
      for (size_t i = 0; i < kIndexKeyBlock / 2; ++i) {
        const auto even = static_cast<int8_t>(2 * e2m1_decode(packed[i] & 15));
        const auto odd = static_cast<int8_t>(2 * e2m1_decode(packed[i] >> 4));
        codes[g * kIndexKeyBlock / 2 + i] = even;
        codes[kDim / 2 + g * kIndexKeyBlock / 2 + i] = odd;
        int16_t& half = i % 4 < 2 ? start.first : start.second;
        half = static_cast<int16_t>(half - kFp4Bias * (even + odd));
      }
      starts_[index * kGroups + g] = start;
    }
  }

  size_t heads_;
  int8_t* codes_;
  float* scales_;
  GroupStart* starts_;
};

// What choosing needs of the caller's scratch: the rows that are scored, the queries of all rows,
// and scores of some rows at a time.
struct Scratch {
  Scratch(MemoryCutter& cutter, int all_rows, int heads, int scored_rows, size_t score_count)
      : rows(cutter.take<int>(as_size(scored_rows))),
        queries(cutter, all_rows, heads),
        scores(cutter.take<float>(score_count)) {}

  int* rows;
  IntegerQueries queries;
  float* scores;
};

// Scores of entries [first, first + count) of one row; writes whole groups of kIndexKeys.
void score_entries(const ChooseEntriesArgs& args, const MicroKernels& micro,
                   const IndexScoreArgs& query, int sequence, int first, int count, float* scores) {
  std::array<const std::byte*, kIndexKeys> keys{};
  std::array<const std::byte*, kIndexKeys> key_scales{};
  IndexScoreArgs call = query;
  call.keys = keys.data();
  call.key_scales = key_scales.data();
  for (int j = first; j < first + count; j += kIndexKeys) {
    for (int k = 0; k < kIndexKeys; ++k) {
      // The last group is filled up with its last entry.
      const KvEntry key = args.kv.index_key(sequence, std::min(j + k, first + count - 1));
      keys[as_size(k)] = key.data;
      key_scales[as_size(k)] = key.scales;
    }
    call.scores = scores + (j - first);
    micro.index_scores(call);
  }
}

// Unsigned keys in the order of the floats, NaN as -inf. Without branches, so that loops over
// scores become vectors.
uint32_t order_of(float score) {
  const auto bits = std::bit_cast<uint32_t>(score + 0.0F);  // -0 becomes 0
  const uint32_t flip = (bits & 0x80000000U) != 0 ? 0xffffffffU : 0x80000000U;
  constexpr uint32_t kOrderOfMinusInfinity = 0x007fffffU;
  return score == score ? bits ^ flip : kOrderOfMinusInfinity;
}

constexpr int kBinBits = 12;

// What choosing among `count` scores needs, in floats.
size_t choice_floats(int count) { return (size_t{1} << kBinBits) + 2 * (as_size(count) + 1); }

// The `topk` best of `count` > topk scores, ascending; ties go to the lower entry. Replaces the
// scores by their order. `scratch`: choice_floats(count).
void choose_best(float* scores, int count, int topk, float* scratch, int32_t* chosen) {
  const auto order_at = [&](int entry) { return std::bit_cast<uint32_t>(scores[entry]); };
  for (int j = 0; j < count; ++j) scores[j] = std::bit_cast<float>(order_of(scores[j]));

  // A histogram of the leading bits finds the bin that the last chosen score falls into.
  constexpr int kShift = 32 - kBinBits;
  auto* const bins = reinterpret_cast<int32_t*>(scratch);
  std::fill_n(bins, size_t{1} << kBinBits, 0);
  for (int j = 0; j < count; ++j) ++bins[order_at(j) >> kShift];
  uint32_t bin = (1U << kBinBits) - 1;
  int above = 0;
  for (; above + bins[bin] < topk; --bin) above += bins[bin];

  // Everything from that bin up, ascending by entry; within it the best are found by sorting.
  const uint32_t least = bin << kShift;
  int32_t* const candidates = bins + (size_t{1} << kBinBits);
  int found = 0;
  for (int j = 0; j < count; ++j) {
    candidates[found] = j;
    found += order_at(j) >= least ? 1 : 0;
  }
  int32_t* const best = candidates + count + 1;
  std::copy_n(candidates, found, best);
  int32_t* const last = best + (topk - 1);
  std::nth_element(best, last, best + found, [&](int32_t a, int32_t b) {
    return order_at(a) != order_at(b) ? order_at(a) > order_at(b) : a < b;
  });
  const uint32_t threshold = order_at(*last);
  for (int i = 0; i < found; ++i) {
    const int32_t entry = candidates[i];
    const uint32_t order = order_at(entry);
    if (order > threshold || (order == threshold && entry <= *last)) *chosen++ = entry;
  }
}

}  // namespace

void hadamard(OpContext& context, const HadamardArgs& args) {
  HADAL_CHECK(args.dim > 0 && (args.dim & (args.dim - 1)) == 0);
  if (args.dim < kIndexKeyBlock) return ref::hadamard(context, args);
  const MicroKernels& micro = *context.kernels().micro;
  const float factor = 1.0F / std::sqrt(static_cast<float>(args.dim));
  context.threads().parallel_for(args.rows, 16, [&](int begin, int end, int) {
    for (size_t row = as_size(begin); row < as_size(end); ++row) {
      float* x = args.x + row * as_size(args.dim);
      micro.hadamard(x, args.dim, factor);
      if (args.round_to_fp4) micro.q4_round(x, args.dim);
    }
  });
}

void choose_entries(OpContext& context, const ChooseEntriesArgs& args) {
  if (args.kv.key_format.dim != kDim) return ref::choose_entries(context, args);
  const MicroKernels& micro = *context.kernels().micro;
  const StepPlan& plan = *args.kv.plan;
  const auto visible = [&](int row) { return (plan.positions[as_size(row)] + 1) / args.kv.ratio; };
  // Rows whose entries are all chosen need no scores.
  int most_visible = 0;
  int scored = 0;
  for (int row = 0; row < plan.rows; ++row) {
    int32_t* chosen = args.chosen + as_size(row) * as_size(args.topk);
    std::fill_n(chosen, args.topk, -1);
    if (visible(row) > args.topk) {
      ++scored;
      most_visible = std::max(most_visible, visible(row));
      continue;
    }
    for (int j = 0; j < visible(row); ++j) chosen[j] = j;
  }
  if (scored == 0) return;

  const int tasks_per_row = (most_visible + kKeysPerTask - 1) / kKeysPerTask;
  const size_t scores_per_row = as_size(tasks_per_row) * kKeysPerTask;
  HADAL_CHECK(scores_per_row > 0);  // every row left sees more than top-k entries
  const size_t rows_at_once =
      std::min(as_size(scored), std::max<size_t>(1, kScores / scores_per_row));
  MemoryCutter measure(nullptr);
  const Scratch sizes(measure, plan.rows, args.heads, scored, rows_at_once * scores_per_row);
  MemoryCutter cutter(context.shared_scratch(measure.used()));
  Scratch scratch(cutter, plan.rows, args.heads, scored, rows_at_once * scores_per_row);
  for (int row = 0, next = 0; row < plan.rows; ++row) {
    if (visible(row) > args.topk) scratch.rows[next++] = row;
  }
  scratch.queries.encode(context, args.q, plan.rows);
  for (size_t first = 0; first < as_size(scored); first += rows_at_once) {
    const size_t count = std::min(rows_at_once, as_size(scored) - first);
    context.threads().parallel_for(
        static_cast<int>(count) * tasks_per_row, 1, [&](int begin, int end, int) {
          for (int task = begin; task < end; ++task) {
            const size_t slot = as_size(task / tasks_per_row);
            const int row = scratch.rows[first + slot];
            const int entry = task % tasks_per_row * kKeysPerTask;
            const int left = visible(row) - entry;
            if (left <= 0) continue;
            IndexScoreArgs query{.head_weights = args.weights + as_size(row) * as_size(args.heads),
                                 .heads = args.heads};
            scratch.queries.point_at(row, query);
            score_entries(args, micro, query, plan.row_sequence[as_size(row)], entry,
                          std::min(left, kKeysPerTask),
                          scratch.scores + slot * scores_per_row + as_size(entry));
          }
        });
    context.threads().parallel_for(static_cast<int>(count), 1, [&](int begin, int end, int thread) {
      float* choice = context.thread_scratch(thread, choice_floats(most_visible));
      for (size_t slot = as_size(begin); slot < as_size(end); ++slot) {
        const int row = scratch.rows[first + slot];
        choose_best(scratch.scores + slot * scores_per_row, visible(row), args.topk, choice,
                    args.chosen + as_size(row) * as_size(args.topk));
      }
    });
  }
}

}  // namespace hadal::cpu
