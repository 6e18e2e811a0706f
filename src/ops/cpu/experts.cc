#include "ops/experts.h"

#include <algorithm>
#include <vector>

#include "ops/cpu/cpu_kernels.h"
#include "ops/cpu/micro_kernels.h"

namespace hadal::cpu {
namespace {

size_t as_size(int value) { return static_cast<size_t>(value); }

constexpr int kFp4Block = 32;
// Features of an output that one task computes: whole blocks of the next quantisation, and long
// streams of weights.
int features_per_task(int features) {
  return features % (2 * kInt8Block) == 0 ? 2 * kInt8Block : kInt8Block;
}

// The rows of one expert.
struct Assigned {
  const ExpertWeights* weights = nullptr;
  int first = 0;  // among the assignments
  int rows = 0;
};

// Buffers of one task: gate and up [rows, task features], and the scratch of FP4 tiles.
struct TaskScratch {
  float* gate;
  float* up;
  float* tile;
};

// Features [feature, feature + count) of `weight` for the rows of `x`; the caller sets the rest.
Fp4Int8DotArgs fp4_part(const WeightMatrix& weight, int feature, int count) {
  const size_t columns = as_size(weight.in_features);
  const size_t first = as_size(feature);
  return {.weights = weight.data + first * (columns / 2),
          .scales = weight.scale + first * (columns / kFp4Block),
          .features = std::min(count, weight.out_features - feature),
          .columns = weight.in_features};
}

// Columns [feature, feature + count) of an expert's gated activations, quantised as they come.
void gate_task(const ExpertsArgs& args, const MicroKernels& micro, const Assigned& assigned,
               int feature, int count, const TaskScratch& scratch,
               const QuantizeInt8RowsArgs& gated) {
  const Dispatch& dispatch = *args.dispatch;
  Fp4Int8DotArgs gate_dot = fp4_part(assigned.weights->w1, feature, count);
  Fp4Int8DotArgs up_dot = fp4_part(assigned.weights->w3, feature, count);
  for (Fp4Int8DotArgs* dot : {&gate_dot, &up_dot}) {
    dot->x = args.x_int8;
    dot->row_index = dispatch.row.data() + assigned.first;
    dot->rows = assigned.rows;
    dot->out_stride = as_size(count);
    dot->scratch = scratch.tile;
  }
  gate_dot.out = scratch.gate;
  gate_dot.next_weights = up_dot.weights;
  up_dot.out = scratch.up;
  micro.fp4_int8_dot(gate_dot);
  micro.fp4_int8_dot(up_dot);
  for (int r = 0; r < assigned.rows; ++r) {
    const size_t assignment = as_size(assigned.first + r);
    float* gate = scratch.gate + as_size(r * count);
    micro.swiglu(gate, scratch.up + as_size(r * count), gate, count, args.swiglu_limit,
                 dispatch.weight[assignment]);
    const size_t offset = assignment * as_size(args.width) + as_size(feature);
    micro.quantize_int8({.x = gate,
                         .columns = count,
                         .codes = gated.codes + offset,
                         .scales = gated.scales + offset / kInt8Block,
                         .group_sums = gated.group_sums + offset / kFp4Block});
  }
}

bool all_have_int8_form(const ExpertsArgs& args) {
  return args.x_int8.codes != nullptr && args.width % kInt8Block == 0 &&
         has_int8_form(args.experts[0].w1) && has_int8_form(args.experts[0].w2);
}

}  // namespace

void experts(OpContext& context, const ExpertsArgs& args) {
  if (!all_have_int8_form(args)) return ref::experts(context, args);
  const MicroKernels& micro = *context.kernels().micro;
  const Dispatch& dispatch = *args.dispatch;
  std::vector<Assigned> active;
  int most_rows = 0;
  for (int e = 0; e < args.expert_count; ++e) {
    const int first = dispatch.first[as_size(e)];
    const int rows = dispatch.first[as_size(e) + 1] - first;
    if (rows == 0) continue;
    active.push_back({.weights = &args.experts[e], .first = first, .rows = rows});
    most_rows = std::max(most_rows, rows);
  }
  const size_t assignments = dispatch.row.size();
  const size_t gated_values = assignments * as_size(args.width);
  // Codes, sums and scales of the gated activations, one after the other.
  float* memory = context.shared_scratch(gated_values / 4 + gated_values / kFp4Block +
                                         gated_values / kInt8Block);
  QuantizeInt8RowsArgs gated;
  gated.codes = reinterpret_cast<int8_t*>(memory);
  gated.group_sums = reinterpret_cast<int32_t*>(memory + gated_values / 4);
  gated.scales = memory + gated_values / 4 + gated_values / kFp4Block;

  const int width_count = features_per_task(args.width);
  const int width_tasks = args.width / width_count;
  const size_t tile_floats = fp4_tile_floats(std::max(args.hidden, args.width));
  const size_t rows_floats = as_size(most_rows) * as_size(width_count);
  const int experts_active = static_cast<int>(active.size());
  context.threads().parallel_for(
      experts_active * width_tasks, 1, [&](int begin, int end, int thread) {
        float* memory_of_thread = context.thread_scratch(thread, tile_floats + 2 * rows_floats);
        const TaskScratch scratch{.gate = memory_of_thread + tile_floats,
                                  .up = memory_of_thread + tile_floats + rows_floats,
                                  .tile = memory_of_thread};
        for (int task = begin; task < end; ++task) {
          gate_task(args, micro, active[as_size(task / width_tasks)],
                    task % width_tasks * width_count, width_count, scratch, gated);
        }
      });

  const int hidden_count = features_per_task(args.hidden);
  const int hidden_tasks = (args.hidden + hidden_count - 1) / hidden_count;
  context.threads().parallel_for(
      experts_active * hidden_tasks, 1, [&](int begin, int end, int thread) {
        for (int task = begin; task < end; ++task) {
          const Assigned& assigned = active[as_size(task / hidden_tasks)];
          const int feature = task % hidden_tasks * hidden_count;
          const size_t offset = as_size(assigned.first) * as_size(args.width);
          Fp4Int8DotArgs down = fp4_part(assigned.weights->w2, feature, hidden_count);
          down.x = {.codes = gated.codes + offset,
                    .scales = gated.scales + offset / kInt8Block,
                    .group_sums = gated.group_sums + offset / kFp4Block,
                    .columns = as_size(args.width)};
          down.rows = assigned.rows;
          down.out = args.out + as_size(assigned.first) * as_size(args.hidden) + feature;
          down.out_stride = as_size(args.hidden);
          down.scratch = context.thread_scratch(thread, tile_floats);
          micro.fp4_int8_dot(down);
        }
      });
}

}  // namespace hadal::cpu
