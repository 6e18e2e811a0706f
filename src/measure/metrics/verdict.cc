#include "measure/metrics/verdict.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "measure/metrics/load_text.h"
#include "measure/metrics/metric_catalogue.h"
#include "measure/metrics/metric_ids.h"

namespace hadal {
namespace {

namespace m = metric_ids;

// What part of its time a server reads inputs in, at least, for that to be called the limit. The
// speed at which it reads is that of one long input on its own; short ones tell more of overheads.
constexpr double kMostlyPrefill = 0.7;
constexpr double kLongInput = 512;  // tokens
// Of the time to the first token without other load, that the way there takes.
constexpr double kMuchOfTheWait = 0.3;
// Headers that come about when the first token does say nothing of the way: the server held them.
constexpr double kWithFirstToken = 0.9;
// Half of all gaps this short, against the time per token: tokens come in lumps.
constexpr double kLumpGap = 0.1;

std::optional<double> middle_of(const PointRecord& point, std::string_view id) {
  const MetricValue* value = find_metric(point.metrics, id);
  if (value == nullptr) return std::nullopt;
  return value->p50 ? value->p50 : value->mean;
}

double output_rate(const PointRecord& point) {
  return metric_mean(point, m::kRateOutput).value_or(0);
}

std::string duration_text(double seconds) {
  return seconds < 1 ? fmt::format("{:.3g} ms", 1e3 * seconds) : fmt::format("{:.3g} s", seconds);
}

class Judgement {
 public:
  Judgement(std::span<const PointRecord> points, const VerdictOptions& options)
      : options_(options) {
    std::vector<const PointRecord*> by_load;
    for (const PointRecord& point : points) {
      if (point.load.concurrency) by_load.push_back(&point);
    }
    std::stable_sort(by_load.begin(), by_load.end(),
                     [](const PointRecord* a, const PointRecord* b) {
                       return *a->load.concurrency < *b->load.concurrency;
                     });
    for (const PointRecord* point : by_load) {
      if (!good_.empty() && *good_.back()->load.concurrency == *point->load.concurrency) continue;
      if (point->invalid || !(output_rate(*point) > 0)) {
        if (broken_ == nullptr) broken_ = point;
      } else {
        good_.push_back(point);
      }
    }
  }

  EndpointVerdict verdict() {
    if (good_.empty()) {
      out_.limit = Limit::kFailures;
      out_.headline = "No load was served well enough to measure";
      if (broken_ != nullptr) add_failures();
      return out_;
    }
    find_knee();
    find_objective();
    choose_users();
    judge_limit();
    describe_network();
    add_headline();
    return out_;
  }

 private:
  const PointRecord& lightest() const { return *good_.front(); }
  const PointRecord& heaviest() const { return *good_.back(); }
  const PointRecord& at(int concurrency) const {
    return **std::find_if(good_.begin(), good_.end(), [&](const PointRecord* point) {
      return *point->load.concurrency == concurrency;
    });
  }

  void find_knee() {
    double greatest = 0;
    for (const PointRecord* point : good_) greatest = std::max(greatest, output_rate(*point));
    const auto knee = std::find_if(good_.begin(), good_.end(), [&](const PointRecord* point) {
      return output_rate(*point) * (1 + options_.least_gain) >= greatest;
    });
    if (knee + 1 != good_.end()) out_.knee = *(*knee)->load.concurrency;
  }

  void find_objective() {
    for (const PointRecord* point : good_) {
      const std::optional<double> share = metric_mean(*point, m::kGoodputShare);
      if (!share) return;
      has_objective_ = true;
      if (*share < options_.objective_share) return;
      out_.most_within_objective = *point->load.concurrency;
    }
  }

  bool objective_breaks() const {
    return has_objective_ && out_.most_within_objective != *heaviest().load.concurrency;
  }

  void choose_users() {
    int users = out_.knee.value_or(*heaviest().load.concurrency);
    if (has_objective_) users = std::min(users, out_.most_within_objective.value_or(0));
    out_.users = users;
    if (users == 0) return;
    const PointRecord& point = at(users);
    const std::optional<double> tpot = middle_of(point, m::kTpotExclFirst);
    if (tpot && *tpot > 0) out_.tokens_per_user_second = 1 / *tpot;
    out_.tokens_per_second = output_rate(point);
    out_.ttft = middle_of(point, m::kTtftFirstToken);
  }

