#include "bench/steps/step_runner.h"

#include <span>
#include <string>

#include "base/as_size.h"
#include "base/check.h"
#include "base/error.h"
#include "base/machine.h"
#include "bench/kernels/synthetic_prefix.h"
#include "bench/random_bits.h"

namespace hadal {
namespace {

int cache_blocks(const V4Model& model, const Course& course) {
  const CacheLayout& layout = model.cache_layout();
  const int64_t count =
      static_cast<int64_t>(blocks_for_sequence(layout, course.longest())) * course.batch;
  const int64_t bytes = count * static_cast<int64_t>(layout.block_bytes);
  const MemoryBound memory = least_memory(memory_bounds());
  if (bytes > memory.limit_bytes / 4 * 3) {
    throw Error(
        {.code = ErrorCode::kResourceExhausted,
         .where = "the cache",
         .what = "would take " + std::to_string(bytes >> 20) + " MiB of " + describe(memory),
         .remedy = "lower --context or --batch"});
  }
  return static_cast<int>(count);
}

}  // namespace

StepRunner::StepRunner(V4Model& model, const Course& course)
    : model_(model),
      course_(course),
      pool_(model.cache_layout().block_bytes, cache_blocks(model, course)),
      caches_(as_size(course.batch)) {
  for (size_t i = 0; i < caches_.size(); ++i) {
    HADAL_CHECK(reserve_sequence(pool_, model.cache_layout(), course.longest(), caches_[i]));
    fill_synthetic_prefix(model.config(), model.cache_layout(), pool_.view(), course.context, i + 1,
                          caches_[i]);
  }
}

void StepRunner::run(OpProfile* profile) {
  draw_tokens();
  std::vector<BatchEntry> batch;
  for (size_t i = 0; i < caches_.size(); ++i) {
    if (course_.kind == BenchKind::kPrefill) caches_[i].length = course_.context;
    const size_t rows = as_size(course_.rows);
    batch.push_back({.cache = &caches_[i],
                     .tokens = std::span(tokens_).subspan(i * rows, rows),
                     .logit_rows = 1});
  }
  const StepPlanner plan_memory = make_step_plan(batch, model_.cache_layout());
  const StepPlan& plan = plan_memory.plan();
  model_.forward(plan, pool_.view(), step_);
  const double sampling = seconds_of([&] { sample(); });
  const double committing = seconds_of([&] {
    for (size_t i = 0; i < caches_.size(); ++i) {
      model_.commit(plan, static_cast<int>(i), course_.rows, pool_.view(), step_, caches_[i]);
    }
  });
  if (profile == nullptr) return;
  profile->add({.op = "sample"}, static_cast<int64_t>(sampling * 1e9));
  profile->add({.op = "commit"}, static_cast<int64_t>(committing * 1e9));
}

void StepRunner::draw_tokens() {
  const auto vocab = static_cast<uint64_t>(model_.config().vocab_size);
  tokens_.clear();
  for (int i = 0; i < course_.batch * course_.rows; ++i) {
    tokens_.push_back(static_cast<int32_t>(scrambled(next_token_++) % vocab));
  }
}

void StepRunner::sample() {
  const size_t vocab = as_size(model_.config().vocab_size);
  for (int i = 0; i < course_.batch; ++i) {
    const std::span<const float> logits(step_.logits.data() + as_size(i) * vocab, vocab);
    sampler_.sample(logits, {.seed = static_cast<uint64_t>(i)}, next_token_);
  }
}

}  // namespace hadal
