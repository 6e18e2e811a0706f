#include "ops/compressor.h"

#include <algorithm>
#include <limits>

#include "numeric/elementary.h"
#include "ops/hca_pool_loop.h"

namespace hadal {

const float* CompressorState::of(const StepPlan& plan, const SequenceStep& sequence) const {
  const int32_t id = plan.state_table[static_cast<size_t>(sequence.first_state_unit + unit)];
  return reinterpret_cast<const float*>(pool + static_cast<size_t>(id) * block_bytes + offset);
}

CsaGroupRows csa_group_rows(const CsaPoolArgs& args, int group) {
  const StepPlan& plan = *args.plan;
  const CompletedGroup& completed = args.groups->groups[static_cast<size_t>(group)];
  const SequenceStep& sequence = plan.sequences[static_cast<size_t>(completed.sequence)];
  const float* const state = args.state.of(plan, sequence);
  const auto c = static_cast<size_t>(args.channels);
  const int ratio = args.groups->ratio;
  const int first_position = (completed.group - 1) * ratio;
  CsaGroupRows result;
  for (int i = completed.group == 0 ? ratio : 0; i < 2 * ratio; ++i) {
    const int position = first_position + i;
    const float* row =
        position >= sequence.start
            ? args.rows +
                  static_cast<size_t>(sequence.first_row + position - sequence.start) * 4 * c
            : state + static_cast<size_t>(position % kCsaStateRows) * args.state_stride;
    const size_t role = i < ratio ? 0 : c;
    result.kv[result.count] = row + role;
    result.z[result.count] = row + 2 * c + role;
    ++result.count;
  }
  return result;
}

namespace ref {

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

void keep_tail(OpContext&, const KeepTailArgs& args) {
  const StepPlan& plan = *args.plan;
  const size_t width = args.main_floats + args.index_floats;
  for (int row = args.range.begin; row < args.range.end; ++row) {
    const auto index = static_cast<size_t>(row);
    const SequenceStep& sequence = plan.sequences[static_cast<size_t>(plan.row_sequence[index])];
    const int end = sequence.first_row + sequence.rows;
    const int tail_row = row - (end - sequence.tail_rows());
    if (tail_row < 0) continue;
    float* kept = args.tail + static_cast<size_t>(sequence.first_tail_row + tail_row) * width;
    std::copy_n(args.main + index * args.main_floats, args.main_floats, kept);
    std::copy_n(args.index + index * args.index_floats, args.index_floats, kept + args.main_floats);
  }
}

void csa_pool(OpContext& context, const CsaPoolArgs& args) {
  const auto c = static_cast<size_t>(args.channels);
  const int groups = static_cast<int>(args.groups->groups.size());
  context.threads().parallel_for(groups, 1, [&](int begin, int end, int) {
    for (int group = begin; group < end; ++group) {
      const CsaGroupRows rows = csa_group_rows(args, group);
      float* out = args.out + static_cast<size_t>(group) * c;
      for (size_t channel = 0; channel < c; ++channel) {
        float maximum = -std::numeric_limits<float>::infinity();
        for (int i = 0; i < rows.count; ++i) maximum = std::max(maximum, rows.z[i][channel]);
        float sum = 0;
        float weighted = 0;
        for (int i = 0; i < rows.count; ++i) {
          const float weight = elementary::exp(rows.z[i][channel] - maximum);
          sum += weight;
          weighted += weight * rows.kv[i][channel];
        }
        out[channel] = weighted / sum;
      }
    }
  });
}

void hca_pool(OpContext& context, const HcaPoolArgs& args) {
  run_hca_pool(context, args, [](const float* kv, const float* z, int n, const HcaState& state) {
    for (int i = 0; i < n; ++i) {
      const float raised = std::max(state.maximum[i], z[i]);
      const float keep = elementary::exp(state.maximum[i] - raised);
      const float weight = elementary::exp(z[i] - raised);
      state.sum[i] = state.sum[i] * keep + weight;
      state.weighted[i] = state.weighted[i] * keep + weight * kv[i];
      state.maximum[i] = raised;
    }
  });
}

}  // namespace ref
}  // namespace hadal
