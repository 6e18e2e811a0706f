// The simulation against queueing theory, and that what is built in moves it as it must.
#include "plan/fleet.h"

#include <cmath>
#include <gtest/gtest.h>

#include "base/error.h"

namespace hadal {
namespace {

// `servers` requests at a time, each as fast as one alone: a queue with that many servers.
ReplicaSpeed servers(int count, double seconds_per_token) {
  return {.seconds_per_token = std::vector<double>(static_cast<size_t>(count), seconds_per_token)};
}

double mean_wait(const ReplicaSpeed& speed, const FleetLoad& load) {
  std::vector<double> waits;
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    waits.push_back(simulate_fleet(speed, load, {.requests = 250000, .seed = seed}).wait_s);
  }
  return interval_of(waits).mean;
}

// Erlang's C over c·mu - lambda.
double mmc_wait(int c, double lambda, double mu) {
  const double a = lambda / mu;
  double term = 1;
  double sum = 1;
  for (int n = 1; n < c; ++n) {
    term *= a / n;
    sum += term;
  }
  const double last = term * a / c * c / (c - a);
  return last / (sum + last) / (c * mu - lambda);
}

TEST(Fleet, WaitsAreThoseOfMMC) {
  for (const auto& [c, rho] : {std::pair(1, 0.7), std::pair(4, 0.8), std::pair(16, 0.9)}) {
    constexpr double kMu = 0.5;  // 200 tokens of 10 ms
    const double lambda = rho * c * kMu;
    const double wait =
        mean_wait(servers(c, 0.01), {.requests_per_s = lambda, .input = 0, .output = 200});
    EXPECT_NEAR(wait / mmc_wait(c, lambda, kMu), 1, 0.02) << c << " servers at " << rho;
  }
}

TEST(Fleet, WaitsAreThoseOfMG1) {
  // Pollaczek and Khinchine: lambda E[S^2] / 2 (1 - rho); of a fixed service half of M/M/1.
  const double lambda = 0.35;
  const double wait = mean_wait(
      servers(1, 0.01),
      {.requests_per_s = lambda, .input = 0, .output = 200, .output_lengths = Lengths::kFixed});
  const double expected = lambda * 4 / (2 * (1 - 0.7));
  EXPECT_NEAR(wait / expected, 1, 0.02);
}

TEST(Fleet, PrefillsAreAQueueOfTheirOwn) {
  // One-token answers: M/D/1 on prefill of 0.5 s.
  ReplicaSpeed speed = servers(64, 1e-6);
  speed.prefill_tokens_per_s = 2000;
  const FleetLoad load{.requests_per_s = 1.4, .input = 1000, .output = 1};
  EXPECT_NEAR(mean_wait(speed, load), 1.4 * 0.25 / (2 * 0.3), 0.02 * 0.5833);
}

constexpr FleetLoad kChats = {
    .requests_per_s = 6, .input = 500, .output = 100, .turns = 8, .think_seconds = 20};

FleetResult chats(Routing routing, FleetOptions options) {
  ReplicaSpeed speed;
  for (int n = 1; n <= 32; ++n) speed.seconds_per_token.push_back(0.01 + 0.0005 * n);
  speed.prefill_tokens_per_s = 20000;
  options.routing = routing;
  options.requests = 60000;
  return simulate_fleet(speed, kChats, options);
}

TEST(Fleet, AffinityFindsWhatChanceLoses) {
  const FleetOptions options{.replicas = 8, .cache_tokens = 1e6};
  const FleetResult near = chats(Routing::kAffinity, options);
  const FleetResult chance = chats(Routing::kRandom, options);
  EXPECT_GT(near.hit, 0.6);
  EXPECT_LT(chance.hit, 0.75 * near.hit);
  EXPECT_LT(near.ttft_s, chance.ttft_s);
  // A cache that holds nothing finds nothing.
  EXPECT_EQ(chats(Routing::kAffinity, {.replicas = 8}).hit, 0);
}

TEST(Fleet, FailuresCostTimeAndSparesSaveIt) {
  FleetOptions options{.replicas = 6, .hours_between_failures = 0.1, .reload_seconds = 120};
  const FleetResult without = chats(Routing::kLeastLoaded, options);
  options.spares = 1;
  const FleetResult with = chats(Routing::kLeastLoaded, options);
  EXPECT_GT(without.failures, 10);
  EXPECT_GT(without.restarted, 0);
  EXPECT_LT(with.ttft_p99_s, without.ttft_p99_s);
  EXPECT_GT(with.replica_hours / with.seconds, 1.1 * without.replica_hours / without.seconds);
}

TEST(Fleet, ScalingFollowsTheLoad) {
  FleetOptions options{
      .replicas = 1, .most_replicas = 16, .cold_start_seconds = 60, .decide_seconds = 30};
  const FleetResult scaled = chats(Routing::kLeastLoaded, options);
  options.replicas = 16;
  options.most_replicas = 0;
  const FleetResult always = chats(Routing::kLeastLoaded, options);
  EXPECT_LT(scaled.replica_hours, 0.9 * always.replica_hours);
  EXPECT_GT(scaled.busy, always.busy);
  EXPECT_GE(scaled.ttft_p99_s, always.ttft_p99_s);
}

TEST(Fleet, ASeedDecidesEverything) {
  const FleetResult a = chats(Routing::kRandom, {.replicas = 4, .seed = 7});
  const FleetResult b = chats(Routing::kRandom, {.replicas = 4, .seed = 7});
  const FleetResult c = chats(Routing::kRandom, {.replicas = 4, .seed = 8});
  EXPECT_EQ(a.ttft_s, b.ttft_s);
  EXPECT_NE(a.ttft_s, c.ttft_s);
}

TEST(Fleet, RefusesWhatMakesNoSense) {
  EXPECT_THROW(simulate_fleet({}, {}, {}), Error);
  EXPECT_THROW(simulate_fleet(servers(1, 0), {}, {}), Error);
  EXPECT_THROW(simulate_fleet(servers(1, 1), {.requests_per_s = 0}, {}), Error);
  EXPECT_THROW(simulate_fleet(servers(1, 1), {.turns = 0.5}, {}), Error);
  EXPECT_THROW(simulate_fleet(servers(1, 1), {}, {.replicas = 0}), Error);
  EXPECT_THROW(simulate_fleet(servers(1, 1), {}, {.warm_up = 1}), Error);
}

}  // namespace
}  // namespace hadal
