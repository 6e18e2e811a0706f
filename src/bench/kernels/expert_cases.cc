#include <fmt/format.h>
#include <memory>

#include "base/as_size.h"
#include "bench/kernels/case_inputs.h"
#include "bench/kernels/kernel_case.h"
#include "ops/bf16_buffer.h"
#include "ops/dispatch_buffer.h"
#include "ops/experts.h"
#include "ops/int8_buffer.h"

namespace hadal {
namespace {

// From here on grouped experts should come near the peak of the dot-product instruction.
constexpr int kManyRows = 32;

// `active` of all experts get `rows_each` rows; the first gets `crowd` more.
struct Load {
  std::string name;
  int active = 0;
  int rows_each = 0;
  int crowd = 0;

  int rows_of(int expert) const {
    if (expert >= active) return 0;
    return rows_each + (expert == 0 ? crowd : 0);
  }
  int assignments() const { return active * rows_each + crowd; }
};

struct ExpertBuffers {
  AlignedBuffer<float> x;
  AlignedBuffer<float> out;
  Int8Buffer quantised;
  Int8Rows int8;
  Bf16Buffer packed;
  Bf16Rows bf16;
  DispatchBuffer dispatch;
  std::vector<ExpertWeights> weights;
};

// Every assignment has a row of its own; active experts are spread over all.
void prepare(const CaseModel& model, const Load& load, Arithmetic arithmetic, OpContext& context,
             ExpertBuffers& buffers) {
  const int experts = model.config.routed_experts;
  const int assignments = load.assignments();
  buffers.weights.resize(as_size(experts));
  DispatchBuffer& dispatch = buffers.dispatch;
  dispatch.first.assign(1, 0);
  const int step = experts / load.active;
  for (int e = 0; e < experts; ++e) {
    const int rows = e % step == 0 ? load.rows_of(e / step) : 0;
    dispatch.first.push_back(dispatch.first.back() + rows);
  }
  for (int i = 0; i < assignments; ++i) {
    dispatch.row.push_back(i);
    dispatch.slot_of.push_back(i);
    dispatch.weight.push_back(1.0F);
  }
  const size_t values = as_size(assignments) * as_size(model.config.hidden_size);
  float* x = fill_floats(buffers.x, values);
  buffers.out.at_least(values);
  const int hidden = model.config.hidden_size;
  if (arithmetic == Arithmetic::kFp4Int8) {
    buffers.int8 = buffers.quantised.quantize(context, x, assignments, hidden);
  } else {
    ops::round_activations(context, {.x = x, .out = x, .rows = assignments, .columns = hidden});
    buffers.bf16 = buffers.packed.pack(context, x, assignments, hidden);
  }
}

void call(const CaseModel& model, WeightArena& arena, Arithmetic arithmetic, OpContext& context,
          ExpertBuffers& buffers) {
  const ModelConfig& config = model.config;
  const auto matrix = [&](int out, int in) { return arena.next(WeightFormat::kFp4, out, in); };
  for (size_t e = 0; e < buffers.weights.size(); ++e) {
    // The first also tells the kernel the format of all.
    if (e > 0 && buffers.dispatch.first[e] == buffers.dispatch.first[e + 1]) continue;
    buffers.weights[e] = {.w1 = matrix(config.expert_width, config.hidden_size),
                          .w3 = matrix(config.expert_width, config.hidden_size),
                          .w2 = matrix(config.hidden_size, config.expert_width)};
  }
  ops::experts(context, {.x = buffers.x.data(),
                         .x_int8 = buffers.int8,
                         .x_bf16 = buffers.bf16,
                         .experts = buffers.weights.data(),
                         .range = {.count = config.routed_experts},
                         .dispatch = buffers.dispatch.view(),
                         .out = buffers.out.data(),
                         .hidden = config.hidden_size,
                         .width = config.expert_width,
                         .swiglu_limit = config.swiglu_limit,
                         .policy = arithmetic == Arithmetic::kFp4Int8 ? ActivationPolicy::kInt8
                                                                      : ActivationPolicy::kFp8});
}

std::string_view form_name(Arithmetic arithmetic) {
  switch (arithmetic) {
    case Arithmetic::kInt8:
    case Arithmetic::kFp4Int8:
      return "fp4 x int8";
    case Arithmetic::kBf16:
      return "fp4 x bf16";
    case Arithmetic::kFp8Float:
    case Arithmetic::kFloat:
      return "fp4 x f32";
  }
  return "";
}

KernelCase expert_case(const CaseOptions& options, const CaseModel& model, const Load& load,
                       Arithmetic arithmetic) {
  const ModelConfig& config = model.config;
  const double matrix_values = static_cast<double>(config.expert_width) * config.hidden_size;
  auto buffers = std::make_shared<ExpertBuffers>();
  WeightArena* arena = options.arena;
  return {
      .group = fmt::format("experts {}, {}", form_name(arithmetic),
                           load.rows_each < kManyRows ? "few rows" : "32 rows and more"),
      .name = fmt::format("{} {}x{}, {}", model.name, config.expert_width, config.hidden_size,
                          load.name),
      .bytes = load.active * 3 *
               static_cast<double>(
                   weight_bytes(WeightFormat::kFp4, config.expert_width, config.hidden_size).all()),
      .macs = 3 * matrix_values * load.assignments(),
      .arithmetic = arithmetic,
      .run = [=](OpContext& context) {
        if (buffers->weights.empty()) prepare(model, load, arithmetic, context, *buffers);
        call(model, *arena, arithmetic, context, *buffers);
      }};
}

}  // namespace

std::vector<KernelCase> expert_cases(const CaseOptions& options) {
  std::vector<Load> loads = {{"6 experts of 1 row", 6, 1, 0}, {"4 experts of 32 rows", 4, 32, 0}};
  if (!options.quick) {
    loads = {{"6 experts of 1 row", 6, 1, 0},          {"6 experts of 8 rows", 6, 8, 0},
             {"8 experts of 12 rows", 8, 12, 0},       {"4 experts of 32 rows", 4, 32, 0},
             {"4 experts of 48 rows", 4, 48, 0},       {"2 experts of 128 rows", 2, 128, 0},
             {"1 expert of 65 rows, 7 of 1", 8, 1, 64}};
  }
  // What the inputs become under the fp8 policy.
  const Arithmetic fp8_form = has_bf16_pairs(options) ? Arithmetic::kBf16 : Arithmetic::kFloat;
  std::vector<KernelCase> cases;
  for (const CaseModel& model : options.models) {
    for (const Load& load : loads) {
      cases.push_back(expert_case(options, model, load, Arithmetic::kFp4Int8));
    }
    for (const Load& load : {loads.front(), Load{"4 experts of 32 rows", 4, 32, 0}}) {
      cases.push_back(expert_case(options, model, load, fp8_form));
    }
  }
  return cases;
}

}  // namespace hadal
