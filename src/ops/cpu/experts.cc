#include "ops/experts.h"

#include <algorithm>

#include "base/as_size.h"
#include "base/memory_cutter.h"
#include "numeric/block_scale.h"
#include "ops/cpu/cpu_kernels.h"
#include "ops/cpu/micro_kernels.h"

namespace hadal::cpu {
namespace {

static_assert(kInt8Block == kBf16Block);

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

// Features [feature, feature + count) of a weight times all rows of an expert.
struct Product {
  const WeightMatrix& weight;
  int feature = 0;
  int count = 0;
  int rows = 0;
  float* out = nullptr;  // [rows], `out_stride` apart
  size_t out_stride = 0;
  float* scratch = nullptr;                 // of the form's scratch_floats()
  const std::byte* next_weights = nullptr;  // read after these; null: those behind

  const std::byte* weights() const {
    return weight.data + as_size(feature) * as_size(weight.in_features / 2);
  }
  const std::byte* scales() const {
    return weight.scale + as_size(feature) * as_size(weight.in_features / kFp4Block);
  }
  int features() const { return std::min(count, weight.out_features - feature); }
};

// Inputs and gated activations in int8.
class Int8Form {
 public:
  Int8Form(const ExpertsArgs& args, const MicroKernels& micro)
      : x_(args.x_int8), micro_(micro), width_(as_size(args.width)) {}

  static size_t scratch_floats(int columns) { return fp4_tile_floats(columns); }
  // Codes, scales and sums of `values` gated activations, one after the other.
  static size_t gated_floats(size_t values) {
    return values / 4 + values / kFp4Block + 2 * (values / kInt8Block);
  }
  void place_gated(float* memory, size_t values) {
    codes_ = reinterpret_cast<int8_t*>(memory);
    scales_ = memory + values / 4;
    group_starts_ = reinterpret_cast<GroupStart*>(scales_ + values / kInt8Block);
    block_sums_ = reinterpret_cast<int32_t*>(group_starts_ + values / kFp4Block);
  }

  void from_input(const Product& product, const int32_t* row_index) const {
    multiply(product, x_, row_index);
  }
  void from_gated(const Product& product, int first) const {
    const size_t offset = as_size(first) * width_;
    multiply(product,
             {.codes = codes_ + offset,
              .scales = scales_ + offset / kInt8Block,
              .group_starts = group_starts_ + offset / kFp4Block,
              .block_sums = block_sums_ + offset / kInt8Block,
              .columns = width_},
             nullptr);
  }
  // `count` gated activations of an assignment from `feature` on.
  void keep_gated(float* gated, int count, int assignment, int feature) const {
    const size_t offset = as_size(assignment) * width_ + as_size(feature);
    micro_.quantize_int8({.x = gated,
                          .columns = count,
                          .codes = codes_ + offset,
                          .scales = scales_ + offset / kInt8Block,
                          .group_starts = group_starts_ + offset / kFp4Block,
                          .block_sums = block_sums_ + offset / kInt8Block});
  }

 private:
  void multiply(const Product& product, const Int8Rows& x, const int32_t* row_index) const {
    micro_.fp4_int8_dot({.weights = product.weights(),
                         .scales = product.scales(),
                         .features = product.features(),
                         .columns = product.weight.in_features,
                         .x = x,
                         .row_index = row_index,
                         .rows = product.rows,
                         .out = product.out,
                         .out_stride = product.out_stride,
                         .scratch = product.scratch,
                         .next_weights = product.next_weights});
  }

  Int8Rows x_;
  const MicroKernels& micro_;
  size_t width_;
  int8_t* codes_ = nullptr;
  float* scales_ = nullptr;
  GroupStart* group_starts_ = nullptr;
  int32_t* block_sums_ = nullptr;
};

// The same in bf16: values of the e4m3 grid.
class Bf16Form {
 public:
  Bf16Form(const ExpertsArgs& args, const MicroKernels& micro)
      : x_(args.x_bf16), micro_(micro), width_(as_size(args.width)) {}

  static size_t scratch_floats(int) { return kBf16ScratchFloats; }
  static size_t gated_floats(size_t values) { return values / 2; }
  void place_gated(float* memory, size_t) { gated_ = reinterpret_cast<uint16_t*>(memory); }

  void from_input(const Product& product, const int32_t* row_index) const {
    multiply(product, x_, row_index);
  }
  void from_gated(const Product& product, int first) const {
    multiply(product, {.values = gated_ + as_size(first) * width_, .columns = width_}, nullptr);
  }
  void keep_gated(float* gated, int count, int assignment, int feature) const {
    q8_round(gated, gated, count, kBf16Block);
    micro_.pack_bf16(gated, count, gated_ + as_size(assignment) * width_ + as_size(feature));
  }

 private:
  void multiply(const Product& product, const Bf16Rows& x, const int32_t* row_index) const {
    const size_t columns = as_size(product.weight.in_features);
    micro_.bf16_dot({.format = WeightFormat::kFp4,
                     .weights = product.weights(),
                     .weight_stride = columns / 2,
                     .scales = product.scales(),
                     .scale_stride = columns / kFp4Block,
                     .features = product.features(),
                     .columns = product.weight.in_features,
                     .x = x,
                     .row_index = row_index,
                     .rows = product.rows,
                     .out = product.out,
                     .out_stride = product.out_stride,
                     .scratch = product.scratch});
  }

