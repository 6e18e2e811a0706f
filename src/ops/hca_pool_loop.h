// The loop of hca_pool around the one step that kernels differ in: how a row joins the running
// softmax of its group.
#pragma once

#include <algorithm>
#include <limits>

#include "ops/compressor.h"

namespace hadal {

// Running softmax of some channels: [n] each.
struct HcaState {
  float* maximum;
  float* sum;
  float* weighted;
};

// join(kv, z, n, state) takes one row's n channels into `state`.
template <typename Join>
void run_hca_pool(OpContext& context, const HcaPoolArgs& args, const Join& join) {
  const StepPlan& plan = *args.plan;
  const int c = args.channels;
  const auto width = static_cast<size_t>(c);
  constexpr int kChannelsPerTask = 64;
  const int parts = (c + kChannelsPerTask - 1) / kChannelsPerTask;
  const int sequences = static_cast<int>(plan.sequences.size());
  context.threads().parallel_for(sequences * parts, 1, [&](int begin, int end, int) {
    for (int task = begin; task < end; ++task) {
      const auto sequence_index = static_cast<size_t>(task / parts);
      const SequenceStep& sequence = plan.sequences[sequence_index];
      const int first = task % parts * kChannelsPerTask;
      const int count = std::min(kChannelsPerTask, c - first);
      float maximum[kChannelsPerTask];
      float sum[kChannelsPerTask];
      float weighted[kChannelsPerTask];
      const float* state = args.state.of(plan, sequence) + first;
      std::copy_n(state, count, maximum);
      std::copy_n(state + width, count, sum);
      std::copy_n(state + 2 * width, count, weighted);
      const auto save_bank = [&](int bank) {
        float* out =
            args.banks + static_cast<size_t>(sequence.first_bank + bank) * 3 * width + first;
        std::copy_n(maximum, count, out);
        std::copy_n(sum, count, out + width);
        std::copy_n(weighted, count, out + 2 * width);
      };
      const int kept = sequence.rows - sequence.droppable_rows;
      if (kept == 0) save_bank(0);
      int group = args.groups->first_group[sequence_index];
      for (int r = 0; r < sequence.rows; ++r) {
        const int in_group = (sequence.start + r) % args.groups->ratio;
        if (in_group == 0) {
          std::fill_n(maximum, count, -std::numeric_limits<float>::infinity());
          std::fill_n(sum, count, 0.0F);
          std::fill_n(weighted, count, 0.0F);
        }
        const float* kv =
            args.rows + static_cast<size_t>(sequence.first_row + r) * 2 * width + first;
        join(kv, kv + width, count, HcaState{.maximum = maximum, .sum = sum, .weighted = weighted});
        if (in_group == args.groups->ratio - 1) {
          float* out = args.out + static_cast<size_t>(group) * width + first;
          for (int i = 0; i < count; ++i) out[i] = weighted[i] / sum[i];
          ++group;
        }
        if (r + 1 >= kept) save_bank(r + 1 - kept);
      }
    }
  });
}

}  // namespace hadal
