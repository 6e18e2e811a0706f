#include "measure/metrics/oversaturation.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

#include "measure/metrics/steady_window.h"
#include "support/made_up_answers.h"

namespace hadal {
namespace {

// Poisson arrivals at a server that answers one at a time, `service` seconds each.
PointSamples queue(double rate, double service, double seconds, uint64_t seed) {
  std::mt19937_64 random(seed);
  PointSamples out;
  double now = 0;
  double free_at = 0;
  while (true) {
    now -= std::log((static_cast<double>(random() >> 11) + 0.5) * 0x1p-53) / rate;
    if (now > seconds) return out;
    const double begins = std::max(now, free_at);
    free_at = begins + service;
    test::add_answer(out, {.sent = now, .ttft = begins - now + service, .tpot = 0, .output = 1})
        .planned = now;
  }
}

Oversaturation judge(const PointSamples& samples) {
  return judge_oversaturation(samples, steady_window(samples, {.rate = 1, .arrivals = "poisson"}));
}

TEST(Oversaturation, IsFoundWhereMoreIsAskedThanCanBeDone) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const Oversaturation judged = judge(queue(12, 0.1, 120, seed));
    EXPECT_TRUE(judged.found) << seed << ": " << judged.why;
  }
}

TEST(Oversaturation, IsNotFoundWhereTheServerKeepsUp) {
  int found = 0;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    found += judge(queue(8, 0.1, 120, seed)).found ? 1 : 0;
  }
  EXPECT_LE(found, 8);  // a queue at 80 % has long moods of its own
}

TEST(Oversaturation, ShortRunsTellNothing) {
  const Oversaturation judged = judge(queue(14, 0.1, 20, 1));
  EXPECT_FALSE(judged.found);
  EXPECT_FALSE(judged.ttft);
  EXPECT_NE(judged.why.find("too few"), std::string::npos);
  EXPECT_FALSE(judge({}).found);
}

}  // namespace
}  // namespace hadal
