#include "cli/fleet_scheduler.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/as_size.h"
#include "cli/fleet_index.h"
#include "engine/scheduler.h"
#include "engine/simulated_acceptance.h"
#include "engine/step_cycle.h"

namespace hadal {
namespace {

constexpr float kOnlyLogit = 0;  // of a vocabulary of one token

int whole_tokens(double tokens) {
  constexpr double kMost = 1 << 26;
  return static_cast<int>(std::clamp(std::round(tokens), 1.0, kMost));
}

// Computes nothing: every row's next token is the only one.
class NothingExecutor final : public Executor {
 public:
  explicit NothingExecutor(const CacheGeometry& geometry) : geometry_(geometry) {}

  const CacheGeometry& geometry() const override { return geometry_; }
  int vocab_size() const override { return 1; }
  const StepResult& run(const StepMessage& message) override {
    int most = 0;
    for (const SequenceRows& rows : message.sequences) most = std::max(most, rows.logit_rows);
    if (as_size(most) > logits_.size()) logits_.resize(as_size(most), kOnlyLogit);
    result_.vocab_size = 1;
    result_.logits.clear();
    for (const SequenceRows& rows : message.sequences) {
      result_.logits.push_back(std::span<const float>(logits_).first(as_size(rows.logit_rows)));
    }
    return result_;
  }
  void commit(std::span<const CommitMessage>) override {}
  ModelDrafter drafter() const override { return {}; }
  const DraftResult& draft(const DraftMessage&) override { return drafts_; }
  size_t step_buffer_bytes() const override { return 0; }
  int host_threads() const override { return 1; }
  void for_each(int items, FunctionRef<void(int item, int thread)> body) override {
    for (int item = 0; item < items; ++item) body(item, 0);
  }

 private:
  const CacheGeometry& geometry_;
  std::vector<float> logits_;
  StepResult result_;
  DraftResult drafts_;
};

// The same number of guesses in every step.
class ConstantDrafter final : public Drafter {
 public:
  explicit ConstantDrafter(int drafts) : drafts_(drafts) {}

  int most_drafts() const override { return drafts_; }
  std::vector<int32_t> propose(const DraftRequest& request) override {
    return std::vector<int32_t>(as_size(std::min(drafts_, request.most)), 0);
  }
  void observe(const DraftOutcome&) override {}
  void forget(int64_t) override {}

 private:
  int drafts_;
};

class SchedulerReplica final : public ReplicaSteps {
 public:
  explicit SchedulerReplica(std::shared_ptr<const ScheduledReplica> shared)
      : shared_(std::move(shared)),
        options_(*shared_),
        geometry_(fleet_geometry(options_.model, 1)),
        memory_(geometry_, {.blocks = blocks_of(options_, geometry_)}),
        drafter_(options_.drafts),
        acceptance_({.length = options_.tokens_per_step}),
        scheduler_(memory_, drafter_,
                   {.max_running = options_.max_running,
                    .prefill_rows = options_.prefill_rows,
                    .budget_seconds = options_.budget_seconds,
                    .experts = {.routed = options_.model.experts,
                                .per_row = options_.model.topk_experts}}),
        executor_(geometry_),
        cycle_(executor_, memory_, options_.drafts > 0 ? &acceptance_ : nullptr) {}

  bool submit(const FleetTurn& turn) override {
    const int input = whole_tokens(turn.input);
    const int limit = input + whole_tokens(turn.output);
    if (blocks_for_sequence(geometry_, limit) > memory_.pool().capacity()) return false;
    auto sequence = std::make_unique<Sequence>();
    sequence->cancelled = std::make_shared<std::atomic<bool>>(false);
    sequence->prompt_tokens = input;
    sequence->token_limit = limit;
    // The tokens of all sessions are the same; what tells them apart is the salt.
    sequence->tokens.assign(as_size(input), 0);
    sequence->request.sampling.temperature = 0;
    sequence->sampling = SamplerState(sequence->request.sampling, sequence->tokens);
    sequence->request.cache_salt = std::to_string(turn.session);
    requests_[sequence.get()] = turn.request;
    scheduler_.add(std::move(sequence));
    return true;
  }

  const ReplicaStep& step() override {
    step_ = {};
    if (scheduler_.idle()) return step_;
    const std::vector<ScheduledRows> scheduled = scheduler_.next_step();
    const StepShape shape = Scheduler::shape_of(scheduled);
    const double seconds = options_.step_seconds(mixed_step(scheduled));
    for (const ScheduledRows& rows : scheduled) {
      if (rows.sequence->computed_length > 0) continue;
      step_.beginnings.push_back({.request = requests_.at(rows.sequence),
                                  .cached_tokens = 1.0 * rows.sequence->cached_tokens});
    }
    cycle_.compute(scheduled);
    for (size_t i = 0; i < scheduled.size(); ++i) advance(scheduled[i], static_cast<int>(i));
    scheduler_.measured(shape, seconds);
    step_.seconds = seconds;
    return step_;
  }

 private:
  static int blocks_of(const ScheduledReplica& options, const CacheGeometry& geometry) {
    constexpr double kMost = 1 << 26;
    const double blocks = std::clamp(options.tokens / geometry.page_tokens, 0.0, kMost);
    return std::max(geometry.state_units + 1, static_cast<int>(blocks));
  }

  static MixedStep mixed_step(const std::vector<ScheduledRows>& scheduled) {
    MixedStep step{.prompts = 0};
    for (const ScheduledRows& rows : scheduled) {
      const double before = rows.sequence->cache.length;
      if (rows.sequence->decodes()) {
        step.decoding += 1;
        step.context += before;
      } else {
        step.prompts += 1;
        step.prefill_rows += rows.rows;
        step.prefill_context += rows.rows * (before + rows.rows / 2.0);
      }
    }
    if (step.decoding > 0) step.context /= step.decoding;
    if (step.prefill_rows > 0) step.prefill_context /= step.prefill_rows;
    return step;
  }

  void advance(const ScheduledRows& rows, int index) {
    Sequence& sequence = *rows.sequence;
    const Choice& choice = cycle_.choice(index);
    const bool first = sequence.generated_tokens() == 0;
    cycle_.finish_commit(rows, index);
    if (choice.tokens.empty()) return;
    sequence.tokens.push_back(choice.tokens.back().token);
    const uint32_t request = requests_.at(&sequence);
    if (first) step_.first_tokens.push_back(request);
    if (static_cast<int>(sequence.tokens.size()) < sequence.token_limit) return;
    step_.ended.push_back(request);
    requests_.erase(&sequence);
    scheduler_.remove(sequence, true);
  }

  const std::shared_ptr<const ScheduledReplica> shared_;
  const ScheduledReplica& options_;
  const CacheGeometry geometry_;
  SequenceMemory memory_;
  ConstantDrafter drafter_;
  const SimulatedAcceptance acceptance_;
  Scheduler scheduler_;
  NothingExecutor executor_;
  StepCycle cycle_;
  std::unordered_map<const Sequence*, uint32_t> requests_;
  ReplicaStep step_;
};

}  // namespace

ReplicaFactory scheduled_replicas(ScheduledReplica replica) {
  return [options = std::make_shared<const ScheduledReplica>(std::move(replica))] {
    return std::make_unique<SchedulerReplica>(options);
  };
}

}  // namespace hadal
