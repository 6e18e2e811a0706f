#include "measure/workload/arrivals.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/suggest.h"
#include "json/python_json.h"
#include "measure/workload/keys.h"
#include "measure/workload/limits.h"
#include "numeric/elementary.h"

namespace hadal {
namespace {

constexpr double kDaySeconds = 86400;
constexpr double kMostRate = 1e7;  // sessions per second

struct NamedKind {
  std::string_view name;
  ArrivalKind kind;
};
constexpr std::array<NamedKind, 8> kKinds = {{{"closed", ArrivalKind::kClosed},
                                              {"constant", ArrivalKind::kConstant},
                                              {"poisson", ArrivalKind::kPoisson},
                                              {"gamma", ArrivalKind::kGamma},
                                              {"ramp", ArrivalKind::kRamp},
                                              {"burst", ArrivalKind::kBurst},
                                              {"day", ArrivalKind::kDay},
                                              {"trace", ArrivalKind::kTrace}}};

[[noreturn]] void refuse_arrivals(const std::string& what, const std::string& remedy) {
  throw Error(
      {.code = ErrorCode::kInvalidArgument, .where = "arrivals", .what = what, .remedy = remedy});
}

bool is_rate(double rate) { return rate > 0 && rate <= kMostRate; }
bool is_seconds(double seconds) { return seconds > 0 && seconds <= kMostSeconds; }

void check_day(const ArrivalPlan& plan) {
  double sum = 0;
  for (const double weight : plan.day_weights) {
    if (!(weight >= 0 && weight <= kMostRate)) {
      refuse_arrivals("a day has an hour that weighs " + python_float(weight),
                      "give weights from 0 up");
    }
    sum += weight;
  }
  if (!(sum > 0)) refuse_arrivals("a day has no hour with arrivals", "give a weight above 0");
}

void check_recorded(const std::vector<double>& recorded) {
  if (recorded.empty()) {
    refuse_arrivals("the workload tells no instants to follow",
                    "use a trace with timestamps, or another kind of arrivals");
  }
  for (size_t i = 0; i < recorded.size(); ++i) {
    const bool is_instant = recorded[i] >= 0 && recorded[i] <= kMostSeconds;
    if (!is_instant || (i > 0 && recorded[i] < recorded[i - 1])) {
      refuse_arrivals(
          "recorded instant " + std::to_string(i) + " is none, or before the one before it",
          "give ascending seconds");
    }
  }
}

void check_plan(const ArrivalPlan& plan) {
  const bool has_rate = plan.kind != ArrivalKind::kClosed && plan.kind != ArrivalKind::kBurst &&
                        plan.kind != ArrivalKind::kTrace;
  const bool may_begin_at_none = plan.kind == ArrivalKind::kRamp && plan.rate == 0;
  if (has_rate && !is_rate(plan.rate) && !may_begin_at_none) {
    refuse_arrivals("there can be no rate of " + python_float(plan.rate) + " per second",
                    "give --rate above 0 and at most 1e7");
  }
  switch (plan.kind) {
    case ArrivalKind::kGamma:
      if (!(plan.burstiness >= 1e-3 && plan.burstiness <= 1e6)) {
        refuse_arrivals("there can be no burstiness of " + python_float(plan.burstiness),
                        "give one from 0.001 to 1e6; 1 is Poisson");
      }
      return;
    case ArrivalKind::kRamp:
      if (!(plan.rate_end == 0 || is_rate(plan.rate_end)) || !is_seconds(plan.ramp_seconds) ||
          plan.rate + plan.rate_end <= 0) {
        refuse_arrivals("a ramp to " + python_float(plan.rate_end) + " per second in " +
                            python_float(plan.ramp_seconds) + " seconds is none",
                        "give ramp:RATE_AT_END:SECONDS");
      }
      return;
    case ArrivalKind::kBurst:
      if (plan.burst_size < 1 || plan.burst_size > static_cast<int64_t>(kMostSessions) ||
          !is_seconds(plan.burst_seconds)) {
        refuse_arrivals("bursts of " + std::to_string(plan.burst_size) + " every " +
                            python_float(plan.burst_seconds) + " seconds are none",
                        "give burst:SIZE:SECONDS");
      }
      return;
    case ArrivalKind::kDay:
    case ArrivalKind::kTrace:
      if (!(plan.speed >= 1e-6 && plan.speed <= 1e6)) {
        refuse_arrivals("time cannot run " + python_float(plan.speed) + " times as fast",
                        "give a speed from 1e-6 to 1e6");
      }
      if (plan.kind == ArrivalKind::kDay) {
        check_day(plan);
      } else {
        check_recorded(plan.recorded);
      }
      return;
    case ArrivalKind::kClosed:
    case ArrivalKind::kConstant:
    case ArrivalKind::kPoisson:
      return;
  }
}

std::vector<std::string_view> parts_of(std::string_view text, char between) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t place = text.find(between);
    parts.push_back(text.substr(0, place));
    if (place == std::string_view::npos) return parts;
    text.remove_prefix(place + 1);
  }
}

