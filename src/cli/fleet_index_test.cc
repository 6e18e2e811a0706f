#include "cli/fleet_index.h"

#include <gtest/gtest.h>

namespace hadal {
namespace {

TEST(FleetIndex, AHistoryComesBackWhereItWas) {
  const auto keeper = index_keeper(load_plan_model("flash"), 1e6);
  EXPECT_EQ(keeper->start(0, 7, 0), 0);
  keeper->finish(0, 7, 6400);
  EXPECT_EQ(keeper->start(1, 7, 6400), 0);  // another replica
  EXPECT_EQ(keeper->start(0, 8, 6400), 0);  // another session with tokens that are as many
  EXPECT_EQ(keeper->start(0, 7, 6400), 6400);
  keeper->finish(0, 7, 12800);
  keeper->lose(1);
  EXPECT_EQ(keeper->start(0, 7, 12800), 12800);
  keeper->lose(0);
  EXPECT_EQ(keeper->start(0, 7, 12800), 0);
}

TEST(FleetIndex, ALittleMemoryKeepsALittle) {
  const auto keeper = index_keeper(load_plan_model("flash"), 20000);
  for (int64_t session = 0; session < 8; ++session) {
    keeper->start(0, session, 0);
    keeper->finish(0, session, 6400);
  }
  int kept = 0;
  for (int64_t session = 0; session < 8; ++session) {
    if (keeper->start(0, session, 6400) > 0) ++kept;
    keeper->finish(0, session, 6400);
  }
  EXPECT_LT(kept, 3);
  // What does not fit at all is served, and kept by nobody.
  keeper->start(0, 99, 0);
  keeper->finish(0, 99, 1e6);
  EXPECT_EQ(keeper->start(0, 99, 1e6), 0);
}

// With memory for all, the index and the list of whole sessions hit the same, but for what lies
// within a unit.
TEST(FleetIndex, AgreesWithWholeSessionsWhereAllFits) {
  const ReplicaSpeed speed{.seconds_per_token = {0.01, 0.011, 0.012, 0.013},
                           .prefill_tokens_per_s = 50000};
  const FleetLoad load{
      .requests_per_s = 1, .input = 4000, .output = 300, .turns = 6, .think_seconds = 5};
  const FleetOptions options{.replicas = 3,
                             .routing = Routing::kAffinity,
                             .cache_tokens = 1e9,
                             .requests = 3000,
                             .seed = 3};
  const auto keeper = index_keeper(load_plan_model("flash"), 1e7);
  const FleetResult index = simulate_fleet(speed, load, options, {.keeper = keeper.get()});
  const FleetResult sessions = simulate_fleet(speed, load, options);
  EXPECT_GT(index.hit, 0.5);
  EXPECT_NEAR(index.hit, sessions.hit, 0.02);
}

}  // namespace
}  // namespace hadal
