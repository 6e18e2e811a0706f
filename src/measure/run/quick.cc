#include "measure/run/quick.h"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "json/python_json.h"
#include "measure/client/http_loop.h"
#include "measure/metrics/metric_catalogue.h"
#include "measure/metrics/metric_ids.h"
#include "measure/run/ask_once.h"

namespace hadal {
namespace {

constexpr int64_t kInput = 1024;
constexpr int64_t kOutput = 128;
constexpr int64_t kLeastOutput = 16;
constexpr double kAnswerSeconds = 2;  // that one answer may take with nobody else there
constexpr int kMostUsers = 4096;
constexpr int kSteps = 9;         // of climbing that a minute must hold: 1 to 256
constexpr double kLeastStep = 2;  // seconds

// Of each step; concurrency and warm-up differ.
MeasureOptions step_options(const QuickOptions& options, const std::string& workload) {
  MeasureOptions step;
  step.workload.name = workload;
  step.workload.seed = options.seed;
  // As many as the time holds; the cut ends the step.
  step.requests = int64_t{1} << 40;
  // Or no answer would end in it.
  constexpr double kAnswers = 2.5;
  step.longest =
      std::max({kLeastStep, options.seconds / kSteps, kAnswers * options.choice.answer_seconds});
  step.request_timeout = 2 * options.seconds;
  step.threads = options.threads;
  step.point = options.point;
  step.point.objective = options.objective;
  return step;
}

}  // namespace

std::string describe_quick_plan(const Endpoint& endpoint, const QuickOptions& options) {
  nlohmann::ordered_json plan =
      parse_json(describe_plan(endpoint, step_options(options, options.choice.workload)), "plan");
  plan["points"] =
      "concurrency doubles from 1 until throughput stops growing, the objective breaks, the client "
      "is the limit or the time is over";
  plan["warm_up"] = "half of the concurrency, at least one request";
  plan["seconds"] = options.seconds;
  return dump_json(plan);
}

QuickChoice choose_quick_workload(const Endpoint& endpoint, const QuickOptions& options) {
  int64_t context = options.context_limit > 0 ? options.context_limit
                                              : endpoint.context.value_or(2 * (kInput + kOutput));
  context = std::max<int64_t>(context, 64);
  const int64_t input = std::min(kInput, context / 2);
  int64_t output = std::min(kOutput, context / 4);
  const auto workload =
      make_workload({.name = fmt::format("{}:{}", input, output), .seed = options.seed},
                    {.salt = ~uint64_t{0}, .sessions = 1});
  const PlannedRequest request = workload->session(0, RequestPhase::kWarmUp).requests.at(0);
  const RequestRecord record = ask_once(endpoint, workload->prompt(request, endpoint.style),
                                        {.output_tokens = output}, std::max(60.0, options.seconds))
                                   .record;
  if (record.outcome == RequestOutcome::kFailed) {
    throw Error({.code = ErrorCode::kUnavailable,
                 .where = endpoint.url(),
                 .what = fmt::format("a request of {} tokens failed ({}): {}", input,
                                     record.failure, record.failure_text),
                 .remedy = "look into the server's log; --context sets a shorter length"});
  }
  const double decode = record.last_token.value_or(0) - record.first_token.value_or(0);
  double seconds = record.ended - record.sent;
  if (decode > kAnswerSeconds) {
    const auto asked = static_cast<double>(output);
    output = std::max(kLeastOutput, static_cast<int64_t>(asked * kAnswerSeconds / decode));
    seconds -= decode * (1 - static_cast<double>(output) / asked);
  }
  return {.workload = fmt::format("{}:{}", input, output), .answer_seconds = seconds};
}

QuickOutcome measure_quick(const Endpoint& endpoint, const QuickOptions& options,
                           const RunningMeters& meters, MeasureObserver& observer,
                           const std::atomic<bool>& stop) {
  const double begin = monotonic_seconds();
  QuickOutcome outcome;
  QuickOptions chosen = options;
  if (chosen.choice.workload.empty()) chosen.choice = choose_quick_workload(endpoint, options);
  outcome.workload = chosen.choice.workload;
  MeasureOptions step = step_options(chosen, outcome.workload);
  double best = 0;
  int without_gain = 0;
  int limited_in_row = 0;
  for (int users = 1; users <= kMostUsers && !stop; users *= 2) {
    step.concurrency = {users};
    step.warm_up = std::max(1, users / 2);
    step.first_salt = static_cast<uint64_t>(users);
    const MeasureOutcome measured = measure(endpoint, step, meters, observer, stop);
    outcome.measured.points.insert(outcome.measured.points.end(), measured.points.begin(),
                                   measured.points.end());
    const bool had_answers = outcome.measured.points.size() > 1;
    const RequestCounts counts =
        measured.points.empty() ? RequestCounts{} : measured.points.back().requests;
    // So many users that no answer came in a step's time: the climb ends, and what was measured
    // before stands.
    if (had_answers && counts.ok == 0 && counts.failed == 0) break;
    if (measured.state != RunState::kComplete) {
      // What was measured before stands.
      const bool broke_off =
          measured.state == RunState::kFailed || measured.state == RunState::kInvalid;
      outcome.measured.state = had_answers && broke_off ? RunState::kPartial : measured.state;
      outcome.measured.reason = measured.reason;
      break;
    }
    if (measured.points.empty()) break;
    const PointRecord& point = measured.points.back();
    constexpr double kGain = 1.1;
    const double rate = metric_mean(point, metric_ids::kRateOutput).value_or(0);
    without_gain = rate > kGain * best ? 0 : without_gain + 1;
    best = std::max(best, rate);
    constexpr double kLeastGood = 0.9;
    limited_in_row = point.client.limited ? limited_in_row + 1 : 0;
    if (without_gain >= 2 || limited_in_row >= 2 ||
        metric_mean(point, metric_ids::kGoodputShare).value_or(1) < kLeastGood)
      break;
    if (monotonic_seconds() - begin + *step.longest > options.seconds) break;
  }
  if (stop) {
    outcome.measured.state = RunState::kPartial;
    outcome.measured.reason = "it was interrupted";
  }
  outcome.verdict = judge_endpoint(outcome.measured.points);
  return outcome;
}

}  // namespace hadal
