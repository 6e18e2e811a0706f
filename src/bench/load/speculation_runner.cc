#include "bench/load/speculation_runner.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/as_size.h"
#include "bench/load/engine_client.h"
#include "model/v4/cache_layout.h"

namespace hadal {
namespace {

// Of a counter's rise over a number of steps.
double rise(double before, double after, double steps) { return (after - before) / steps; }

}  // namespace

SpeculationRunner::SpeculationRunner(SpeculationRunnerArgs args) : args_(std::move(args)) {
  const CacheLayout layout = make_cache_layout(args_.checkpoint.config(), args_.model.page_tokens);
  const int context = args_.prompt_tokens + args_.answer_tokens + 1;
  const int blocks = blocks_for_sequence(layout, context);
  engine_ = std::make_unique<Engine>(
      args_.checkpoint,
      EngineOptions{.threads = args_.threads,
                    .model = args_.model,
                    .max_context = context,
                    .max_running = args_.batch,
                    .max_queue = args_.batch,
                    .prefill_chunk = std::clamp(args_.prompt_tokens * args_.batch, 64, 4096),
                    .speculation = args_.speculation,
                    .simulated = args_.simulated,
                    .kv_memory = as_size(args_.batch * (blocks + 1)) * layout.block_bytes,
                    .reuse_prefixes = false});
  int64_t tokens = 0;
  answer_all(tokens);
}

// Returns the seconds of decoding.
double SpeculationRunner::answer_all(int64_t& tokens) {
  std::vector<std::unique_ptr<PendingAnswer>> answers;
  for (int i = 0; i < args_.batch; ++i) {
    answers.push_back(std::make_unique<PendingAnswer>(*engine_, args_.request(i)));
  }
  double seconds = 0;
  for (auto& answer : answers) {
    const FinishEvent finish = answer->finish().finish;
    seconds += finish.timing.decode_seconds + finish.timing.draft_seconds;
    tokens += finish.completion_tokens - 1;
  }
  return seconds;
}

SpeculationRun SpeculationRunner::measure() {
  const EngineStatistics before = engine_->statistics();
  SpeculationRun run;
  const int64_t wanted = int64_t{args_.batch} * (args_.answer_tokens - 1);
  double seconds = 0;
  int64_t told = -1;
  while (run.tokens < wanted && run.tokens > told) {
    told = run.tokens;
    seconds += answer_all(run.tokens);
  }
  const EngineStatistics after = engine_->statistics();
  const SpeculationCounts& old = before.speculation;
  const SpeculationCounts& now = after.speculation;
  const auto drafted = static_cast<double>(now.draft_tokens - old.draft_tokens);
  // Steps that a request was in, after its first token.
  const double steps =
      std::max(1.0, static_cast<double>(after.decode_rows - before.decode_rows) - drafted);
  const double engine_steps = std::max(1.0, steps / args_.batch);
  run.tokens_per_s = static_cast<double>(run.tokens) / seconds;
  run.tokens_per_step = static_cast<double>(run.tokens) / steps;
  run.drafts_per_step = drafted / steps;
  run.step_seconds = rise(before.decode_seconds, after.decode_seconds, engine_steps);
  run.draft_seconds = rise(old.draft_seconds, now.draft_seconds, engine_steps);
  run.drafts = now.drafts - old.drafts;
  for (size_t i = 0; i < run.accepted_at.size(); ++i) {
    run.accepted_at[i] = now.accepted_at[i] - old.accepted_at[i];
  }
  run.decisions = {.planned = now.decisions.planned - old.decisions.planned,
                   .probes = now.decisions.probes - old.decisions.probes,
                   .declined = now.decisions.declined - old.decisions.declined,
                   .plans = now.decisions.plans - old.decisions.plans,
                   .rests = now.decisions.rests - old.decisions.rests,
                   .gain = now.decisions.gain - old.decisions.gain};
  return run;
}

}  // namespace hadal