double number_of(std::string_view part, std::string_view text) {
  double value = 0;
  const auto [end, status] = std::from_chars(part.data(), part.data() + part.size(), value);
  if (status != std::errc() || end != part.data() + part.size() || !std::isfinite(value)) {
    refuse_arrivals(printable(text, 60) + " has " + printable(part, 20) + " where a number belongs",
                    "see hadal measure run --help");
  }
  return value;
}

ArrivalKind kind_of(std::string_view word) {
  std::vector<std::string> known;
  for (const NamedKind& kind : kKinds) {
    if (kind.name == word) return kind.kind;
    known.emplace_back(kind.name);
  }
  const std::string meant = nearest(word, known);
  refuse_arrivals(printable(word, 40) + " is no kind of arrivals",
                  meant.empty() ? "give closed, constant, poisson, gamma:BURSTINESS, "
                                  "ramp:RATE_AT_END:SECONDS, burst:SIZE:SECONDS, day:SPEED or trace"
                                : "did you mean \"" + meant + "\"?");
}

}  // namespace

std::string_view arrival_name(ArrivalKind kind) {
  for (const NamedKind& named : kKinds) {
    if (named.kind == kind) return named.name;
  }
  return "closed";
}

ArrivalPlan parse_arrivals(std::string_view text, double rate, uint64_t seed) {
  const std::vector<std::string_view> parts = parts_of(text, ':');
  ArrivalPlan plan{.kind = kind_of(parts[0]), .rate = rate, .seed = seed};
  const size_t given = parts.size() - 1;
  const auto take = [&](size_t least, size_t most) {
    if (given >= least && given <= most) return;
    refuse_arrivals(
        printable(text, 60) + " has " + std::to_string(given) + " values after its kind",
        "give " + std::to_string(least) +
            (most > least ? " to " + std::to_string(most) : std::string()));
  };
  const auto number = [&](size_t place) { return number_of(parts[place], text); };
  switch (plan.kind) {
    case ArrivalKind::kClosed:
    case ArrivalKind::kConstant:
    case ArrivalKind::kPoisson:
      take(0, 0);
      break;
    case ArrivalKind::kGamma:
      take(1, 1);
      plan.burstiness = number(1);
      break;
    case ArrivalKind::kRamp:
      take(2, 2);
      plan.rate_end = number(1);
      plan.ramp_seconds = number(2);
      break;
    case ArrivalKind::kBurst: {
      take(2, 2);
      const double size = number(1);
      const bool is_count = size >= 1 && size <= static_cast<double>(kMostSessions);
      plan.burst_size = is_count && size == std::trunc(size) ? static_cast<int64_t>(size) : 0;
      plan.burst_seconds = number(2);
      break;
    }
    case ArrivalKind::kDay:
      take(1, 2);
      plan.speed = number(1);
      if (given == 2) {
        const std::vector<std::string_view> weights = parts_of(parts[2], ',');
        if (weights.size() != plan.day_weights.size()) {
          refuse_arrivals("a day of " + std::to_string(weights.size()) + " hours was given",
                          "give 24 weights with commas between them");
        }
        for (size_t i = 0; i < weights.size(); ++i) {
          plan.day_weights[i] = number_of(weights[i], text);
        }
      }
      break;
    case ArrivalKind::kTrace:
      take(0, 1);
      if (given == 1) plan.speed = number(1);
      break;
  }
  // The instants of a trace come with the workload.
  if (plan.kind != ArrivalKind::kTrace) check_plan(plan);
  return plan;
}

