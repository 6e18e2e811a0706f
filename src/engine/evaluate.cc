#include "engine/evaluate.h"

#include <algorithm>
#include <string>

#include "base/check.h"
#include "base/error.h"
#include "engine/lone_sequence.h"

namespace hadal {

SequenceLogits evaluate_logits(V4Model& model, std::span<const int32_t> ids,
                               const EvaluateOptions& options) {
  check_ids(model.config(), ids);
  if (options.mtp && !model.has_mtp()) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "mtp",
                 .what = "the model has no MTP block",
                 .remedy = "leave the option out"});
  }
  const CacheLayout& layout = model.cache_layout();
  const auto vocab = static_cast<size_t>(model.config().vocab_size);
  const size_t stream_floats =
      static_cast<size_t>(model.config().hc_mult) * static_cast<size_t>(model.config().hidden_size);
  const size_t usual_rows = options.chunk > 0 ? static_cast<size_t>(options.chunk) : ids.size();
  LoneSequence sequence(model.cache_layout(), ids.size());
  Step step;
  Step mtp_step;
  SequenceCache mtp_cache = sequence.cache;
  SequenceLogits result;
  result.logits.reserve(ids.size() * vocab);
  size_t rows = 0;
  size_t pass = 0;
  for (size_t begin = 0; begin < ids.size(); begin += rows, ++pass) {
    rows = pass < options.first_chunks.size() ? static_cast<size_t>(options.first_chunks[pass])
                                              : usual_rows;
    rows = std::min(rows, ids.size() - begin);
    const BatchEntry entry{.cache = &sequence.cache,
                           .tokens = ids.subspan(begin, rows),
                           .logit_rows = static_cast<int>(rows)};
    const StepPlanner plan_memory = make_step_plan({&entry, 1}, layout);
    const StepPlan& plan = plan_memory.plan();
    model.forward(plan, sequence.pool(), step);
    model.commit(plan, 0, plan.rows, sequence.pool(), step, sequence.cache);
    result.logits.insert(result.logits.end(), step.logits.data(),
                         step.logits.data() + rows * vocab);

    const size_t mtp_rows = std::min(rows, ids.size() - 1 - begin);
    if (!options.mtp || mtp_rows == 0) continue;
    const BatchEntry mtp_entry{.cache = &mtp_cache,
                               .tokens = ids.subspan(begin + 1, mtp_rows),
                               .logit_rows = static_cast<int>(mtp_rows)};
    const StepPlanner mtp_plan_memory = make_step_plan({&mtp_entry, 1}, layout);
    const StepPlan& mtp_plan = mtp_plan_memory.plan();
    model.forward_mtp(mtp_plan, {step.streams.data(), mtp_rows * stream_floats}, sequence.pool(),
                      mtp_step);
    model.commit_mtp(mtp_plan, 0, mtp_plan.rows, sequence.pool(), mtp_step, mtp_cache);
    result.mtp_logits.insert(result.mtp_logits.end(), mtp_step.logits.data(),
                             mtp_step.logits.data() + mtp_rows * vocab);
  }
  return result;
}

std::vector<float> evaluate_layer(V4Model& model, int layer, std::span<const int32_t> ids,
                                  std::span<const float> streams) {
  check_ids(model.config(), ids);
  const size_t expected = ids.size() * static_cast<size_t>(model.config().hc_mult) *
                          static_cast<size_t>(model.config().hidden_size);
  if (streams.size() != expected) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "streams of layer " + std::to_string(layer),
                 .what = "hold " + std::to_string(streams.size()) + " values, expected " +
                         std::to_string(expected),
                 .remedy = "give one set of streams per token id"});
  }
  LoneSequence sequence(model.cache_layout(), ids.size());
  Step step;
  const BatchEntry entry{.cache = &sequence.cache, .tokens = ids};
  const StepPlanner plan_memory = make_step_plan({&entry, 1}, model.cache_layout());
  const StepPlan& plan = plan_memory.plan();
  std::vector<float> out(streams.begin(), streams.end());
  model.run_layer(layer, plan, sequence.pool(), step, out);
  return out;
}

std::vector<float> evaluate_embedding(V4Model& model, std::span<const int32_t> ids) {
  check_ids(model.config(), ids);
  LoneSequence sequence(model.cache_layout(), ids.size());
  const BatchEntry entry{.cache = &sequence.cache, .tokens = ids};
  const StepPlanner plan_memory = make_step_plan({&entry, 1}, model.cache_layout());
  const StepPlan& plan = plan_memory.plan();
  std::vector<float> streams(ids.size() * static_cast<size_t>(model.config().hc_mult) *
                             static_cast<size_t>(model.config().hidden_size));
  model.embed(plan, streams);
  return streams;
}

}  // namespace hadal
