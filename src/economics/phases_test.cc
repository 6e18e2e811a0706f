#include "economics/phases.h"

#include <cmath>
#include <gtest/gtest.h>
#include <vector>

#include "base/error.h"

namespace hadal {
namespace {

TEST(Phases, AreWhatTheServerTells) {
  const std::vector<RequestTimes> requests = {
      {.prefill_seconds = 2, .decode_seconds = 10, .output_tokens = 5},
      {.prefill_seconds = 3, .decode_seconds = 20, .output_tokens = 5},
      {.output_tokens = 0}};  // failed
  const Phases phases = split_phases({.seconds = 50, .idle_seconds = 10, .gpus = 8}, requests);
  EXPECT_EQ(phases.basis, PhaseBasis::kTold);
  EXPECT_DOUBLE_EQ(phases.prefill, 40);
  EXPECT_DOUBLE_EQ(phases.decode, 240);
  EXPECT_DOUBLE_EQ(phases.shared, 40);
  EXPECT_DOUBLE_EQ(phases.idle, 80);
  EXPECT_DOUBLE_EQ(phases.all(), 400);
}

// Eight requests at once that each say 30 of 40 seconds were theirs.
TEST(Phases, OfRequestsThatOverlapAreOnlyAProportion) {
  const std::vector<RequestTimes> requests(
      8, {.prefill_seconds = 10, .decode_seconds = 30, .output_tokens = 5});
  const Phases phases = split_phases({.seconds = 40, .gpus = 2}, requests);
  EXPECT_EQ(phases.basis, PhaseBasis::kProportional);
  EXPECT_DOUBLE_EQ(phases.prefill, 20);
  EXPECT_DOUBLE_EQ(phases.decode, 60);
  EXPECT_NEAR(phases.shared, 0, 1e-9);
}

TEST(Phases, FollowTheRolesOfADisaggregatedSite) {
  const Phases phases = split_phases(
      {.seconds = 100, .idle_seconds = 20, .gpus = 36, .prefill_gpus = 24, .decode_gpus = 8}, {});
  EXPECT_EQ(phases.basis, PhaseBasis::kByRole);
  EXPECT_DOUBLE_EQ(phases.prefill, 80 * 24);
  EXPECT_DOUBLE_EQ(phases.decode, 80 * 8);
  EXPECT_DOUBLE_EQ(phases.shared, 80 * 4);
  EXPECT_DOUBLE_EQ(phases.idle, 20 * 36);
}

// 1,000 tokens a second at best; most first tokens waited longer.
TEST(Phases, AreEstimatedFromTheQuickestFirstTokens) {
  std::vector<RequestTimes> requests;
  for (int i = 0; i < 100; ++i) {
    requests.push_back({.first_token_after = i < 10 ? 0.5 : 4.0,
                        .computed_input_tokens = 500,
                        .output_tokens = 100});
  }
  const Phases phases = split_phases({.seconds = 200, .gpus = 4}, requests);
  EXPECT_EQ(phases.basis, PhaseBasis::kEstimated);
  EXPECT_DOUBLE_EQ(phases.prefill, 4 * 50.0);
  EXPECT_DOUBLE_EQ(phases.decode, 4 * 150.0);
  // Never more than the machine was busy.
  EXPECT_DOUBLE_EQ(split_phases({.seconds = 20, .gpus = 4}, requests).prefill, 80);
}

TEST(Phases, StayUnknownWhereNobodyTells) {
  const std::vector<RequestTimes> silent = {{.prefill_seconds = 1, .output_tokens = 5}};
  for (const std::vector<RequestTimes>& requests : {std::vector<RequestTimes>{}, silent}) {
    const Phases phases = split_phases({.seconds = 10, .idle_seconds = 4, .gpus = 2}, requests);
    EXPECT_EQ(phases.basis, PhaseBasis::kUnknown);
    EXPECT_DOUBLE_EQ(phases.shared, 12);
    EXPECT_DOUBLE_EQ(phases.idle, 8);
  }
}

TEST(Phases, AreIdleWhereNoRequestIsUnderWay) {
  const std::vector<RequestSpan> requests = {{5, 9}, {1, 3}, {2, 4}, {8, 8.5}, {9, 9}, {12, 20}};
  EXPECT_DOUBLE_EQ(idle_seconds(requests, 15), 1 + 1 + 3);
  EXPECT_DOUBLE_EQ(idle_seconds(requests, 11), 1 + 1 + 2);
  EXPECT_DOUBLE_EQ(idle_seconds({}, 7), 7);
  EXPECT_DOUBLE_EQ(idle_seconds(std::vector<RequestSpan>{{-1, 100}}, 7), 0);
  EXPECT_DOUBLE_EQ(idle_seconds(std::vector<RequestSpan>{{std::nan(""), 3}}, 7), 7);
}

TEST(Phases, ArePaidForHoursWithoutWork) {
  const Phases run{.prefill = 10, .decode = 30, .idle = 10, .basis = PhaseBasis::kTold};
  const Phases paid = at_utilisation(run, 0.25);
  EXPECT_DOUBLE_EQ(paid.busy(), 40);
  EXPECT_DOUBLE_EQ(paid.idle, 120);
  // 80 % of the run itself was work.
  EXPECT_DOUBLE_EQ(at_utilisation(run, 0.9).idle, 10);
  for (const double bad : {0.0, -1.0, 1.1, std::nan("")}) {
    EXPECT_THROW(at_utilisation(run, bad), Error);
  }
}

TEST(Phases, RefuseTimesThatCannotBe) {
  EXPECT_THROW(split_phases({.seconds = 1, .idle_seconds = 2, .gpus = 1}, {}), Error);
  EXPECT_THROW(split_phases({.seconds = std::nan(""), .gpus = 1}, {}), Error);
  EXPECT_THROW(split_phases({.seconds = 1, .gpus = 0}, {}), Error);
  EXPECT_THROW(split_phases({.seconds = 1, .gpus = 4, .prefill_gpus = 3, .decode_gpus = 2}, {}),
               Error);
  const std::vector<RequestTimes> negative = {
      {.prefill_seconds = -1, .decode_seconds = 1, .output_tokens = 1}};
  EXPECT_THROW(split_phases({.seconds = 1, .gpus = 1}, negative), Error);
}

}  // namespace
}  // namespace hadal
