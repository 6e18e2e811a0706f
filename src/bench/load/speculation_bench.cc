#include "bench/load/speculation_bench.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <memory>
#include <ranges>
#include <utility>

#include "base/as_size.h"
#include "base/statistics.h"
#include "bench/load/engine_client.h"
#include "bench/load/speculation_runner.h"
#include "checkpoint/v4/checkpoint.h"

namespace hadal {
namespace {

constexpr int kPromptTokens = 8;
// Plain steps of many rows are all alike and take long.
constexpr int kPlainTokens = 17;

// Durations of plain steps by their rows, between those that were measured on a line.
class StepProfile {
 public:
  void add(double rows, double seconds) { points_[rows] = seconds; }
  double at(double rows) const {
    const auto high = points_.lower_bound(rows);
    if (high == points_.end()) return points_.rbegin()->second;
    if (high == points_.begin()) return high->second;
    const auto low = std::prev(high);
    const double part = (rows - low->first) / (high->first - low->first);
    return low->second + part * (high->second - low->second);
  }

 private:
  std::map<double, double> points_;
};

// One way of guessing and what its rounds came to.
struct Way {
  Speculation speculation = {};
  std::unique_ptr<SpeculationRunner> runner = {};
  // As many requests without guesses as the way has rows, for what such steps take.
  std::unique_ptr<SpeculationRunner> plain_rows = {};
  SpeculationRun run = {};  // of the round
  std::vector<double> measured = {};
  std::vector<double> predicted = {};
  std::vector<double> tokens_per_step = {};
  std::vector<double> drafts = {};
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

  // Whatever is divided by one another is measured within one round, since machines change their
  // minds: what plain steps of more rows take, too.
  SpeculationRow row(const SimulatedAcceptance& acceptance, int batch) {
    SpeculationRow row{.acceptance = simulated_acceptance_text(acceptance), .batch = batch};
    const auto plain =
        runner(batch, options_.answer_tokens, {.kind = SpeculationKind::kOff}, acceptance);
    std::vector<Way> ways;
    for (const int drafts : options_.drafts) {
      ways.push_back({.speculation = {.kind = kind_, .drafts = drafts}});
    }
    ways.push_back({.speculation = {.kind = kind_}});
    for (Way& way : ways) {
      way.runner = runner(batch, options_.answer_tokens, way.speculation, acceptance);
      if (way.speculation.drafts == 0) continue;
      way.plain_rows = runner(batch * (1 + way.speculation.drafts),
                              std::min(options_.answer_tokens, kPlainTokens),
                              {.kind = SpeculationKind::kOff}, {});
    }
    std::vector<double> plain_rates;
    for (int round = 0; round < options_.rounds; ++round) {
      say("acceptance " + row.acceptance + ", batch " + std::to_string(batch) + ", round " +
          std::to_string(round + 1) + " of " + std::to_string(options_.rounds));
      const SpeculationRun without = plain->measure();
      plain_rates.push_back(without.tokens_per_s);
      StepProfile steps;
      steps.add(batch, without.step_seconds);
      // There and back: what the machine does within a round is then nobody's gain.
      const auto measure_in = [&](auto&& in_turn) {
        for (Way& way : in_turn) {
          way.run = way.runner->measure();
          if (!way.plain_rows) continue;
          steps.add(batch * (1 + way.speculation.drafts), way.plain_rows->measure().step_seconds);
        }
      };
      if (round % 2 == 0) {
        measure_in(ways);
      } else {
        measure_in(std::views::reverse(ways));
      }
      for (Way& way : ways) note(way, batch, without, steps);
    }
    row.plain_tokens_per_s = median(std::move(plain_rates));
    for (Way& way : ways) {
      const SpeculationCell cell{.drafts = static_cast<int>(std::lround(median(way.drafts))),
                                 .tokens_per_step = median(way.tokens_per_step),
                                 .predicted = median(way.predicted),
                                 .measured = median(way.measured)};
      (way.plain_rows ? row.cells.emplace_back() : row.automatic) = cell;
    }
    return row;
  }

  static void note(Way& way, int batch, const SpeculationRun& without, const StepProfile& steps) {
    const SpeculationRun& run = way.run;
    const double seconds = steps.at(batch * (1 + run.drafts_per_step)) + run.draft_seconds;
    way.measured.push_back(run.tokens_per_s / without.tokens_per_s);
    way.predicted.push_back(run.tokens_per_step * without.step_seconds / seconds);
    way.tokens_per_step.push_back(run.tokens_per_step);
    way.drafts.push_back(run.drafts_per_step);
  }

  const Checkpoint& checkpoint_;
  const SpeculationBenchOptions& options_;
  SpeculationKind kind_;
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
