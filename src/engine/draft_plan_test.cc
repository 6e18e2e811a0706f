#include "engine/draft_plan.h"

#include <gtest/gtest.h>
#include <vector>

namespace hadal {
namespace {

// Survival where every guess is kept with the same probability.
DraftOffer constant(double probability, int count, bool costs_passes = false) {
  DraftOffer offer{.costs_passes = costs_passes};
  double survival = 1;
  for (int i = 0; i < count; ++i) offer.survival.push_back(survival *= probability);
  return offer;
}

DraftPlan plan(const std::vector<DraftOffer>& offers, double row, double pass = 0) {
  const auto seconds = [&](int rows) {
    return 1 + row * (rows - static_cast<double>(offers.size()));
  };
  return plan_drafts({.offers = offers, .step_seconds = seconds, .pass_seconds = pass});
}

TEST(DraftPlan, TakesGuessesWhileTheyPay) {
  // (1 + 1/2 + 1/4 + …) / (1 + j/10): 1.3636 at 1, 1.4583 at 2, 1.4423 at 3.
  const DraftPlan halves = plan({constant(0.5, 8)}, 0.1);
  EXPECT_EQ(halves.drafts, std::vector<int>{2});
  EXPECT_NEAR(halves.tokens_per_second, 1.75 / 1.2, 1e-12);
  EXPECT_NEAR(halves.without, 1, 1e-12);
  // Free rows: all of them.
  EXPECT_EQ(plan({constant(0.5, 8)}, 0).drafts, std::vector<int>{8});
  // A guess that costs what it brings is not worth it.
  EXPECT_EQ(plan({constant(0.5, 8)}, 0.5).drafts, std::vector<int>{0});
  EXPECT_EQ(plan({constant(0, 8)}, 0.001).drafts, std::vector<int>{0});
}

TEST(DraftPlan, PassesOfADrafterCostButAreShared) {
  EXPECT_EQ(plan({constant(0.5, 8, true)}, 0, 0.3).drafts, std::vector<int>{1});
  EXPECT_EQ(plan({constant(0.5, 8, true)}, 0, 0.5).drafts, std::vector<int>{0});
  // Two sequences: the same pass serves both, against a step of the same duration.
  EXPECT_EQ(plan({constant(0.5, 1, true), constant(0.5, 1, true)}, 0, 0.4).drafts,
            (std::vector<int>{1, 1}));
}

TEST(DraftPlan, ABlockCostsOnce) {
  DraftOffer offer = constant(0.5, 4);
  offer.costs_a_block = true;
  const std::vector<DraftOffer> offers = {offer, offer};
  const auto seconds = [](int) { return 1.0; };
  // 1.875 tokens each for 1.8 times the time, or for twice the time.
  EXPECT_EQ(plan_drafts({.offers = offers, .step_seconds = seconds, .block_seconds = 0.8}).drafts,
            (std::vector<int>{4, 4}));
  EXPECT_EQ(plan_drafts({.offers = offers, .step_seconds = seconds, .block_seconds = 1}).drafts,
            (std::vector<int>{0, 0}));
}

TEST(DraftPlan, MakesNoGuessesForNextToNothing) {
  const std::vector<DraftOffer> offers = {constant(0.5, 1)};
  const auto seconds = [](int rows) { return 1 + 0.48 * (rows - 1); };  // 1.5 / 1.48: 1.35 %
  DraftPlanArgs args{.offers = offers, .step_seconds = seconds};
  EXPECT_EQ(plan_drafts(args).drafts, std::vector<int>{1});
  args.least_gain = 0.02;
  const DraftPlan plan = plan_drafts(args);
  EXPECT_EQ(plan.drafts, std::vector<int>{0});
  EXPECT_EQ(plan.tokens_per_second, plan.without);
  args.least_gain = 0.01;
  EXPECT_EQ(plan_drafts(args).drafts, std::vector<int>{1});
}

TEST(DraftPlan, TellsWhatOtherNumbersWouldComeTo) {
  const std::vector<DraftOffer> offers = {constant(0.5, 8, true), constant(0.25, 2, true)};
  const auto seconds = [](int rows) { return 1 + 0.1 * rows; };
  const DraftPlanArgs args{.offers = offers, .step_seconds = seconds, .pass_seconds = 0.2};
  const std::vector<int> drafts = {3, 1};
  EXPECT_NEAR(tokens_per_second(args, drafts), (2 + 0.875 + 0.25) / (1.6 + 3 * 0.2), 1e-12);
  const DraftPlan plan = plan_drafts(args);
  EXPECT_NEAR(tokens_per_second(args, plan.drafts), plan.tokens_per_second, 1e-12);
}

TEST(DraftPlan, GivesRowsToTheSequencesThatUseThem) {
  const DraftPlan mixed = plan({constant(0.9, 8), constant(0.1, 8), {}}, 0.2);
  EXPECT_GT(mixed.drafts[0], 1);
  EXPECT_EQ(mixed.drafts[1], 0);
  EXPECT_EQ(mixed.drafts[2], 0);
}

// A price that jumps, as where another block of rows begins, is looked past.
TEST(DraftPlan, LooksBeyondAStepOfTheCost) {
  const auto seconds = [](int rows) { return rows == 1 ? 1.0 : 1.6; };
  const std::vector<DraftOffer> offers = {constant(0.8, 4)};
  EXPECT_EQ(plan_drafts({.offers = offers, .step_seconds = seconds}).drafts, std::vector<int>{4});
}

TEST(DraftPlan, OfNothingIsNothing) { EXPECT_TRUE(plan({}, 0.1).drafts.empty()); }

TEST(AcceptanceRecord, FollowsWhatIsKept) {
  AcceptanceRecord record;
  EXPECT_EQ(record.probability(0, 0.6), 0.6);
  for (int i = 0; i < 200; ++i) record.observe(3, i % 2 == 0 ? 3 : 1);
  EXPECT_NEAR(record.probability(0, 0.1), 1, 0.2);
  EXPECT_NEAR(record.probability(1, 0.5), 0.5, 0.05);
  // The third is tried only where the second was kept.
  EXPECT_GT(record.probability(2, 0.5), 0.8);
  EXPECT_EQ(record.probability(3, 0.3), 0.3);
  for (int i = 0; i < 100; ++i) record.observe(1, 0);
  EXPECT_LT(record.probability(0, 0.5), 0.15);
}

// Told probabilities that are twice what comes true, in the order in which they come true.
TEST(ConfidenceScale, LearnsHowFarToTrust) {
  ConfidenceScale scale;
  EXPECT_EQ(scale.calibrated(0, 0.5), 0.5);
  for (int i = 0; i < 400; ++i) {
    const std::vector<float> confidence = {0.8F, 0.4F};
    scale.observe(confidence, i % 5 < 2 ? (i % 10 < 1 ? 2 : 1) : 0);
  }
  EXPECT_NEAR(scale.calibrated(0, 0.8), 0.4, 0.05);
  EXPECT_NEAR(scale.calibrated(0, 0.4), 0.2, 0.03);
  EXPECT_NEAR(scale.calibrated(1, 0.4), 0.25, 0.06);
  EXPECT_LE(scale.calibrated(0, 1), 1);
  EXPECT_EQ(scale.calibrated(5, 0.7), 0.7);
}

}  // namespace
}  // namespace hadal
