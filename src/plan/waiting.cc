#include "plan/waiting.h"

#include <algorithm>
#include <cmath>

namespace hadal {
namespace {

constexpr double kDaysPerWeek = 7;
constexpr double kWeeks[] = {4, 13, 26, 52};

// That the lower factor holds.
double probability_of_low(double low, double high) {
  return low < 1 && high > 1 ? (high - 1) / (high - low) : 0.5;
}

double youth(const WaitingInput& input, double excess, double days) {
  return 1 + input.excess * excess * std::exp(-days / input.youth_days);
}

// The mean of youth() from one week to another.
double mean_youth(const WaitingInput& input, double excess, double from, double to) {
  const auto left = [&](double week) {
    return std::exp(-(input.days + kDaysPerWeek * week) / input.youth_days);
  };
  return 1 + input.excess * excess * input.youth_days * (left(from) - left(to)) /
                 (kDaysPerWeek * (to - from));
}

}  // namespace

WaitingValue waiting_value(const WaitingInput& input) {
  WaitingValue value;
  if (!(input.own > 0 && input.elsewhere > 0 && input.horizon_weeks > 0)) return value;
  const double mature = input.own / youth(input, 1, input.days);
  const double excess_low = probability_of_low(input.excess_low, input.excess_high);
  const double cost_low = probability_of_low(input.cost_low, input.cost_high);
  for (const bool low_excess : {true, false}) {
    for (const bool low_cost : {true, false}) {
      WaitingLeaf leaf{.probability = (low_excess ? excess_low : 1 - excess_low) *
                                      (low_cost ? cost_low : 1 - cost_low),
                       .excess = low_excess ? input.excess_low : input.excess_high,
                       .cost = low_cost ? input.cost_low : input.cost_high};
      leaf.own = mature * leaf.cost * mean_youth(input, leaf.excess, 0, input.horizon_weeks);
      value.own_today += leaf.probability * leaf.own;
      value.leaves.push_back(leaf);
    }
  }
  value.committed = std::min(value.own_today, input.elsewhere);
  for (const double weeks : kWeeks) {
    if (weeks >= input.horizon_weeks) break;
    WaitingRow row{.weeks = weeks};
    const double waited = weeks / input.horizon_weeks;
    row.usd_per_million = waited * input.elsewhere;
    for (const WaitingLeaf& leaf : value.leaves) {
      const double own =
          mature * leaf.cost * mean_youth(input, leaf.excess, weeks, input.horizon_weeks);
      row.usd_per_million += leaf.probability * (1 - waited) * std::min(own, input.elsewhere);
      if (own < input.elsewhere) row.probability += leaf.probability;
    }
    row.option_value = value.committed - row.usd_per_million;
    value.rows.push_back(row);
  }
  return value;
}

}  // namespace hadal
