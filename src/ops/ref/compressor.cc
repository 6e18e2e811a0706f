#include "ops/compressor.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace hadal::ref {
namespace {

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

}  // namespace

void add_position_bias(OpContext& context, const AddPositionBiasArgs& args) {
  context.threads().parallel_for(args.rows, 16, [&](int begin, int end, int) {
    for (int row = begin; row < end; ++row) {
      float* z = args.z + static_cast<size_t>(row) * args.stride;
      const auto in_group = static_cast<size_t>(args.positions[row] % args.ratio);
      const float* ape = args.ape + in_group * static_cast<size_t>(args.width);
      for (int i = 0; i < args.width; ++i) z[i] += ape[i];
    }
  });
}

void csa_pool(OpContext& context, const CsaPoolArgs& args) {
  const StepPlan& plan = *args.plan;
  const auto c = static_cast<size_t>(args.channels);
  const size_t row_floats = 4 * c;
  const int groups = static_cast<int>(plan.csa.groups.size());
  const int ratio = plan.csa.ratio;
  context.threads().parallel_for(groups, 1, [&](int begin, int end, int) {
    for (int g = begin; g < end; ++g) {
      const CompletedGroup& group = plan.csa.groups[static_cast<size_t>(g)];
      const auto sequence_index = static_cast<size_t>(group.sequence);
      const SequenceStep& sequence = plan.sequences[sequence_index];
      // Rows of the previous group (absent for the first), then of the present one.
      const float* kv[kCsaStateRows];
      const float* z[kCsaStateRows];
      const int first_position = (group.group - 1) * ratio;
      const int skipped = group.group == 0 ? ratio : 0;
      for (int i = skipped; i < 2 * ratio; ++i) {
        const int position = first_position + i;
        const float* row =
            position >= sequence.start
                ? args.rows + static_cast<size_t>(sequence.first_row + position - sequence.start) *
                                  row_floats
                : args.state_rows[sequence_index] +
                      static_cast<size_t>(position % kCsaStateRows) * args.state_stride;
        const size_t role = i < ratio ? 0 : c;
        kv[i] = row + role;
        z[i] = row + 2 * c + role;
      }
      float* out = args.out + static_cast<size_t>(g) * c;
      for (size_t channel = 0; channel < c; ++channel) {
        float maximum = kMinusInfinity;
        for (int i = skipped; i < 2 * ratio; ++i) maximum = std::max(maximum, z[i][channel]);
        float sum = 0;
        float weighted = 0;
        for (int i = skipped; i < 2 * ratio; ++i) {
          const float weight = std::exp(z[i][channel] - maximum);
          sum += weight;
          weighted += weight * kv[i][channel];
        }
        out[channel] = weighted / sum;
      }
    }
  });
}

void hca_pool(OpContext& context, const HcaPoolArgs& args) {
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
      const float* state = args.state[sequence_index] + first;
      std::copy_n(state, count, maximum);
      std::copy_n(state + width, count, sum);
      std::copy_n(state + 2 * width, count, weighted);
      const auto save_bank = [&](int bank) {
        float* out = args.banks[sequence_index] + static_cast<size_t>(bank) * 3 * width + first;
        std::copy_n(maximum, count, out);
        std::copy_n(sum, count, out + width);
        std::copy_n(weighted, count, out + 2 * width);
      };
      const int kept = sequence.rows - sequence.droppable_rows;
      if (kept == 0) save_bank(0);
      int group = plan.hca.first_group[sequence_index];
      for (int r = 0; r < sequence.rows; ++r) {
        const int in_group = (sequence.start + r) % plan.hca.ratio;
        if (in_group == 0) {
          std::fill_n(maximum, count, kMinusInfinity);
          std::fill_n(sum, count, 0.0F);
          std::fill_n(weighted, count, 0.0F);
        }
        const float* kv =
            args.rows + static_cast<size_t>(sequence.first_row + r) * 2 * width + first;
        const float* z = kv + width;
        for (int i = 0; i < count; ++i) {
          const float raised = std::max(maximum[i], z[i]);
          const float keep = std::exp(maximum[i] - raised);
          const float weight = std::exp(z[i] - raised);
          sum[i] = sum[i] * keep + weight;
          weighted[i] = weighted[i] * keep + weight * kv[i];
          maximum[i] = raised;
        }
        if (in_group == plan.hca.ratio - 1) {
          float* out = args.out + static_cast<size_t>(group) * width + first;
          for (int i = 0; i < count; ++i) out[i] = weighted[i] / sum[i];
          ++group;
        }
        if (r + 1 >= kept) save_bank(r + 1 - kept);
      }
    }
  });
}

}  // namespace hadal::ref
