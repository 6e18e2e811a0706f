#include "measure/sweep/recommendation.h"

#include <gtest/gtest.h>

#include "measure/metrics/metric_ids.h"

namespace hadal {
namespace {

PointRecord point(int64_t concurrency, double user, double rate, double ttft) {
  return {.load = {.concurrency = concurrency},
          .metrics = {{.id = std::string(metric_ids::kInteractivityTpot), .p50 = user},
                      {.id = std::string(metric_ids::kTtftFirstToken), .p50 = ttft},
                      {.id = std::string(metric_ids::kRateTotalPerGpu),
                       .mean = rate,
                       .mean_ci95 = Interval{.low = rate * 0.95, .high = rate * 1.05}}}};
}

RunRecord run(const std::string& engine, double factor) {
  return {.id = "01" + engine,
          .state = RunState::kComplete,
          .gate = GateVerdict::kPassed,
          .engine = engine,
          .hardware = "b200",
          .gpus = 8,
          .points = {point(1, 100, 100 * factor, 0.2), point(4, 60, 400 * factor, 0.5),
                     point(16, 20, 900 * factor, 3)}};
}

RecommendationWish wish(double interactivity) {
  return {.interactivity = interactivity,
          .price = [](const RunRecord& run) { return run.engine == "dear" ? 6.0 : 3.0; }};
}

TEST(Recommendation, TheCheapestThatIsFastEnough) {
  const Recommendation found = recommend({run("a", 1), run("b", 1.5), run("dear", 2)}, wish(60));
  ASSERT_EQ(found.fitting.size(), 3u);
  EXPECT_TRUE(found.by_cost);
  EXPECT_EQ(found.fitting[0].run_id, "01b");
  EXPECT_DOUBLE_EQ(found.fitting[0].rate, 600);
  EXPECT_NEAR(*found.fitting[0].usd_per_million, 3 / (600 * 3600 / 1e6), 1e-12);
  // "dear" gives twice the tokens for twice the price: as good as "a", 1.5 times worse than "b".
  EXPECT_NEAR(*found.advantage, 1.5, 1e-9);
  ASSERT_TRUE(found.advantage_ci95.has_value());
  EXPECT_GT(found.advantage_ci95->low, 1.3);
}

TEST(Recommendation, OfRepeatsTheMeanCounts) {
  RunRecord twice = run("a", 1);
  twice.points.push_back(point(4, 80, 500, 0.5));  // better than its twin of 60 and 400 in both
  const Recommendation found = recommend({twice}, wish(70));
  ASSERT_EQ(found.fitting.size(), 1u);
  EXPECT_DOUBLE_EQ(found.fitting[0].rate, 450);
}

TEST(Recommendation, NothingBeyondWhatWasMeasured) {
  const Recommendation found = recommend({run("a", 1)}, wish(101));
  EXPECT_TRUE(found.fitting.empty());
  ASSERT_EQ(found.unfit.size(), 1u);
  EXPECT_NE(found.unfit[0].find("its fastest is 100"), std::string::npos);
  EXPECT_NE(recommendation_text(found, wish(101)).find("Not enough data"), std::string::npos);
  // Slower than its slowest is fast enough all the same.
  EXPECT_DOUBLE_EQ(recommend({run("a", 1)}, wish(5)).fitting.at(0).rate, 900);
}

TEST(Recommendation, OnlyWhatIsVerified) {
  RunRecord ungated = run("u", 9);
  ungated.gate = GateVerdict::kNotRun;
  RunRecord wrong = run("w", 9);
  wrong.gate = GateVerdict::kFailed;
  RunRecord partial = run("p", 9);
  partial.state = RunState::kPartial;
  RunRecord limited = run("l", 1);
  limited.points[1].client.limited = true;
  const Recommendation found = recommend({ungated, wrong, partial, limited}, wish(60));
  ASSERT_EQ(found.fitting.size(), 1u);
  EXPECT_EQ(found.fitting[0].run_id, "01l");
  EXPECT_NE(found.fitting[0].rate, 400);  // read between the other two
  EXPECT_EQ(found.unfit.size(), 2u);
}

TEST(Recommendation, FirstTokenAndBudgetAreLimits) {
  RecommendationWish hasty = wish(40);
  hasty.ttft = 1;
  // Between a point of 0.5 s and one of 3 s the slower counts.
  EXPECT_TRUE(recommend({run("a", 1)}, hasty).fitting.empty());
  hasty.interactivity = 60;
  EXPECT_EQ(recommend({run("a", 1)}, hasty).fitting.size(), 1u);
  RecommendationWish poor = wish(60);
  poor.usd_per_million = 1;
  EXPECT_TRUE(recommend({run("a", 1)}, poor).fitting.empty());
  poor.usd_per_million = 3;
  EXPECT_EQ(recommend({run("a", 1)}, poor).fitting.size(), 1u);
}

TEST(Recommendation, TheNewestRunOfAConfigurationCounts) {
  RunRecord old = run("a", 5);
  old.id = "old";
  const Recommendation found = recommend({run("a", 1), old}, wish(60));
  ASSERT_EQ(found.fitting.size(), 1u);
  EXPECT_EQ(found.fitting[0].run_id, "01a");
}

TEST(Recommendation, WithoutEveryPriceItRanksByTokens) {
  RecommendationWish asked = wish(60);
  asked.price = [](const RunRecord& run) {
    return run.engine == "a" ? std::optional(3.0) : std::nullopt;
  };
  const Recommendation found = recommend({run("a", 1), run("b", 1.01)}, asked);
  EXPECT_FALSE(found.by_cost);
  EXPECT_EQ(found.fitting.at(0).run_id, "01b");
  EXPECT_NE(recommendation_text(found, asked).find("was not shown"), std::string::npos);
}

}  // namespace
}  // namespace hadal
