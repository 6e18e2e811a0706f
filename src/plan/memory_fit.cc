#include "plan/memory_fit.h"

#include <algorithm>

namespace hadal {
namespace {

constexpr double kGibi = 1073741824.0;
// CUDA or HIP context, libraries, captured graphs. llm-d-planner's measurements of vLLM 0.19 on
// H100: NCCL about 2.1 GiB where ranks are two or more. The context is an estimate.
constexpr double kContext = 1.5 * kGibi;
constexpr double kLinks = 2.1 * kGibi;
// Of the device's memory what the engine takes for itself, as InferenceX's recipe of H200 sets it.
constexpr double kUtilisation = 0.93;

}  // namespace

double MemoryFit::sequences(const PlanModel& model, double tokens) const {
  if (cache <= 0) return 0;
  return cache / model.sequence_bytes(tokens);
}

double MemoryFit::tokens(const PlanModel& model) const {
  const double left = cache - model.sequence_state_bytes();
  return left <= 0 ? 0 : left / model.kv_bytes_per_token();
}

MemoryFit memory_fit(const PlanModel& model, const ParameterBytes& weights,
                     const DeviceLimits& device, const Spread& spread,
                     const MemoryFitOptions& options) {
  const ModelBytes bytes = model_bytes(model, weights);
  const double ranks = static_cast<double>(spread.ranks());
  MemoryFit fit{.device_bytes = device.memory_bytes};
  const double drafter = options.drafter ? bytes.drafter / ranks : 0;
  // The head and the embedding are split by tensor parallelism only.
  fit.weights = bytes.experts / ranks / spread.pp + bytes.dense / spread.tp / spread.pp +
                bytes.ends / spread.tp / spread.pp + drafter;
  const bool apart = device.family == DeviceFamily::kCpu;
  fit.context = apart ? kGibi : kContext;
  fit.links = spread.devices() > 1 ? kLinks : 0;
  // The residual streams in and out, the queries, the experts' rows, scores of a tile.
  const double row =
      2.0 * (2.0 * model.streams * model.hidden + 2.0 * model.heads * model.head_dim / spread.tp +
             model.topk_experts * (model.hidden + model.expert_width));
  fit.workspace = options.rows_per_step * row;
  fit.kept_free = (1 - kUtilisation) * device.memory_bytes;
  fit.cache =
      device.memory_bytes - fit.kept_free - fit.weights - fit.context - fit.links - fit.workspace;
  return fit;
}

}  // namespace hadal
