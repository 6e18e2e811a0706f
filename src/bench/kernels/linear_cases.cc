#include <algorithm>
#include <fmt/format.h>
#include <memory>

#include "base/as_size.h"
#include "bench/kernels/case_inputs.h"
#include "bench/kernels/kernel_case.h"
#include "ops/bf16_buffer.h"
#include "ops/int8_buffer.h"
#include "ops/linear.h"

namespace hadal {
namespace {

struct Shape {
  std::string name;
  int out = 0;
  int in = 0;
};

struct Form {
  std::string name;
  WeightFormat format = WeightFormat::kF32;
  Arithmetic arithmetic = Arithmetic::kFloat;  // which follows from the form of the inputs
};

const Form kFp4Int8{"fp4 x int8", WeightFormat::kFp4, Arithmetic::kFp4Int8};
const Form kFp4Bf16{"fp4 x bf16", WeightFormat::kFp4, Arithmetic::kBf16};
const Form kFp4Float{"fp4 x f32", WeightFormat::kFp4};
const Form kInt8Int8{"int8 x int8", WeightFormat::kFp8, Arithmetic::kInt8};
const Form kFp8Bf16{"fp8 x bf16", WeightFormat::kFp8, Arithmetic::kBf16};
const Form kFp8Float{"fp8 x f32", WeightFormat::kFp8, Arithmetic::kFp8Float};
const Form kBf16Float{"bf16 x f32", WeightFormat::kBf16};
const Form kF32Float{"f32 x f32", WeightFormat::kF32};

// Inputs and outputs of one case, made on first use.
struct LinearBuffers {
  AlignedBuffer<float> x;
  AlignedBuffer<float> out;
  Int8Buffer quantised;
  Int8Rows int8;
  Bf16Buffer packed;
  Bf16Rows bf16;
};

KernelCase linear_case(const CaseOptions& options, const std::string& model, const Form& form,
                       const Shape& shape, int rows) {
  const bool tiles = form.format == WeightFormat::kFp8 && form.arithmetic == Arithmetic::kInt8;
  auto buffers = std::make_shared<LinearBuffers>();
  WeightArena* arena = options.arena;
  return {.group = fmt::format("linear {}, {}", form.name, rows == 1 ? "1 row" : "rows"),
          .name = rows == 1 ? fmt::format("{} {} {}x{}", model, shape.name, shape.out, shape.in)
                            : fmt::format("{} {} {}x{}, {} rows", model, shape.name, shape.out,
                                          shape.in, rows),
          .bytes = static_cast<double>((tiles ? int8_tile_bytes(shape.out, shape.in)
                                              : weight_bytes(form.format, shape.out, shape.in))
                                           .all()),
          .macs = static_cast<double>(shape.out) * shape.in * rows,
          // More rows share the conversion.
          .arithmetic = form.arithmetic == Arithmetic::kFp8Float && rows > 1 ? Arithmetic::kFloat
                                                                             : form.arithmetic,
          .run = [=](OpContext& context) {
            if (buffers->x.size() == 0) {
              fill_floats(buffers->x, as_size(rows) * as_size(shape.in));
              buffers->out.at_least(as_size(rows) * as_size(shape.out));
              float* x = buffers->x.data();
              if (form.arithmetic == Arithmetic::kInt8 || form.arithmetic == Arithmetic::kFp4Int8) {
                buffers->int8 = buffers->quantised.quantize(context, x, rows, shape.in);
              } else if (form.arithmetic == Arithmetic::kBf16) {
                ops::round_activations(context,
                                       {.x = x, .out = x, .rows = rows, .columns = shape.in});
                buffers->bf16 = buffers->packed.pack(context, x, rows, shape.in);
              }
            }
            ops::linear(context, {.x = buffers->x.data(),
                                  .weight = arena->next(form.format, shape.out, shape.in, tiles),
                                  .out = buffers->out.data(),
                                  .rows = rows,
                                  .x_stride = as_size(shape.in),
                                  .out_stride = as_size(shape.out),
                                  .x_int8 = buffers->int8,
                                  .x_bf16 = buffers->bf16});
          }};
}

struct ModelShapes {
  std::vector<Shape> fp4;
  std::vector<Shape> fp8;
  std::vector<Shape> bf16;
  std::vector<Shape> f32;
};

ModelShapes shapes_of(const ModelConfig& c) {
  const int width = c.expert_width;
  const int group_in = c.heads_per_group() * c.head_dim;
  // A slice, where all of the LM head would be larger than the memory that weights rotate over.
  const int head_rows = std::min(c.vocab_size, 32768);
  return {.fp4 = {{"expert w1", width, c.hidden_size}, {"expert w2", c.hidden_size, width}},
          .fp8 = {{"wq_a", c.q_lora_rank, c.hidden_size},
                  {"wq_b", c.heads * c.head_dim, c.q_lora_rank},
                  {"wkv", c.head_dim, c.hidden_size},
                  {"indexer wq_b", c.index_heads * c.index_head_dim, c.q_lora_rank},
                  {"wo_a group", c.o_lora_rank, group_in},
                  {"wo_b", c.hidden_size, c.o_groups * c.o_lora_rank},
                  {"shared w1", width, c.hidden_size},
                  {"shared w2", c.hidden_size, width}},
          .bf16 = {{"CSA compressor", 2 * c.head_dim, c.hidden_size},
                   {"gate", c.routed_experts, c.hidden_size},
                   {"head slice", head_rows, c.hidden_size}},
          .f32 = {{"hc_fn", (2 + c.hc_mult) * c.hc_mult, c.hc_mult * c.hidden_size}}};
}

}  // namespace

std::vector<KernelCase> linear_cases(const CaseOptions& options) {
  std::vector<KernelCase> cases;
  const auto add = [&](const CaseModel& model, const Form& form, const std::vector<Shape>& shapes) {
    for (const Shape& shape : shapes) {
      cases.push_back(linear_case(options, model.name, form, shape, 1));
    }
  };
  for (const CaseModel& model : options.models) {
    const ModelShapes shapes = shapes_of(model.config);
    add(model, kFp4Int8, shapes.fp4);
    if (has_bf16_pairs(options)) add(model, kFp4Bf16, shapes.fp4);
    add(model, kFp4Float, shapes.fp4);
    add(model, kInt8Int8, shapes.fp8);
    if (has_bf16_pairs(options)) add(model, kFp8Bf16, shapes.fp8);
    add(model, kFp8Float, shapes.fp8);
    add(model, kBf16Float, shapes.bf16);
    add(model, kF32Float, shapes.f32);
  }
  const std::vector<int> rows =
      options.quick ? std::vector<int>{8, 128} : std::vector<int>{2, 4, 8, 32, 128, 512};
  constexpr int kMostHeadRows = 32;  // a row for each sequence of a step
  for (const CaseModel& model : options.models) {
    const ModelShapes shapes = shapes_of(model.config);
    const Shape& expert = shapes.fp4.front();
    const Shape shared{"shared w1", expert.out, expert.in};
    for (const int count : rows) {
      cases.push_back(linear_case(options, model.name, kFp4Int8, expert, count));
      if (has_bf16_pairs(options)) {
        cases.push_back(linear_case(options, model.name, kFp4Bf16, expert, count));
        cases.push_back(linear_case(options, model.name, kFp8Bf16, shared, count));
      }
      cases.push_back(linear_case(options, model.name, kFp4Float, expert, count));
      cases.push_back(linear_case(options, model.name, kInt8Int8, shared, count));
      cases.push_back(linear_case(options, model.name, kFp8Float, shared, count));
      cases.push_back(linear_case(options, model.name, kBf16Float, shapes.bf16.front(), count));
      if (count <= kMostHeadRows) {
        cases.push_back(linear_case(options, model.name, kBf16Float, shapes.bf16.back(), count));
      }
    }
  }
  return cases;
}

}  // namespace hadal