  void judge_limit() {
    const auto limited = std::find_if(
        good_.begin(), good_.end(), [](const PointRecord* point) { return point->client.limited; });
    if (limited != good_.end()) {
      const bool at_once = *(*limited)->load.concurrency <= out_.knee.value_or(INT32_MAX);
      if (at_once || !out_.knee) return add_client(**limited);
    }
    const bool objective_first = objective_breaks() && out_.most_within_objective.value_or(0) <
                                                           out_.knee.value_or(INT32_MAX);
    if (objective_first) return add_objective();
    if (out_.knee) return judge_plateau();
    if (broken_ != nullptr) return add_failures();
    out_.limit = Limit::kNotReached;
    out_.reasons.push_back(
        fmt::format("throughput still grew at {} users, the most that were tried",
                    *heaviest().load.concurrency));
    out_.next.emplace_back("try more users at a time");
  }

  void add_failures() {
    if (broken_->requests.failed == 0) return add_no_answers();
    out_.limit = Limit::kFailures;
    std::string failures;
    for (const FailureCount& f : broken_->requests.failures) {
      failures += fmt::format("{}{} {}", failures.empty() ? ": " : ", ", f.failure, f.count);
    }
    out_.reasons.push_back(fmt::format("at {} users {} of {} requests failed{}",
                                       *broken_->load.concurrency, broken_->requests.failed,
                                       broken_->requests.attempted, failures));
    out_.next.emplace_back(
        "look at the server's log and its limits on requests, connections and memory");
  }

  void add_no_answers() {
    out_.limit = Limit::kServerSaturated;
    out_.reasons.push_back(fmt::format("with {} at a time no answer ended in the time of a step",
                                       *broken_->load.concurrency));
    out_.next.emplace_back("measure for longer (--duration), or with shorter answers");
  }

  void add_client(const PointRecord& point) {
    out_.limit = Limit::kClient;
    out_.reasons.push_back(*point.load.concurrency == 1
                               ? std::string("already with one user this machine did not keep up")
                               : fmt::format("from {} users on this machine did not keep up",
                                             *point.load.concurrency));
    for (const std::string& reason : point.client.reasons) out_.reasons.push_back(reason);
    out_.next.emplace_back("measure from a machine with more free cores, or nearer to the server");
  }

  void add_objective() {
    out_.limit = Limit::kObjective;
    const auto broken = std::find_if(good_.begin(), good_.end(), [&](const PointRecord* point) {
      return *point->load.concurrency > out_.most_within_objective.value_or(0);
    });
    out_.reasons.push_back(fmt::format(
        "at {} users {:.0f} % of the requests met the objective, and {:.0f} % must",
        *(*broken)->load.concurrency, 100 * metric_mean(**broken, m::kGoodputShare).value_or(0),
        100 * options_.objective_share));
    if (!out_.knee) {
      out_.reasons.emplace_back("throughput itself still grew with more users");
    }
    out_.next.emplace_back(
        "a longer wait or a slower stream, if users bear it, serves more of them");
  }

  // The share of the server's time that reading inputs takes at that load, if its speed without
  // other load is any guide. None where inputs are too short to tell.
  std::optional<double> prefill_share(const PointRecord& point) const {
    const std::optional<double> input = metric_mean(lightest(), m::kTokensInput);
    const std::optional<double> wait = middle_of(lightest(), m::kTtftFirstToken);
    const std::optional<double> rate = metric_mean(point, m::kRateInput);
    if (!input || !wait || !rate || !(*wait > 0)) return std::nullopt;
    const double alone = 1 - metric_mean(lightest(), m::kCacheHitShare).value_or(0);
    const double here = 1 - metric_mean(point, m::kCacheHitShare).value_or(0);
    if (*input * alone < kLongInput) return std::nullopt;
    return *rate * here / (*input * alone / *wait);
  }

