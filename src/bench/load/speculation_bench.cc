#include "bench/load/speculation_bench.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "base/as_size.h"
#include "base/statistics.h"
#include "bench/load/engine_client.h"
#include "bench/load/speculation_runner.h"
#include "checkpoint/v4/checkpoint.h"

namespace hadal {
namespace {

constexpr int kPromptTokens = 32;
// All steps of a profile are alike, and those of many rows take long.
constexpr int kProfileTokens = 17;

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
    SpeculationReport report{.model = options_.name,
                             .drafter = std::string(speculation_name(kind_)),
                             .isa = options_.model.isa,
                             .activations = options_.model.activations,
                             .threads = options_.threads};
    for (const SimulatedAcceptance& acceptance : options_.acceptance) {
      for (const int batch : options_.batches) {
        report.rows.push_back(row(acceptance, batch));
        if (options_.row_done) options_.row_done(report);
      }
    }
    return report;
  }

 private:
  void say(const std::string& what) const {
    if (options_.progress) options_.progress(what);
  }

  std::unique_ptr<SpeculationRunner> runner(
      int batch, int answer_tokens, const Speculation& speculation,
      const std::optional<SimulatedAcceptance>& simulated) const {
    const auto request = [this, answer_tokens](int number) {
      return made_up_request(made_up_prompt(checkpoint_.config(), kPromptTokens, as_size(number)),
                             answer_tokens, as_size(number));
    };
    return std::make_unique<SpeculationRunner>(SpeculationRunnerArgs{.checkpoint = checkpoint_,
                                                                     .model = options_.model,
                                                                     .threads = options_.threads,
                                                                     .batch = batch,
                                                                     .prompt_tokens = kPromptTokens,
                                                                     .answer_tokens = answer_tokens,
                                                                     .request = request,
                                                                     .speculation = speculation,
                                                                     .simulated = simulated});
  }

  void profile() {
    const int most = *std::ranges::max_element(options_.batches) *
                     (1 + *std::ranges::max_element(options_.drafts));
    for (int rows = 1; rows < 2 * most; rows *= 2) {
      say("plain steps of " + std::to_string(rows) + " rows");
      const auto plain = runner(rows, std::min(options_.answer_tokens, kProfileTokens),
                                {.kind = SpeculationKind::kOff}, {});
      std::vector<double> seconds;
      for (int i = 0; i < options_.rounds; ++i) seconds.push_back(plain->measure().step_seconds);
      profile_.add(rows, median(std::move(seconds)));
    }
  }

  SpeculationRow row(const SimulatedAcceptance& acceptance, int batch) {
    SpeculationRow row{.acceptance = simulated_acceptance_text(acceptance), .batch = batch};
    std::vector<std::unique_ptr<SpeculationRunner>> runners;
    const auto start = [&](const Speculation& speculation) {
      runners.push_back(runner(batch, options_.answer_tokens, speculation, acceptance));
    };
    start({.kind = SpeculationKind::kOff});
    for (const int drafts : options_.drafts) start({.kind = kind_, .drafts = drafts});
    start({.kind = kind_});
    // All ways in turn, so that a machine that changes its mind changes it for all.
    std::vector<std::vector<SpeculationRun>> runs(runners.size());
    for (int round = 0; round < options_.rounds; ++round) {
      say("acceptance " + row.acceptance + ", batch " + std::to_string(batch) + ", round " +
          std::to_string(round + 1));
      for (size_t i = 0; i < runners.size(); ++i) runs[i].push_back(runners[i]->measure());
    }
    const auto middle = [&](size_t way, double SpeculationRun::*figure) {
      std::vector<double> values;
      for (const SpeculationRun& run : runs[way]) values.push_back(run.*figure);
      return median(std::move(values));
    };
    row.plain_tokens_per_s = middle(0, &SpeculationRun::tokens_per_s);
    for (size_t way = 1; way < runs.size(); ++way) {
      const bool is_auto = way + 1 == runs.size();
      const double mean_drafts = middle(way, &SpeculationRun::drafts_per_step);
      const int drafts =
          is_auto ? static_cast<int>(std::lround(mean_drafts)) : options_.drafts[way - 1];
      const double tokens = middle(way, &SpeculationRun::tokens_per_step);
      const double step =
          profile_.at(batch * (1 + drafts)) + middle(way, &SpeculationRun::draft_seconds);
      const SpeculationCell cell{
          .drafts = drafts,
          .tokens_per_step = tokens,
          .predicted = tokens * profile_.at(batch) / step,
          .measured = middle(way, &SpeculationRun::tokens_per_s) / row.plain_tokens_per_s};
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
  return SpeculationBench(checkpoint, options).run();
}

}  // namespace hadal