  Bf16Rows x_;
  const MicroKernels& micro_;
  size_t width_;
  uint16_t* gated_ = nullptr;
};

// Columns [feature, feature + count) of an expert's gated activations, kept in their form as they
// come. `scratch` holds that of the form, then gate and up, [rows, count] each.
template <typename Form>
void gate_task(const ExpertsArgs& args, const MicroKernels& micro, const Form& form,
               const Assigned& assigned, int feature, int count, float* scratch) {
  const Dispatch& dispatch = args.dispatch;
  const int32_t* row_index = dispatch.row + assigned.first;
  float* gate = scratch + Form::scratch_floats(args.hidden);
  float* up = gate + as_size(assigned.rows * count);
  Product product{.weight = assigned.weights->w3,
                  .feature = feature,
                  .count = count,
                  .rows = assigned.rows,
                  .out = up,
                  .out_stride = as_size(count),
                  .scratch = scratch};
  const Product gate_product{.weight = assigned.weights->w1,
                             .feature = feature,
                             .count = count,
                             .rows = assigned.rows,
                             .out = gate,
                             .out_stride = as_size(count),
                             .scratch = scratch,
                             .next_weights = product.weights()};
  form.from_input(gate_product, row_index);
  form.from_input(product, row_index);
  for (int r = 0; r < assigned.rows; ++r) {
    const int assignment = assigned.first + r;
    float* gated = gate + as_size(r * count);
    micro.swiglu(gated, up + as_size(r * count), gated, count, args.swiglu_limit,
                 dispatch.weight[assignment]);
    form.keep_gated(gated, count, assignment, feature);
  }
}

template <typename Form>
void run_experts(OpContext& context, const ExpertsArgs& args) {
  const MicroKernels& micro = *context.kernels().micro;
  const Dispatch& dispatch = args.dispatch;
  const size_t gated_values = as_size(dispatch.assignments) * as_size(args.width);
  MemoryCutter measure(nullptr);
  measure.take<Assigned>(as_size(args.range.count));
  measure.take<float>(Form::gated_floats(gated_values));
  MemoryCutter cutter(context.shared_scratch(measure.used()));
  auto* const active = cutter.take<Assigned>(as_size(args.range.count));
  Form form(args, micro);
  form.place_gated(cutter.take<float>(Form::gated_floats(gated_values)), gated_values);
  int experts_active = 0;
  int most_rows = 0;
  for (int e = 0; e < args.range.count; ++e) {
    const int32_t* const range = dispatch.first + args.range.first + e;
    const int rows = range[1] - range[0];
    if (rows == 0) continue;
    active[experts_active++] = {.weights = &args.experts[e], .first = range[0], .rows = rows};
    most_rows = std::max(most_rows, rows);
  }

  const int width_count = features_per_task(args.width);
  const int width_tasks = args.width / width_count;
  const size_t gate_floats =
      Form::scratch_floats(args.hidden) + 2 * as_size(most_rows) * as_size(width_count);
  context.threads().parallel_for(
      experts_active * width_tasks, 1, [&](int begin, int end, int thread) {
        float* scratch = context.thread_scratch(thread, gate_floats);
        for (int task = begin; task < end; ++task) {
          gate_task(args, micro, form, active[task / width_tasks], task % width_tasks * width_count,
                    width_count, scratch);
        }
      });

  const int hidden_count = features_per_task(args.hidden);
  const int hidden_tasks = (args.hidden + hidden_count - 1) / hidden_count;
  context.threads().parallel_for(
      experts_active * hidden_tasks, 1, [&](int begin, int end, int thread) {
        float* scratch = context.thread_scratch(thread, Form::scratch_floats(args.width));
        for (int task = begin; task < end; ++task) {
          const Assigned& assigned = active[task / hidden_tasks];
          const int feature = task % hidden_tasks * hidden_count;
          form.from_gated(
              {.weight = assigned.weights->w2,
               .feature = feature,
               .count = hidden_count,
               .rows = assigned.rows,
               .out = args.out + as_size(assigned.first) * as_size(args.hidden) + feature,
               .out_stride = as_size(args.hidden),
               .scratch = scratch},
              assigned.first);
        }
      });
}

}  // namespace

void experts(OpContext& context, const ExpertsArgs& args) {
  const ExpertWeights& first = args.experts[0];
  if (args.width % kInt8Block != 0) return ref::experts(context, args);
  if (args.x_int8.codes != nullptr && has_int8_form(first.w1) && has_int8_form(first.w2)) {
    return run_experts<Int8Form>(context, args);
  }
  if (args.x_bf16.values != nullptr && context.kernels().micro->bf16_dot != nullptr &&
      first.w1.format == WeightFormat::kFp4 && has_bf16_form(first.w1) && has_bf16_form(first.w2)) {
    return run_experts<Bf16Form>(context, args);
  }
  ref::experts(context, args);
}

}  // namespace hadal::cpu