  void judge_plateau() {
    const PointRecord& knee = at(*out_.knee);
    const PointRecord& last = heaviest();
    const int users = *last.load.concurrency;
    out_.reasons.push_back(fmt::format(
        "{} users get {} tokens/s together, {} users {}: more users, no more tokens", *out_.knee,
        figure_text(output_rate(knee)), users, figure_text(output_rate(last))));
    const std::optional<double> reading = prefill_share(knee);
    if (reading && *reading >= kMostlyPrefill) {
      out_.limit = Limit::kPrefill;
      out_.reasons.push_back(
          fmt::format("at {} users inputs come at {:.0f} % of the speed at which "
                      "the server reads a single one",
                      *out_.knee, 100 * *reading));
      out_.next.emplace_back("shorter or cached inputs; machines of their own for prefill");
      return;
    }
    const std::optional<double> wait_before = middle_of(knee, m::kTtftFirstToken);
    const std::optional<double> wait_after = middle_of(last, m::kTtftFirstToken);
    const std::optional<double> whole_before = middle_of(knee, m::kE2e);
    const std::optional<double> whole_after = middle_of(last, m::kE2e);
    // In a closed loop at its plateau answers must take longer; the question is which part of them.
    bool waiting = false;
    if (wait_before && wait_after && whole_before && whole_after) {
      const double longer = *whole_after - *whole_before;
      waiting = longer > 0 && *wait_after - *wait_before >= 0.5 * longer;
      out_.reasons.push_back(fmt::format(
          "the wait for the first token went from {} to {}, the whole answer from {} to {}",
          duration_text(*wait_before), duration_text(*wait_after), duration_text(*whole_before),
          duration_text(*whole_after)));
    }
    out_.limit = waiting ? Limit::kQueueing : Limit::kServerSaturated;
    if (waiting) {
      out_.next.emplace_back("let the server run more requests at a time, if its memory allows");
    } else {
      out_.next.emplace_back("a faster or second machine, or fewer users at a time");
    }
  }

  // Whatever limits, the way to the server may take its part; without another limit it is one.
  void describe_network() {
    const std::optional<double> wait = middle_of(lightest(), m::kTtftFirstToken);
    const std::optional<double> headers = middle_of(lightest(), m::kHeadersDelay);
    std::string found;
    if (wait && options_.round_trip && *options_.round_trip >= kMuchOfTheWait * *wait) {
      found = fmt::format("a round trip takes {} of the {} to the first token",
                          duration_text(*options_.round_trip), duration_text(*wait));
    } else if (wait && headers && *headers >= kMuchOfTheWait * *wait &&
               *headers < kWithFirstToken * *wait) {
      found = fmt::format("the answer's first bytes take {} of the {} to the first token",
                          duration_text(*headers), duration_text(*wait));
    }
    const std::optional<double> gap = middle_of(lightest(), m::kItlPooled);
    const std::optional<double> tpot = middle_of(lightest(), m::kTpotExclFirst);
    if (gap && tpot && *gap < kLumpGap * *tpot) {
      const std::string lumps =
          fmt::format("tokens come in lumps: half of all gaps are under {}, while a token takes {}",
                      duration_text(*gap), duration_text(*tpot));
      found += (found.empty() ? "" : "; ") + lumps;
      out_.next.emplace_back("look for a proxy that collects the stream before passing it on");
    }
    if (found.empty()) return;
    out_.reasons.push_back(found);
    if (out_.limit == Limit::kNotReached) out_.limit = Limit::kNetwork;
  }

  void add_headline() {
    if (out_.users == 0) {
      out_.headline = "Not even the smallest load meets the objective";
      return;
    }
    out_.headline = fmt::format("{} {} at a time", out_.users, out_.users == 1 ? "user" : "users");
    if (out_.tokens_per_user_second) {
      out_.headline +=
          fmt::format(", each at {} tokens/s", figure_text(*out_.tokens_per_user_second));
    }
    if (out_.ttft) out_.headline += fmt::format(" after a wait of {}", duration_text(*out_.ttft));
    out_.headline +=
        fmt::format("; {} tokens/s in all", figure_text(out_.tokens_per_second.value_or(0)));
  }

  const VerdictOptions& options_;
  std::vector<const PointRecord*> good_;  // ascending by concurrency
  const PointRecord* broken_ = nullptr;   // the first that is not
  bool has_objective_ = false;
  EndpointVerdict out_;
};

}  // namespace

std::string_view limit_name(Limit limit) {
  switch (limit) {
    case Limit::kNotReached:
      return "not reached";
    case Limit::kFailures:
      return "failures";
    case Limit::kClient:
      return "client";
    case Limit::kServerSaturated:
      return "server saturated";
    case Limit::kQueueing:
      return "queueing";
    case Limit::kPrefill:
      return "prefill";
    case Limit::kNetwork:
      return "network";
    case Limit::kObjective:
      break;
  }
  return "objective";
}

EndpointVerdict judge_endpoint(std::span<const PointRecord> points, const VerdictOptions& options) {
  return Judgement(points, options).verdict();
}

}  // namespace hadal
