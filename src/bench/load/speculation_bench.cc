#include "bench/load/speculation_bench.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "base/as_size.h"
#include "base/statistics.h"
#include "bench/load/engine_client.h"
#include "checkpoint/v4/checkpoint.h"
#include "model/v4/cache_layout.h"

namespace hadal {
namespace {

constexpr int kPromptTokens = 32;

struct Run {
  double tokens_per_s = 0;
  double tokens_per_step = 0;  // of a request
  double drafts_per_step = 0;
  double draft_seconds = 0;  // of a step
  double step_seconds = 0;   // of a step of decoding
};

// An engine that runs for as long as the measurement.
class Runner {
 public:
  Runner(const Checkpoint& checkpoint, const SpeculationBenchOptions& options, int batch,
         const Speculation& speculation, const std::optional<SimulatedAcceptance>& simulated)
      : config_(checkpoint.config()), options_(options), batch_(batch) {
    const CacheLayout layout = make_cache_layout(config_, options.model.page_tokens);
    const int blocks = blocks_for_sequence(layout, kPromptTokens + options.answer_tokens + 1);
    engine_ = std::make_unique<Engine>(
        checkpoint, EngineOptions{.threads = options.threads,
                                  .model = options.model,
                                  .max_context = kPromptTokens + options.answer_tokens + 1,
                                  .max_running = batch,
                                  .max_queue = batch,
                                  .prefill_chunk = std::max(64, kPromptTokens * batch),
                                  .speculation = speculation,
                                  .simulated = simulated,
                                  .kv_memory = as_size(batch * (blocks + 1)) * layout.block_bytes,
                                  .reuse_prefixes = false});
    measure();  // reads weights for the first time, and teaches the engine what steps cost
  }

  Run measure() {
    const EngineStatistics before = engine_->statistics();
    std::vector<std::unique_ptr<PendingAnswer>> answers;
    for (int i = 0; i < batch_; ++i) {
      answers.push_back(std::make_unique<PendingAnswer>(
          *engine_, made_up_request(made_up_prompt(config_, kPromptTokens, as_size(i)),
                                    options_.answer_tokens, as_size(i))));
    }
    double decode_seconds = 0;
    for (auto& answer : answers) decode_seconds += answer->finish().finish.timing.decode_seconds;
    const EngineStatistics after = engine_->statistics();
    const double tokens = static_cast<double>(batch_) * (options_.answer_tokens - 1);
    const double drafting = after.speculation.draft_seconds - before.speculation.draft_seconds;
    const auto drafted =
        static_cast<double>(after.speculation.draft_tokens - before.speculation.draft_tokens);
    const auto accepted =
        static_cast<double>(after.speculation.accepted_tokens - before.speculation.accepted_tokens);
    // Steps that a request was in, after its first token.
    const double steps = tokens - accepted;
    const double engine_steps = std::max(1.0, steps / batch_);
    return {.tokens_per_s = tokens / (decode_seconds + drafting),
            .tokens_per_step = tokens / steps,
            .drafts_per_step = drafted / steps,
            .draft_seconds = drafting / engine_steps,
            .step_seconds = decode_seconds / engine_steps};
  }

 private:
  const ModelConfig& config_;
  const SpeculationBenchOptions& options_;
  const int batch_;
  std::unique_ptr<Engine> engine_;
};

// Durations of plain steps by their rows, between those that were measured on a line.
class StepProfile {
 public:
  void add(int rows, double seconds) { points_.emplace_back(rows, seconds); }
  double at(int rows) const {
    size_t next = 1;
    while (next + 1 < points_.size() && points_[next].first < rows) ++next;
    const auto& [low, low_seconds] = points_[next - 1];
    const auto& [high, high_seconds] = points_[next];
    return low_seconds + (high_seconds - low_seconds) * (rows - low) / (high - low);
  }

 private:
  std::vector<std::pair<int, double>> points_;  // by rows
};

class SpeculationBench {
 public:
  SpeculationBench(const Checkpoint& checkpoint, const SpeculationBenchOptions& options)
      : checkpoint_(checkpoint), options_(options) {
    const bool has_drafter = checkpoint.config().usable_stages() > 0;
    kind_ = !has_drafter                                       ? SpeculationKind::kLookup
            : checkpoint.config().drafter == DrafterKind::kMtp ? SpeculationKind::kMtp
                                                               : SpeculationKind::kDspark;
  }

