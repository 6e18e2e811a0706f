#include "plan/memory_fit.h"

#include <algorithm>

#include "base/units.h"

namespace hadal {
namespace {

// CUDA or HIP context, libraries, captured graphs. llm-d-planner's measurements of vLLM 0.19 on
// H100: NCCL about 2.1 GiB where ranks are two or more. The context is an estimate.
constexpr double kContext = 1.5 * kGibi;
constexpr double kLinks = 2.1 * kGibi;

}  // namespace

double MemoryFit::sequences(const PlanModel& model, double tokens) const {
  // Where a whole step of a prompt does not fit beside them, a shorter one must.
  const double step = std::min(pool_step_bytes(model, layout, setting), cache / 2);
  if (cache <= 0) return 0;
  return (cache - step) / pool_request_bytes(model, layout, setting, tokens);
}

double MemoryFit::tokens(const PlanModel& model) const {
  const double left = cache - pool_request_bytes(model, layout, setting, 0);
  return left <= 0 ? 0 : left / pool_token_bytes(model, layout, setting);
}

MemoryFit memory_fit(const PlanModel& model, const ParameterBytes& weights,
                     const DeviceLimits& device, const Spread& spread,
                     const MemoryFitOptions& options) {
  const ModelBytes bytes = model_bytes(model, weights);
  const double ranks = static_cast<double>(spread.ranks());
  const EngineTraits& engine = options.engine;
  MemoryFit fit{.device_bytes = device.memory_bytes,
                .layout = engine.pool,
                .setting = {.rows = engine.chunk,
                            .window_layers =
                                options.drafter ? static_cast<double>(model.drafter_layers) : 0}};
  const double drafter = options.drafter ? bytes.drafter / ranks : 0;
  // The head and the embedding are split by tensor parallelism only.
  fit.weights = bytes.experts / ranks / spread.pp + bytes.dense / spread.head_ranks() / spread.pp +
                bytes.ends / spread.tp / spread.pp + drafter;
  const bool apart = device.family == DeviceFamily::kCpu;
  fit.context = apart ? kGibi : kContext;
  fit.links = spread.devices() > 1 ? kLinks : 0;
  // The residual streams in and out, the queries, the experts' rows, scores of a tile.
  const double row = 2.0 * (2.0 * model.streams * model.hidden +
                            2.0 * model.heads * model.head_dim / spread.head_ranks() +
                            model.topk_experts * (model.hidden + model.expert_width));
  fit.workspace = engine.chunk / spread.cp * row * engine.step_buffers;
  if (engine.works_in_rest) {
    fit.cache = engine.memory_share * (device.memory_bytes - fit.context) - fit.weights;
  } else {
    fit.cache = engine.memory_share * device.memory_bytes - fit.weights - fit.context - fit.links -
                fit.workspace;
  }
  // What is left of the rest, or lacks.
  fit.kept_free =
      device.memory_bytes - fit.cache - fit.weights - fit.context - fit.links - fit.workspace;
  return fit;
}

}  // namespace hadal