Arrivals::Arrivals(ArrivalPlan plan)
    : plan_(std::move(plan)),
      random_(stream_key({plan_.seed, static_cast<uint64_t>(StreamUse::kArrivals)})) {
  check_plan(plan_);
  day_sum_ = std::accumulate(plan_.day_weights.begin(), plan_.day_weights.end(), 0.0);
}

// Of a process with the rate r(t), the instant t at which the integral of r from 0 is `expected`.
std::optional<double> Arrivals::instant_of(double expected) const {
  if (plan_.kind == ArrivalKind::kDay) return day_instant(expected);
  if (plan_.kind != ArrivalKind::kRamp) return expected / plan_.rate;
  const double begin = plan_.rate;
  const double end = plan_.rate_end;
  const double length = plan_.ramp_seconds;
  const double in_ramp = (begin + end) / 2 * length;
  if (expected > in_ramp) {
    if (end == 0) return std::nullopt;
    return length + (expected - in_ramp) / end;
  }
  // begin t + (end - begin) t² / (2 length) = expected, in the form that does not cancel.
  const double root = begin * begin + 2 * (end - begin) / length * expected;
  return 2 * expected / (begin + std::sqrt(std::max(0.0, root)));
}

double Arrivals::day_instant(double expected) const {
  const double day = kDaySeconds / plan_.speed;
  const double hour = day / static_cast<double>(plan_.day_weights.size());
  const double days = elementary::floor(expected / (plan_.rate * day));
  double left = expected - days * plan_.rate * day;
  double instant = days * day;
  for (const double weight : plan_.day_weights) {
    const double rate =
        plan_.rate * weight / day_sum_ * static_cast<double>(plan_.day_weights.size());
    if (left < rate * hour) return instant + left / rate;
    left -= rate * hour;
    instant += hour;
  }
  return instant;
}

std::optional<double> Arrivals::next() {
  const int64_t number = count_++;
  switch (plan_.kind) {
    case ArrivalKind::kClosed:
      return std::nullopt;
    case ArrivalKind::kConstant:
      return static_cast<double>(number) / plan_.rate;
    case ArrivalKind::kBurst: {
      const int64_t burst = number / plan_.burst_size;
      return static_cast<double>(burst) * plan_.burst_seconds;
    }
    case ArrivalKind::kTrace:
      if (number >= static_cast<int64_t>(plan_.recorded.size())) return std::nullopt;
      return plan_.recorded[static_cast<size_t>(number)] / plan_.speed;
    case ArrivalKind::kGamma:
      expected_ += random_.gamma(plan_.burstiness) / plan_.burstiness;
      break;
    case ArrivalKind::kPoisson:
    case ArrivalKind::kRamp:
    case ArrivalKind::kDay:
      expected_ += random_.exponential();
      break;
  }
  return instant_of(expected_);
}

std::string describe_arrivals(const ArrivalPlan& plan) {
  nlohmann::ordered_json json;
  json["arrivals"] = arrival_name(plan.kind);
  switch (plan.kind) {
    case ArrivalKind::kClosed:
      return dump_json(json);
    case ArrivalKind::kConstant:
    case ArrivalKind::kPoisson:
      json["rate"] = plan.rate;
      break;
    case ArrivalKind::kGamma:
      json["rate"] = plan.rate;
      json["burstiness"] = plan.burstiness;
      break;
    case ArrivalKind::kRamp:
      json["rate"] = plan.rate;
      json["rate_end"] = plan.rate_end;
      json["ramp_seconds"] = plan.ramp_seconds;
      break;
    case ArrivalKind::kBurst:
      json["burst_size"] = plan.burst_size;
      json["burst_seconds"] = plan.burst_seconds;
      break;
    case ArrivalKind::kDay:
      json["rate"] = plan.rate;
      json["speed"] = plan.speed;
      json["day_weights"] = plan.day_weights;
      break;
    case ArrivalKind::kTrace:
      json["speed"] = plan.speed;
      json["instants"] = plan.recorded.size();
      break;
  }
  json["seed"] = plan.seed;
  return dump_json(json);
}

}  // namespace hadal
