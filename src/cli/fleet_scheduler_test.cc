#include "cli/fleet_scheduler.h"

#include <algorithm>
#include <gtest/gtest.h>

#include "plan/fleet.h"

namespace hadal {
namespace {

// A row of a prompt takes a tenth of a millisecond, a step 10 ms.
double plain_seconds(const MixedStep& step) { return 0.01 + 0.0001 * step.prefill_rows; }

ScheduledReplica plain_replica() {
  return {.model = load_plan_model("flash"),
          .tokens = 4e5,
          .max_running = 8,
          .prefill_rows = 1000,
          .budget_seconds = 10,
          .step_seconds = plain_seconds};
}

TEST(FleetScheduler, ATurnIsPrefilledInChunksAndDecodedTokenByToken) {
  const auto replica = scheduled_replicas(plain_replica())();
  EXPECT_EQ(replica->step().seconds, 0);
  ASSERT_TRUE(replica->submit({.request = 5, .session = 1, .input = 2000, .output = 4}));
  const ReplicaStep first = replica->step();
  ASSERT_EQ(first.beginnings.size(), 1U);
  EXPECT_EQ(first.beginnings[0].request, 5U);
  EXPECT_EQ(first.beginnings[0].cached_tokens, 0);
  EXPECT_TRUE(first.first_tokens.empty());
  double seconds = first.seconds;
  int steps = 1;
  int first_token_step = 0;
  while (true) {
    const ReplicaStep& step = replica->step();
    ++steps;
    seconds += step.seconds;
    EXPECT_TRUE(step.beginnings.empty());
    if (!step.first_tokens.empty()) first_token_step = steps;
    if (!step.ended.empty()) break;
    ASSERT_LT(steps, 100);
  }
  EXPECT_GT(first_token_step, 1);
  EXPECT_EQ(steps, first_token_step + 3);  // of four tokens
  EXPECT_NEAR(seconds, 0.01 * steps + 0.0001 * 2000, 1e-9);
  EXPECT_EQ(replica->step().seconds, 0);
}

// The next turn begins as the last one ended, and what is left to compute is what came new.
TEST(FleetScheduler, ATurnFindsWhatItsSessionLeft) {
  const auto replica = scheduled_replicas(plain_replica())();
  const auto cached_of = [&](int64_t session, double input) {
    EXPECT_TRUE(replica->submit({.session = session, .input = input, .output = 10}));
    double cached = -1;
    while (true) {
      const ReplicaStep& step = replica->step();
      if (!step.beginnings.empty()) cached = step.beginnings[0].cached_tokens;
      if (!step.ended.empty()) return cached;
    }
  };
  EXPECT_EQ(cached_of(1, 3000), 0);
  EXPECT_GE(cached_of(1, 3510), 3000);
  EXPECT_EQ(cached_of(2, 3510), 0);
}

TEST(FleetScheduler, WhatNeverFitsIsRefused) {
  const auto replica = scheduled_replicas(plain_replica())();
  EXPECT_FALSE(replica->submit({.input = 5e5, .output = 10}));
  EXPECT_TRUE(replica->submit({.input = 3e5, .output = 10}));
}

// More start than can end at a time: some make way, are computed again, and all end.
TEST(FleetScheduler, MemoryThatRunsOutIsShared) {
  constexpr uint32_t kTurns = 12;
  ScheduledReplica options = plain_replica();
  options.tokens = 12000;
  options.max_running = kTurns;
  const auto replica = scheduled_replicas(options)();
  for (uint32_t i = 0; i < kTurns; ++i) {
    ASSERT_TRUE(replica->submit({.request = i, .session = i, .input = 200, .output = 1500}));
  }
  std::vector<int> begun(kTurns);
  std::vector<int> ended(kTurns);
  for (int steps = 0; steps < 100000; ++steps) {
    const ReplicaStep& step = replica->step();
    if (step.seconds <= 0) break;
    for (const auto& beginning : step.beginnings) ++begun[beginning.request];
    for (const uint32_t request : step.ended) ++ended[request];
  }
  EXPECT_EQ(begun, std::vector<int>(kTurns, 1));
  EXPECT_EQ(ended, std::vector<int>(kTurns, 1));
}

// With guesses of which so many are kept, an answer takes as many fewer steps.
TEST(FleetScheduler, GuessesShortenAnswers) {
  const auto steps_of = [](int drafts, double tokens_per_step) {
    ScheduledReplica options = plain_replica();
    options.drafts = drafts;
    options.tokens_per_step = tokens_per_step;
    const auto replica = scheduled_replicas(options)();
    EXPECT_TRUE(replica->submit({.input = 100, .output = 3000}));
    int steps = 1;
    while (replica->step().ended.empty()) ++steps;
    return steps;
  };
  EXPECT_EQ(steps_of(0, 1), 3000);
  EXPECT_NEAR(steps_of(3, 2.5), 3000 / 2.5, 60);
}

// Where nothing shares its steps, the scheduler is a queue with as many servers as run at a time.
TEST(FleetScheduler, AFleetOfItWaitsAsTheQueueDoes) {
  ScheduledReplica options = plain_replica();
  options.max_running = 4;
  options.step_seconds = [](const MixedStep&) { return 0.04; };
  const FleetLoad load{.requests_per_s = 1.6, .input = 1, .output = 50};
  const FleetOptions fleet{.requests = 20000, .seed = 2};
  const ReplicaSpeed speed{.seconds_per_token = std::vector<double>(4, 0.04)};
  const double queue = simulate_fleet(speed, load, fleet).wait_s;
  const FleetResult stepped =
      simulate_fleet(speed, load, fleet, {.make_replica = scheduled_replicas(options)});
  EXPECT_NEAR(stepped.wait_s / queue, 1, 0.05);
  EXPECT_EQ(stepped.requests, 18000);
  EXPECT_EQ(stepped.refused, 0);
}

TEST(FleetScheduler, FailuresScalingAndRefusalsGoOn) {
  const ScheduledReplica options = plain_replica();
  const FleetLoad load{
      .requests_per_s = 3, .input = 800, .output = 60, .turns = 6, .think_seconds = 5};
  const FleetOptions fleet{.replicas = 2,
                           .routing = Routing::kAffinity,
                           .hours_between_failures = 0.02,
                           .reload_seconds = 5,
                           .most_replicas = 4,
                           .cold_start_seconds = 5,
                           .decide_seconds = 10,
                           .requests = 3000,
                           .seed = 3};
  const ReplicaSpeed speed{.seconds_per_token = std::vector<double>(8, 0.01)};
  const FleetParts parts{.make_replica = scheduled_replicas(options)};
  const FleetResult result = simulate_fleet(speed, load, fleet, parts);
  EXPECT_GT(result.failures, 5);
  EXPECT_GT(result.restarted, 0);
  EXPECT_GT(result.hit, 0.3);
  EXPECT_EQ(simulate_fleet(speed, load, fleet, parts).ttft_s, result.ttft_s);
  ScheduledReplica small = options;
  small.tokens = 2000;
  const FleetResult refused =
      simulate_fleet(speed, load, fleet, {.make_replica = scheduled_replicas(small)});
  EXPECT_GT(refused.refused, 0);
}

}  // namespace
}  // namespace hadal
