// hadal measure sweep, track and recommend: many measurements by a plan, and what to make of them.
#include <atomic>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <fmt/format.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/measure_setup.h"
#include "cli/stop_signals.h"
#include "cli/terminal.h"
#include "measure/sweep/child_program.h"
#include "measure/sweep/recommendation.h"
#include "measure/sweep/sweep.h"

namespace hadal {
namespace {

constexpr std::chrono::seconds kChildPatience{60};
constexpr double kPollSeconds = 0.5;

// "2026-08-01", UTC.
std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm parts = {};
  ::gmtime_r(&now, &parts);
  return fmt::format("{:04}-{:02}-{:02}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
}

// What the plan hands on to `hadal measure run` is refused now, and not by each job after its
// engine was started.
void check_options(const SweepPlan& plan, const std::string& file, const std::string& store) {
  for (size_t i = 0; i < plan.endpoints.size(); ++i) {
    for (const SweepJob& job : sweep_jobs(plan, i, "", "")) {
      try {
        parse_command_line(job_words(plan, job, store, ""));
      } catch (const Error& error) {
        throw Error({.code = ErrorCode::kInvalidFile,
                     .where = file + ": " + job.label,
                     .what = error.parts().where + ": " + error.parts().what,
                     .remedy = error.parts().remedy});
      }
    }
  }
}

std::filesystem::path log_folder(const std::string& store) {
  const std::filesystem::path path(store.find("://") == std::string::npos ? store
                                                                          : default_store());
  std::filesystem::path folder = path.parent_path() / "engine-logs";
  std::error_code ignored;  // opening the first log tells
  std::filesystem::create_directories(folder, ignored);
  return folder;
}

// This program once more, so that each measurement begins with a clean slate and its end is only
// its own. Ctrl-C of the terminal reaches it as it reaches us.
std::optional<int> measure_apart(const std::vector<std::string>& words,
                                 const std::atomic<bool>& stop) {
  std::vector<std::string> all = {std::filesystem::read_symlink("/proc/self/exe").string()};
  all.insert(all.end(), words.begin(), words.end());
  // Were it to go on for a moment after us, the next sweep could measure the same once more.
  ChildProgram child({.words = all, .dies_at_once = true});
  for (;;) {
    if (const auto status = child.wait(kPollSeconds)) {
      return stop ? std::nullopt : status;
    }
    // A signal to us alone is for it as well; it keeps what it has.
    if (stop) child.stop(static_cast<double>(kChildPatience.count()));
  }
}

}  // namespace

int measure_sweep_command(const ParsedLine& line) {
  const std::filesystem::path file = line.argument(argument::kPlan);
  const SweepPlan plan = load_sweep_plan(file);
  SweepOptions options{.store = line.get(option::kStore).value_or(default_store()),
                       .dry_run = line.has(option::kDryRun)};
  if (line.command == Command::kMeasureTrack && line.value(option::kEvery) == "day") {
    options.period = today();
  }
  check_options(plan, file.string(), options.store);
  options.logs = log_folder(options.store);
  std::atomic<bool> stop = false;
  const StopReaction reaction([&stop] { stop = true; }, kChildPatience);
  const SweepResult result = run_sweep(
      plan, file, options,
      {.measure = [&](const std::vector<std::string>& words) { return measure_apart(words, stop); },
       .say = [](const std::string& text) { write_err(terminal_safe(text) + "\n"); }},
      stop);
  write_out(fmt::format("{}: {} of {} measured ({} of them now), {} failed, {} left\n", plan.name,
                        result.measured + result.measured_before, result.jobs, result.measured,
                        result.failed, result.left));
  return result.failed + result.left > 0 && !options.dry_run ? kExitPartial : 0;
}

int measure_recommend_command(const ParsedLine& line) {
  RunStore store =
      RunStore::open(line.get(option::kStore).value_or(default_store()), StoreAccess::kRead);
  std::vector<RunRecord> runs;
  for (const RunSummary& summary : store.list({.model = line.get(option::kServedModel).value_or(""),
                                   .workload = line.get(option::kWorkload).value_or(""),
                                   .most = static_cast<size_t>(line.value(option::kLast))})) {
    runs.push_back(store.load(summary.run.id).run);
  }
  const HardwareCatalogue& catalogue = hardware_catalogue(line);
  const std::string era = catalogue.era(line.get(option::kEra).value_or("")).key;
  const PriceTier tier = price_tier_of(line.value(option::kTier)).value();
  RecommendationWish wish{.interactivity = line.value(option::kInteractivity),
                          .ttft = line.get(option::kSloTtft),
                          .usd_per_million = line.get(option::kBudget)};
  wish.price = [&](const RunRecord& run) -> std::optional<double> {
    if (const auto price = line.get(option::kPrice)) return price;
    for (const Accelerator& accelerator : catalogue.accelerators()) {
      if (accelerator.key != run.hardware) continue;
      const PriceFigure* price = accelerator.price_of(era, tier);
      return price == nullptr ? std::nullopt : price->usd_per_gpu_hour.value;
    }
    return std::nullopt;
  };
  const Recommendation recommendation = recommend(runs, wish);
  write_out(terminal_safe(recommendation_text(recommendation, wish)));
  return recommendation.fitting.empty() ? kExitPartial : 0;
}

}  // namespace hadal
