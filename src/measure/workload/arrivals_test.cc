#include "measure/workload/arrivals.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <string>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "json/python_json.h"

namespace hadal {
namespace {

std::vector<double> instants(const ArrivalPlan& plan, size_t count) {
  Arrivals arrivals(plan);
  std::vector<double> out;
  while (out.size() < count) {
    const std::optional<double> instant = arrivals.next();
    if (!instant) break;
    EXPECT_TRUE(out.empty() || *instant >= out.back());
    out.push_back(*instant);
  }
  return out;
}

std::vector<double> instants(const std::string& text, double rate, size_t count) {
  return instants(parse_arrivals(text, rate, 3), count);
}

struct Gaps {
  double mean = 0;
  double variation = 0;  // standard deviation over mean
};

Gaps gaps_of(const std::vector<double>& from) {
  double sum = 0;
  double squares = 0;
  double before = 0;
  for (const double instant : from) {
    const double gap = instant - before;
    before = instant;
    sum += gap;
    squares += gap * gap;
  }
  const auto count = static_cast<double>(from.size());
  const double mean = sum / count;
  return {.mean = mean, .variation = std::sqrt(squares / count - mean * mean) / mean};
}

size_t count_between(const std::vector<double>& from, double begin, double end) {
  return static_cast<size_t>(
      std::count_if(from.begin(), from.end(), [&](double t) { return t >= begin && t < end; }));
}

std::string arrivals_refusal(const std::string& text, double rate = 1) {
  try {
    Arrivals arrivals(parse_arrivals(text, rate, 0));
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Arrivals, ConstantNeitherDriftsNorJitters) {
  const std::vector<double> at = instants("constant", 3, 300001);
  EXPECT_EQ(at[0], 0);
  EXPECT_EQ(at[1], 1.0 / 3);
  EXPECT_EQ(at[300000], 100000);
}

// Computed once in Python.
TEST(Arrivals, PoissonStaysWhatItIsForEver) {
  const std::vector<double> at = instants("poisson", 2, 4);
  const std::vector<double> expected = {0.23435105277637874, 0.29022234539236524,
                                        1.7270745881607907, 2.0604487702871266};
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(at[i], expected[i], 1e-12);
}

TEST(Arrivals, PoissonGapsAreExponential) {
  const std::vector<double> at = instants("poisson", 4, 100000);
  const Gaps gaps = gaps_of(at);
  EXPECT_NEAR(gaps.mean, 0.25, 0.25 * 5 / std::sqrt(1e5));
  EXPECT_NEAR(gaps.variation, 1, 0.025);
  // Counts of seconds have a variance like their mean.
  double squares = 0;
  constexpr int kSeconds = 20000;
  for (size_t i = 0, second = 0; second < kSeconds; ++second) {
    double count = 0;
    for (; i < at.size() && at[i] < static_cast<double>(second + 1); ++i) ++count;
    squares += (count - 4) * (count - 4);
  }
  EXPECT_NEAR(squares / kSeconds, 4, 0.25);
}

// The total is what the draws make it: it differs from N / rate as a sum of draws does, and from
// seed to seed.
TEST(Arrivals, AreNeverStretchedToATotal) {
  std::vector<double> lasts;
  for (uint64_t seed = 0; seed < 400; ++seed) {
    lasts.push_back(instants(parse_arrivals("poisson", 1, seed), 100).back());
  }
  double sum = 0;
  double squares = 0;
  for (const double last : lasts) {
    sum += last - 100;
    squares += (last - 100) * (last - 100);
  }
  EXPECT_NEAR(sum / 400, 0, 2.5);
  EXPECT_NEAR(std::sqrt(squares / 400), 10, 1.8);  // sqrt(100) gaps of standard deviation 1
}

TEST(Arrivals, GammaIsAsBurstyAsItSays) {
  for (const double burstiness : {0.25, 1.0, 4.0}) {
    const Gaps gaps = gaps_of(instants("gamma:" + std::to_string(burstiness), 10, 100000));
    EXPECT_NEAR(gaps.mean, 0.1, 0.1 * 5 / std::sqrt(burstiness * 1e5)) << burstiness;
    EXPECT_NEAR(gaps.variation, 1 / std::sqrt(burstiness), 0.05 / std::sqrt(burstiness))
        << burstiness;
  }
}

TEST(Arrivals, ARampGoesFromRateToRateAndStays) {
  // 10 to 50 per second in 200 s: 6,000 arrivals, of which the first half of the time has 2,000.
  const std::vector<double> at = instants("ramp:50:200", 10, 40000);
  EXPECT_NEAR(static_cast<double>(count_between(at, 0, 200)), 6000, 5 * std::sqrt(6000));
  EXPECT_NEAR(static_cast<double>(count_between(at, 0, 100)), 2000, 5 * std::sqrt(2000));
  EXPECT_NEAR(static_cast<double>(count_between(at, 300, 400)), 5000, 5 * std::sqrt(5000));
  // Down to nothing: 20 per second falling for 100 s makes 1,000, and then there are no more.
  const std::vector<double> down = instants("ramp:0:100", 20, 40000);
  EXPECT_NEAR(static_cast<double>(down.size()), 1000, 5 * std::sqrt(1000));
  EXPECT_LE(down.back(), 100);
  // Up from nothing.
  const std::vector<double> up = instants("ramp:20:100", 0, 1000);
  EXPECT_LT(count_between(up, 0, 10), 30U);
}

TEST(Arrivals, BurstsComeTogether) {
  EXPECT_EQ(instants("burst:3:10", 0, 7), (std::vector<double>{0, 0, 0, 10, 10, 10, 20}));
}

TEST(Arrivals, ADayHasItsHoursAndItsMean) {
  // A day in 240 s: an hour is 10 s. 20 per second are 4,800 a day.
  std::string text = "day:360:0,0,0,0,0,0,0,0,1,1,1,1,1,3,1,1,1,1,0,0,0,0,0,0";
  const std::vector<double> at = instants(text, 20, 20000);
  EXPECT_EQ(count_between(at, 0, 80), 0U);
  EXPECT_EQ(count_between(at, 180, 320), 0U);
  // 13:00 has 3 of 12 weights.
  EXPECT_NEAR(static_cast<double>(count_between(at, 130, 140)), 1200, 5 * std::sqrt(1200));
  EXPECT_NEAR(static_cast<double>(count_between(at, 370, 380)), 1200, 5 * std::sqrt(1200));
  EXPECT_NEAR(static_cast<double>(count_between(at, 0, 480)), 9600, 5 * std::sqrt(9600));
  // The made-up day has a mean of one.
  const std::vector<double> made_up = instants("day:360", 20, 20000);
  EXPECT_NEAR(static_cast<double>(count_between(made_up, 0, 720)), 14400, 5 * std::sqrt(14400));
}

TEST(Arrivals, ATraceIsFollowedAsItWasOrFaster) {
  ArrivalPlan plan = parse_arrivals("trace:2", 0, 0);
  plan.recorded = {0, 3, 3, 10};
  EXPECT_EQ(instants(plan, 10), (std::vector<double>{0, 1.5, 1.5, 5}));
  plan.recorded = {3, 1};
  EXPECT_THROW(Arrivals{plan}, Error);
}

TEST(Arrivals, AClosedLoopHasNoInstants) { EXPECT_TRUE(instants("closed", 0, 5).empty()); }

TEST(Arrivals, WhatIsNoPlanIsRefusedByName) {
  EXPECT_NE(arrivals_refusal("poison").find("did you mean \"poisson\""), std::string::npos);
  EXPECT_NE(arrivals_refusal("xyz").find("give closed"), std::string::npos);
  EXPECT_NE(arrivals_refusal("poisson", 0).find("--rate"), std::string::npos);
  EXPECT_NE(arrivals_refusal("constant", -1), "");
  EXPECT_NE(arrivals_refusal("poisson", std::nan("")), "");
  EXPECT_NE(arrivals_refusal("poisson:3"), "");
  EXPECT_NE(arrivals_refusal("gamma"), "");
  EXPECT_NE(arrivals_refusal("gamma:0"), "");
  EXPECT_NE(arrivals_refusal("gamma:x").find("where a number belongs"), std::string::npos);
  EXPECT_NE(arrivals_refusal("gamma:inf"), "");
  EXPECT_NE(arrivals_refusal("ramp:5"), "");
  EXPECT_NE(arrivals_refusal("ramp:0:10", 0), "");
  EXPECT_NE(arrivals_refusal("ramp:5:0"), "");
  EXPECT_NE(arrivals_refusal("burst:0:10"), "");
  EXPECT_NE(arrivals_refusal("burst:1.5:10"), "");
  EXPECT_NE(arrivals_refusal("day:1:1,2,3").find("24"), std::string::npos);
  EXPECT_NE(arrivals_refusal("day:0"), "");
  EXPECT_NE(arrivals_refusal("day:1:0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0"), "");
  EXPECT_NE(arrivals_refusal("trace").find("no instants"), std::string::npos);
  EXPECT_NE(arrivals_refusal(""), "");
}

TEST(Arrivals, ThePlanSaysWhatItIs) {
  const auto plan = parse_json(describe_arrivals(parse_arrivals("gamma:0.5", 2, 9)), "plan");
  EXPECT_EQ(plan["arrivals"], "gamma");
  EXPECT_EQ(plan["rate"], 2.0);
  EXPECT_EQ(plan["burstiness"], 0.5);
  EXPECT_EQ(plan["seed"], 9);
  EXPECT_EQ(arrival_name(ArrivalKind::kDay), "day");
}

}  // namespace
}  // namespace hadal
