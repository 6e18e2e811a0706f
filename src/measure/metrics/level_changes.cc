#include "measure/metrics/level_changes.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "base/statistics.h"

namespace hadal {
namespace {

// Less than this is not told from nothing by any number of days: clocks and counts are no better.
constexpr double kLeastSigma = 0.0005;
// Of a normal distribution: its standard deviation over its median absolute deviation.
constexpr double kNormalMad = 1.4826;
constexpr double kZ95 = 1.96;
// What a further level must explain, in units of σ² log(days): keeps noise from being cut.
constexpr double kPenalty = 4;
constexpr size_t kMostDays = 2000;

double mean_of(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

// The spread of one day, from differences between neighbours: these are of noise alone but where a
// level changes, and a median of them does not see the few that are not.
double day_spread(std::span<const double> logs) {
  std::vector<double> steps;
  for (size_t i = 1; i < logs.size(); ++i) steps.push_back(std::abs(logs[i] - logs[i - 1]));
  return std::max(kLeastSigma, kNormalMad * median(std::move(steps)) / std::numbers::sqrt2);
}

// Levels of days, by the places where they begin.
class Levels {
 public:
  Levels(std::span<const double> logs, double sigma) : logs_(logs) { cut(sigma); }

  size_t size() const { return starts_.size(); }
  size_t begin(size_t level) const { return starts_[level]; }
  size_t end(size_t level) const {
    return level + 1 < starts_.size() ? starts_[level + 1] : logs_.size();
  }
  double value(size_t level) const {
    return mean_of(logs_.subspan(begin(level), end(level) - begin(level)));
  }

  // The standard deviation within the levels.
  double spread() const {
    double squares = 0;
    for (size_t level = 0; level < size(); ++level) {
      const double middle = value(level);
      for (size_t i = begin(level); i < end(level); ++i) {
        squares += (logs_[i] - middle) * (logs_[i] - middle);
      }
    }
    const size_t free = logs_.size() - std::min(logs_.size() - 1, size());
    return std::sqrt(squares / static_cast<double>(free));
  }

  // What lies below the floor is no change, however sure: neighbours become one level, the smallest
  // step first.
  void join_below(double floor) {
    while (true) {
      size_t smallest = 0;
      double least = floor;
      for (size_t level = 1; level < size(); ++level) {
        const double step = std::abs(value(level) - value(level - 1));
        if (step > least) continue;
        least = step;
        smallest = level;
      }
      if (smallest == 0) return;
      starts_.erase(starts_.begin() + static_cast<std::ptrdiff_t>(smallest));
    }
  }

 private:
  // The best cutting by least squares, each further level at its price.
  void cut(double sigma) {
    const size_t days = logs_.size();
    std::vector<double> sum(days + 1, 0);
    std::vector<double> squares(days + 1, 0);
    for (size_t i = 0; i < days; ++i) {
      sum[i + 1] = sum[i] + logs_[i];
      squares[i + 1] = squares[i] + logs_[i] * logs_[i];
    }
    const auto cost = [&](size_t from, size_t to) {
      const double part = sum[to] - sum[from];
      return (squares[to] - squares[from] - part * part / static_cast<double>(to - from)) /
             (sigma * sigma);
    };
    const double price = kPenalty * std::log(static_cast<double>(days));
    std::vector<double> best(days + 1, std::numeric_limits<double>::infinity());
    std::vector<size_t> previous(days + 1, 0);
    best[0] = -price;
    for (size_t to = 1; to <= days; ++to) {
      for (size_t from = 0; from < to; ++from) {
        const double value = best[from] + cost(from, to) + price;
        if (value < best[to]) {
          best[to] = value;
          previous[to] = from;
        }
      }
    }
    starts_.clear();
    for (size_t to = days; to > 0; to = previous[to]) starts_.push_back(previous[to]);
    std::ranges::reverse(starts_);
  }

  std::span<const double> logs_;
  std::vector<size_t> starts_;
};

}  // namespace

LevelFindings find_level_changes(std::span<const double> values) {
  values = values.first(std::min(values.size(), kMostDays));
  if (values.size() < kFewestHistoryDays) return {};
  std::vector<double> logs;
  for (const double value : values) logs.push_back(std::log(value));
  double sigma = day_spread(logs);
  Levels levels(logs, sigma);
  // A median of few differences can be too small; what is left around the levels tells.
  if (const double left = levels.spread(); left > sigma) {
    sigma = left;
    levels = Levels(logs, sigma);
  }
  const double floor = kZ95 * std::numbers::sqrt2 * sigma;
  levels.join_below(floor);
  LevelFindings findings{.noise_ratio = std::exp(floor)};
  findings.level.resize(logs.size());
  for (size_t level = 0; level < levels.size(); ++level) {
    const double own = levels.value(level);
    std::fill(findings.level.begin() + static_cast<std::ptrdiff_t>(levels.begin(level)),
              findings.level.begin() + static_cast<std::ptrdiff_t>(levels.end(level)),
              std::exp(own));
    if (level == 0) continue;
    findings.changes.push_back(
        {.at = levels.begin(level), .ratio = std::exp(own - levels.value(level - 1))});
  }
  return findings;
}

}  // namespace hadal
