#include <algorithm>
#include <fmt/format.h>
#include <memory>

#include "base/as_size.h"
#include "bench/kernels/case_inputs.h"
#include "bench/kernels/kernel_case.h"
#include "engine/sampler.h"
#include "ops/dispatch_buffer.h"
#include "ops/experts.h"
#include "ops/hyper_connection.h"
#include "ops/int8_buffer.h"
#include "ops/norm.h"
#include "ops/rope.h"
#include "ops/swiglu.h"

namespace hadal {
namespace {

struct Buffers {
  AlignedBuffer<float> a;
  AlignedBuffer<float> b;
  AlignedBuffer<float> out;
  AlignedBuffer<float> small;
  std::vector<int32_t> ids;
  std::vector<float> frequencies;
  DispatchBuffer dispatch;
};

// The state of a case is made by its first call.
template <typename Prepare, typename Call>
std::function<void(OpContext&)> prepared(Prepare prepare, Call call) {
  auto buffers = std::make_shared<Buffers>();
  return [=](OpContext& context) {
    if (buffers->a.size() == 0) prepare(*buffers);
    call(context, *buffers);
  };
}

std::string rows_text(int rows) { return rows == 1 ? "1 row" : fmt::format("{} rows", rows); }

KernelCase cached_case(const CaseModel& model, std::string group, const std::string& shape,
                       int rows, double floats) {
  return {.group = std::move(group),
          .name = fmt::format("{} {}, {}", model.name, shape, rows_text(rows)),
          .bytes = 4 * floats,
          .cached = true,
          .run = {}};
}

KernelCase norm_case(const CaseModel& model, int rows) {
  const int columns = model.config.hidden_size;
  const size_t values = as_size(rows) * as_size(columns);
  KernelCase result = cached_case(model, "rms_norm", std::to_string(columns), rows,
                                  2 * static_cast<double>(values));
  result.run = prepared(
      [=](Buffers& b) {
        fill_floats(b.a, values);
        fill_floats(b.b, as_size(columns));
        b.out.at_least(values);
      },
      [=](OpContext& context, Buffers& b) {
        ops::rms_norm(context, {.x = b.a.data(),
                                .weight = b.b.data(),
                                .out = b.out.data(),
                                .rows = rows,
                                .columns = columns,
                                .eps = 1e-6F});
      });
  return result;
}

KernelCase rope_case(const CaseModel& model, int rows) {
  const ModelConfig& c = model.config;
  const size_t values = as_size(rows * c.heads) * as_size(c.head_dim);
  KernelCase result = cached_case(model, "rope", fmt::format("{} heads", c.heads), rows,
                                  2.0 * rows * c.heads * c.rope_dim);
  const int heads = c.heads;
  const int head_dim = c.head_dim;
  const int rope_dim = c.rope_dim;
  const float theta = c.rope_theta;
  result.run = prepared(
      [=](Buffers& b) {
        fill_floats(b.a, values);
        for (int row = 0; row < rows; ++row) b.ids.push_back(row);
        b.frequencies = rope_frequencies({.rope_dim = rope_dim, .theta = theta});
        b.small.at_least(as_size(rows * 2 * rope_dim));
      },
      [=](OpContext& context, Buffers& b) {
        ops::rope_turns(context, {.positions = b.ids.data(),
                                  .frequencies = b.frequencies.data(),
                                  .turns = b.small.data(),
                                  .rows = rows,
                                  .rope_dim = rope_dim});
        ops::rope(context, {.x = b.a.data(),
                            .turns = b.small.data(),
                            .rows = rows,
                            .heads = heads,
                            .head_dim = head_dim,
                            .rope_dim = rope_dim});
      });
  return result;
}

KernelCase swiglu_case(const CaseModel& model, int rows) {
  const int width = model.config.expert_width;
  const size_t values = as_size(rows) * as_size(width);
  KernelCase result =
      cached_case(model, "swiglu", std::to_string(width), rows, 3 * static_cast<double>(values));
  result.run = prepared(
      [=](Buffers& b) {
        fill_floats(b.a, values);
        fill_floats(b.b, values);
        b.out.at_least(values);
      },
      [=](OpContext& context, Buffers& b) {
        ops::swiglu(context, {.gate = b.a.data(),
                              .up = b.b.data(),
                              .out = b.out.data(),
                              .rows = rows,
                              .width = width,
                              .limit = 10});
      });
  return result;
}

KernelCase hyper_post_case(const CaseModel& model, int rows) {
  const int hidden = model.config.hidden_size;
  const int streams = model.config.hc_mult;
  const size_t values = as_size(rows) * as_size(hidden);
  KernelCase result = cached_case(model, "hyper_post", fmt::format("{} x {}", streams, hidden),
                                  rows, (1.0 + 2.0 * streams) * static_cast<double>(values));
  result.run = prepared(
      [=](Buffers& b) {
        fill_floats(b.a, values);
        fill_floats(b.out, values * as_size(streams));
        // Rows of weight 1 / streams and nothing from the block keep the streams' size.
        b.small.at_least(as_size(rows * streams * (streams + 1)));
        std::fill_n(b.small.data(), rows * streams * streams, 1.0F / static_cast<float>(streams));
        std::fill_n(b.small.data() + rows * streams * streams, rows * streams, 0.0F);
      },
      [=](OpContext& context, Buffers& b) {
        ops::hyper_post(context, {.block_out = b.a.data(),
                                  .post = b.small.data() + rows * streams * streams,
                                  .mixing = b.small.data(),
                                  .x = b.out.data(),
                                  .rows = rows,
                                  .streams = streams,
                                  .hidden = hidden});
      });
  return result;
}

KernelCase hyper_pre_case(const CaseModel& model, int rows, WeightArena* arena) {
  const ModelConfig& c = model.config;
  const int hidden = c.hidden_size;
  const int streams = c.hc_mult;
  const int outputs = (2 + streams) * streams;
  const size_t values = as_size(rows) * as_size(hidden);
  KernelCase result;
  result.group = "hyper_pre";
  result.name = fmt::format("{} {} x {}, {}", model.name, streams, hidden, rows_text(rows));
  result.bytes =
      static_cast<double>(weight_bytes(WeightFormat::kF32, outputs, streams * hidden).all());
  result.macs = static_cast<double>(outputs + 1 + 1) * streams * static_cast<double>(values);
  const int iterations = c.hc_sinkhorn_iters;
  result.run = prepared(
      [=](Buffers& b) {
        fill_floats(b.a, values * as_size(streams));
        fill_floats(b.b, as_size(outputs + 3));
        b.out.at_least(values);
        b.small.at_least(as_size(rows * (streams * (streams + 1) + outputs)));
      },
      [=](OpContext& context, Buffers& b) {
        const WeightMatrix fn = arena->next(WeightFormat::kF32, outputs, streams * hidden);
        float* mixing = b.small.data();
        float* post = mixing + rows * streams * streams;
        float* products = post + rows * streams;
        ops::linear(context, {.x = b.a.data(),
                              .weight = fn,
                              .out = products,
                              .rows = rows,
                              .x_stride = as_size(fn.in_features),
                              .out_stride = as_size(outputs)});
        ops::hyper_pre(context, {.x = b.a.data(),
                                 .products = products,
                                 .base = b.b.data(),
                                 .scale = b.b.data() + outputs,
                                 .out = b.out.data(),
                                 .post = post,
                                 .mixing = mixing,
                                 .rows = rows,
                                 .streams = streams,
                                 .hidden = hidden,
                                 .sinkhorn_iterations = iterations,
                                 .hc_eps = 1e-6F,
                                 .rms_eps = 1e-6F});
      });
  return result;
}

KernelCase rounding_case(const CaseModel& model, int rows, bool int8) {
  const int columns = model.config.hidden_size;
  const size_t values = as_size(rows) * as_size(columns);
  KernelCase result =
      cached_case(model, int8 ? "quantise int8" : "round fp8", std::to_string(columns), rows,
                  (int8 ? 1.25 : 2.0) * static_cast<double>(values));
  const auto quantised = std::make_shared<Int8Buffer>();
  result.run = prepared(
      [=](Buffers& b) {
        fill_floats(b.a, values);
        b.out.at_least(values);
      },
      [=](OpContext& context, Buffers& b) {
        if (int8) {
          quantised->quantize(context, b.a.data(), rows, columns);
          return;
        }
        ops::round_activations(context, {.x = b.a.data(),
                                         .out = b.out.data(),
                                         .rows = rows,
                                         .columns = columns,
                                         .policy = ActivationPolicy::kFp8});
      });
  return result;
}

KernelCase route_case(const CaseModel& model, int rows) {
  const int experts = model.config.routed_experts;
  const int topk = model.config.experts_per_token;
  const size_t values = as_size(rows) * as_size(experts);
  KernelCase result = cached_case(model, "route", fmt::format("{} of {}", topk, experts), rows,
                                  static_cast<double>(values));
  result.run = prepared(
      [=](Buffers& b) {
        fill_floats(b.a, values);
        fill_floats(b.b, as_size(experts));
        b.small.at_least(as_size(rows * topk));
        b.ids.resize(as_size(rows * topk));
      },
      [=](OpContext& context, Buffers& b) {
        ops::route(context, {.logits = b.a.data(),
                             .bias = b.b.data(),
                             .experts = b.ids.data(),
                             .weights = b.small.data(),
                             .rows = rows,
                             .expert_count = experts,
                             .topk = topk,
                             .scaling = 1.5F});
        ops::dispatch(context, {.experts = b.ids.data(),
                                .weights = b.small.data(),
                                .rows = rows,
                                .expert_count = experts,
                                .topk = topk,
                                .out = b.dispatch.sized(rows, topk, experts)});
      });
  return result;
}

KernelCase sampling_case(const CaseModel& model, const std::string& name,
                         const SamplingOptions& sampling) {
  const size_t vocab = as_size(model.config.vocab_size);
  KernelCase result = cached_case(model, "sample", fmt::format("{} logits {}", vocab, name), 1,
                                  static_cast<double>(vocab));
  const auto sampler = std::make_shared<Sampler>();
  result.run = prepared([=](Buffers& b) { fill_floats(b.a, vocab); },
                        [=](OpContext&, Buffers& b) {
                          b.ids.assign(1, sampler->sample({b.a.data(), vocab}, sampling, 7));
                        });
  return result;
}

}  // namespace

std::vector<KernelCase> elementwise_cases(const CaseOptions& options) {
  const std::vector<int> rows = options.quick ? std::vector<int>{1} : std::vector<int>{1, 128};
  std::vector<KernelCase> cases;
  for (const CaseModel& model : options.models) {
    for (const int count : rows) {
      cases.push_back(norm_case(model, count));
      cases.push_back(rope_case(model, count));
      cases.push_back(swiglu_case(model, count));
      cases.push_back(hyper_pre_case(model, count, options.arena));
      cases.push_back(hyper_post_case(model, count));
      cases.push_back(rounding_case(model, count, true));
      cases.push_back(rounding_case(model, count, false));
      cases.push_back(route_case(model, count));
    }
  }
  // The vocabulary is the same for all.
  if (!options.models.empty()) {
    const CaseModel& model = options.models.front();
    cases.push_back(sampling_case(model, "greedy", {.temperature = 0}));
    cases.push_back(sampling_case(model, "at temperature 1", {}));
    cases.push_back(sampling_case(model, "with top_p 0.95", {.top_p = 0.95F}));
  }
  return cases;
}

}  // namespace hadal
