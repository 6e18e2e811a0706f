#include "measure/sweep/sweep.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <fcntl.h>
#include <fmt/format.h>
#include <memory>
#include <sys/file.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "json/python_json.h"
#include "measure/meters/child_process.h"
#include "measure/meters/http_get.h"
#include "measure/store/run_words.h"
#include "measure/sweep/child_program.h"

namespace hadal {
namespace {

constexpr double kProbeSeconds = 5;
constexpr double kVersionSeconds = 120;
constexpr auto kReadyPoll = std::chrono::milliseconds(250);

// One sweep of a plan at a time, on this machine; the system lets go of it whatever happens.
class PlanLock {
 public:
  explicit PlanLock(const std::filesystem::path& plan)
      : fd_(::open(plan.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (fd_ < 0) throw_system_error(plan, "cannot be opened", errno);
    if (::flock(fd_, LOCK_EX | LOCK_NB) == 0) return;
    ::close(fd_);
    throw Error({.code = ErrorCode::kUnavailable,
                 .where = plan.string(),
                 .what = "is being swept by another hadal",
                 .remedy = "wait for its end"});
  }
  ~PlanLock() { ::close(fd_); }
  PlanLock(const PlanLock&) = delete;
  PlanLock& operator=(const PlanLock&) = delete;

 private:
  int fd_;
};

std::string first_line(std::string text) {
  text.resize(std::min(text.find_first_of("\r\n"), text.size()));
  return printable(text, 100);
}

// Of a running server, where it says one: {"version": …} at /version.
std::string told_version(const std::string& url) {
  try {
    const nlohmann::ordered_json json = parse_json(http_get(kProbeSeconds)(url + "/version"), url);
    if (json.is_object() && json.contains("version") && json["version"].is_string()) {
      return printable(json["version"].get<std::string>(), 100);
    }
  } catch (const Error&) {
    // Most engines have no such address; probing before the run looks further.
  }
  return "";
}

bool answers(const std::string& url) {
  try {
    http_get(kProbeSeconds)(url);
    return true;
  } catch (const Error&) {
    return false;
  }
}

class Sweep {
 public:
  Sweep(const SweepPlan& plan, const SweepOptions& options, const SweepActions& actions,
        const std::atomic<bool>& stop)
      : plan_(plan), options_(options), actions_(actions), stop_(stop) {}

  SweepResult run() {
    result_.jobs = static_cast<int>(plan_.endpoints.size() * plan_.workloads.size());
    for (size_t i = 0; i < plan_.endpoints.size(); ++i) endpoint(i);
    return result_;
  }

 private:
  using Clock = std::chrono::steady_clock;

  void endpoint(size_t index) {
    const SweepEndpoint& entry = plan_.endpoints[index];
    std::string version;
    try {
      version = version_of(entry);
    } catch (const Error& error) {
      fail_all(sweep_jobs(plan_, index, "", options_.period), entry, error.what());
      return;
    }
    const std::vector<SweepJob> jobs = left_of(sweep_jobs(plan_, index, version, options_.period));
    if (jobs.empty()) return;
    if (options_.dry_run || stop_) {
      for (const SweepJob& job : jobs) actions_.say("to be measured: " + job.label);
      result_.left += static_cast<int>(jobs.size());
      return;
    }
    std::unique_ptr<ChildProgram> engine;
    try {
      if (entry.recipe) engine = started(entry);
    } catch (const Error& error) {
      fail_all(jobs, entry, error.what());
      return;
    }
    for (size_t i = 0; i < jobs.size(); ++i) {
      if (stop_) {
        result_.left += static_cast<int>(jobs.size() - i);
        break;
      }
      measure(jobs[i], version);
    }
    if (engine) engine->stop(entry.recipe->stop_seconds);
  }

  static double seconds_since(Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
  }

  static std::string version_of(const SweepEndpoint& entry) {
    if (!entry.recipe) return told_version(entry.url);
    if (entry.recipe->version_command.empty()) return "";
    return first_line(run_command(entry.recipe->version_command, kVersionSeconds));
  }

  std::vector<SweepJob> left_of(std::vector<SweepJob> jobs) {
    RunStore store = RunStore::open(options_.store);
    const std::vector<std::string> done = measured_marks(store);
    std::erase_if(jobs, [&](const SweepJob& job) {
      const bool is_done = std::find(done.begin(), done.end(), job.mark) != done.end();
      if (is_done) {
        ++result_.measured_before;
        actions_.say("measured already: " + job.label);
      }
      return is_done;
    });
    return jobs;
  }