  SpeculationReport run() {
    profile();
    SpeculationReport report{.drafter = std::string(speculation_name(kind_))};
    for (const SimulatedAcceptance& acceptance : options_.acceptance) {
      for (const int batch : options_.batches) report.rows.push_back(row(acceptance, batch));
    }
    return report;
  }

 private:
  void say(const std::string& what) const {
    if (options_.progress) options_.progress(what);
  }

  void profile() {
    const int most = *std::ranges::max_element(options_.batches) *
                     (1 + *std::ranges::max_element(options_.drafts));
    for (int rows = 1; rows < 2 * most; rows *= 2) {
      say("plain steps of " + std::to_string(rows) + " rows");
      Runner runner(checkpoint_, options_, rows, {.kind = SpeculationKind::kOff}, {});
      std::vector<double> seconds;
      for (int i = 0; i < options_.rounds; ++i) seconds.push_back(runner.measure().step_seconds);
      profile_.add(rows, median(std::move(seconds)));
    }
  }

  SpeculationRow row(const SimulatedAcceptance& acceptance, int batch) {
    SpeculationRow row{.acceptance = simulated_acceptance_text(acceptance), .batch = batch};
    std::vector<std::unique_ptr<Runner>> runners;
    const auto start = [&](const Speculation& speculation) {
      runners.push_back(
          std::make_unique<Runner>(checkpoint_, options_, batch, speculation, acceptance));
    };
    start({.kind = SpeculationKind::kOff});
    for (const int drafts : options_.drafts) start({.kind = kind_, .drafts = drafts});
    start({.kind = kind_});
    // All ways in turn, so that a machine that changes its mind changes it for all.
    std::vector<std::vector<Run>> runs(runners.size());
    for (int round = 0; round < options_.rounds; ++round) {
      say("acceptance " + row.acceptance + ", batch " + std::to_string(batch) + ", round " +
          std::to_string(round + 1));
      for (size_t i = 0; i < runners.size(); ++i) runs[i].push_back(runners[i]->measure());
    }
    const auto middle = [&](size_t way, double Run::*figure) {
      std::vector<double> values;
      for (const Run& run : runs[way]) values.push_back(run.*figure);
      return median(std::move(values));
    };
    row.plain_tokens_per_s = middle(0, &Run::tokens_per_s);
    for (size_t way = 1; way < runs.size(); ++way) {
      const bool is_auto = way + 1 == runs.size();
      const double mean_drafts = middle(way, &Run::drafts_per_step);
      const int drafts =
          is_auto ? static_cast<int>(std::lround(mean_drafts)) : options_.drafts[way - 1];
      const double tokens = middle(way, &Run::tokens_per_step);
      const double step = profile_.at(batch * (1 + drafts)) + middle(way, &Run::draft_seconds);
      const SpeculationCell cell{
          .drafts = drafts,
          .tokens_per_step = tokens,
          .predicted = tokens * profile_.at(batch) / step,
          .measured = middle(way, &Run::tokens_per_s) / row.plain_tokens_per_s};
      (is_auto ? row.automatic : row.cells.emplace_back()) = cell;
    }
    return row;
  }

  const Checkpoint& checkpoint_;
  const SpeculationBenchOptions& options_;
  SpeculationKind kind_;
  StepProfile profile_;
};

}  // namespace

double SpeculationRow::share_of_best() const {
  double best = 1;
  for (const SpeculationCell& cell : cells) best = std::max(best, cell.measured);
  return automatic.measured / best;
}

SpeculationReport bench_speculation(const std::filesystem::path& directory,
                                    const SpeculationBenchOptions& options) {
  const Checkpoint checkpoint = Checkpoint::open(directory);
  SpeculationReport report = SpeculationBench(checkpoint, options).run();
  report.isa = options.model.isa;
  report.activations = options.model.activations;
  report.threads = options.threads;
  return report;
}

}  // namespace hadal