  std::unique_ptr<ChildProgram> started(const SweepEndpoint& entry) {
    const EngineRecipe& recipe = *entry.recipe;
    const std::string ready = recipe.url + recipe.ready_path;
    // One that was left behind by a sweep that was killed may still be ending.
    const auto asked = Clock::now();
    while (answers(ready)) {
      if (!stop_ && seconds_since(asked) < recipe.stop_seconds) {
        std::this_thread::sleep_for(kReadyPoll);
        continue;
      }
      throw Error({.code = ErrorCode::kUnavailable,
                   .where = entry.name,
                   .what = "its address " + recipe.url + " is answered before it was started",
                   .remedy = "stop what runs there, or give another port"});
    }
    std::string name = plan_.name + "-" + entry.name + ".log";
    std::replace(name.begin(), name.end(), '/', '-');
    const std::filesystem::path log = options_.logs / name;
    actions_.say(fmt::format("starting {} (it prints to {})", entry.name, log.string()));
    auto engine = std::make_unique<ChildProgram>(ChildProgramOptions{
        .words = recipe.command, .environment = recipe.environment, .log = log, .own_group = true});
    const auto begin = Clock::now();
    while (!answers(ready)) {
      if (const auto status = engine->wait(0)) {
        throw Error({.code = ErrorCode::kUnavailable,
                     .where = entry.name,
                     .what = fmt::format("ended with status {} before it was ready", *status),
                     .remedy = "see " + log.string()});
      }
      if (stop_) {
        throw Error(
            {.code = ErrorCode::kCancelled, .where = entry.name, .what = "was interrupted"});
      }
      if (seconds_since(begin) > recipe.ready_seconds) {
        throw Error({.code = ErrorCode::kDeadlineExceeded,
                     .where = entry.name,
                     .what = fmt::format("was not ready within {:.0f} s", recipe.ready_seconds),
                     .remedy = "see " + log.string() + ", or give it more under [ready]"});
      }
      std::this_thread::sleep_for(kReadyPoll);
    }
    actions_.say(fmt::format("{} is ready after {:.0f} s", entry.name, seconds_since(begin)));
    return engine;
  }

  void measure(const SweepJob& job, const std::string& version) {
    const int number = result_.measured_before + result_.measured + result_.failed + 1;
    actions_.say(fmt::format("{} of {}: {}{}", number, result_.jobs, job.label, time_left()));
    const auto begin = Clock::now();
    const std::optional<int> status =
        actions_.measure(job_words(plan_, job, options_.store, version));
    if (!status) {
      ++result_.left;
    } else if (*status == 0) {
      ++result_.measured;
      seconds_ += seconds_since(begin);
    } else {
      ++result_.failed;
      actions_.say(fmt::format("{}: hadal measure run ended with status {}", job.label, *status));
    }
  }

  std::string time_left() const {
    if (result_.measured == 0) return "";
    const int left = result_.jobs - result_.measured_before - result_.measured - result_.failed;
    const double minutes = seconds_ / result_.measured * left / 60;
    return minutes < 1.5 ? fmt::format(", about {:.0f} s to go", minutes * 60)
                         : fmt::format(", about {:.0f} min to go", minutes);
  }

  // A night on which nothing could be measured is a gap with a reason, and no zero.
  void fail_all(const std::vector<SweepJob>& jobs, const SweepEndpoint& entry,
                const std::string& why) {
    if (stop_) {
      result_.left += static_cast<int>(jobs.size());
      return;
    }
    actions_.say(why);
    result_.failed += static_cast<int>(jobs.size());
    if (options_.dry_run) return;
    RunStore store = RunStore::open(options_.store);
    const auto option = [&](const std::vector<RunOption>& options, std::string_view name) {
      for (const RunOption& given : options) {
        if (given.name == name) return given.value;
      }
      return std::string();
    };
    for (const SweepJob& job : jobs) {
      const std::string text = option(entry.options, "gpus");
      int gpus = 0;
      std::from_chars(text.data(), text.data() + text.size(), gpus);
      RunRecord run{.state = RunState::kFailed,
                    .label = job.label,
                    .url = entry.url,
                    .model = option(entry.options, "model"),
                    .engine = entry.recipe ? entry.recipe->engine : option(entry.options, "engine"),
                    .hardware = option(entry.options, "hardware"),
                    .gpus = gpus,
                    .precision = option(entry.options, "precision"),
                    .speculation = option(entry.options, "speculation"),
                    .workload = option(plan_.workloads[job.workload].options, "workload"),
                    .plan_json = with_mark("{}", job.mark)};
      store.save(run, {}, why);
    }
  }

  const SweepPlan& plan_;
  const SweepOptions& options_;
  const SweepActions& actions_;
  const std::atomic<bool>& stop_;
  SweepResult result_;
  double seconds_ = 0;  // of what was measured now
};

}  // namespace

std::vector<std::string> measured_marks(RunStore& store) {
  std::vector<std::string> marks;
  store.connection().query(
      "SELECT r.plan_json FROM runs r JOIN run_ends e ON e.run_id = r.id "
      "WHERE e.state = 'complete' AND r.plan_json LIKE '{\"mark\": %'",
      {}, [&](SqlRow& row) {
        const std::string plan = SqlRowReader(row, store.name()).text();
        try {
          const nlohmann::ordered_json json = parse_json(plan, store.name());
          if (json["mark"].is_string()) marks.push_back(json["mark"].get<std::string>());
        } catch (const Error&) {
          // A damaged run is no reason to measure nothing; it is measured again.
          return;
        }
      });
  return marks;
}

std::string with_mark(const std::string& plan_json, const std::string& mark) {
  const std::string rest = plan_json.size() > 2 ? ", " + plan_json.substr(1) : "}";
  return "{\"mark\": " + json_string(mark) + rest;
}

SweepResult run_sweep(const SweepPlan& plan, const std::filesystem::path& plan_file,
                      const SweepOptions& options, const SweepActions& actions,
                      const std::atomic<bool>& stop) {
  const PlanLock lock(plan_file);
  return Sweep(plan, options, actions, stop).run();
}

}  // namespace hadal
