#include "measure/store/run_report.h"

#include <cmath>
#include <gtest/gtest.h>

#include "measure/store/run_comparison.h"
#include "support/stored_runs.h"

namespace hadal {
namespace {

bool has(const std::string& text, const std::string& words) {
  return text.find(words) != std::string::npos;
}

RunRecord run_of(const std::vector<PointRecord>& points) {
  RunRecord run = test::some_run();
  run.id = "01ARYZ6S410000000000000000";
  run.state = RunState::kComplete;
  run.gate = GateVerdict::kPassed;
  run.points = points;
  return run;
}

PointRecord point_at(int concurrency, double mean, std::optional<Interval> ci) {
  PointRecord point{.load = {.concurrency = concurrency}};
  point.metrics = {
      {.id = "e2e/1", .unit = "s", .count = 9, .mean = mean, .p50 = mean, .mean_ci95 = ci}};
  return point;
}

TEST(RunComparisonTest, RatiosHaveIntervalsThatTheirFiguresGiveThem) {
  // On logarithms: ln 2 with distances of 0.3 and 0.4, whose squares add up to 0.25.
  const auto around = [](double value, double distance) {
    return Interval{.low = value * std::exp(-distance), .high = value * std::exp(distance)};
  };
  const std::optional<Interval> interval = ratio_interval(2, around(2, 0.3), 4, around(4, 0.4));
  ASSERT_TRUE(interval.has_value());
  EXPECT_NEAR(interval->low, 2 * std::exp(-0.5), 1e-12);
  EXPECT_NEAR(interval->high, 2 * std::exp(0.5), 1e-12);
  // Ends at unequal distances: B's lower end goes with A's upper one.
  const std::optional<Interval> skew =
      ratio_interval(1, {.low = 1, .high = 2}, 1, {.low = 0.5, .high = 1});
  ASSERT_TRUE(skew.has_value());
  EXPECT_NEAR(skew->low, std::exp(-std::hypot(std::log(2), std::log(2))), 1e-12);
  EXPECT_NEAR(skew->high, 1, 1e-12);
  EXPECT_FALSE(ratio_interval(1, {.low = 0, .high = 2}, 1, {.low = 1, .high = 1}).has_value());
  EXPECT_FALSE(ratio_interval(3, {.low = 1, .high = 2}, 1, {.low = 1, .high = 1}).has_value());
  EXPECT_FALSE(
      ratio_interval(1, {.low = 1, .high = 1}, 1, {.low = 1, .high = INFINITY}).has_value());
}

TEST(RunComparisonTest, ComparesOnlyWhatBothHave) {
  const Interval ci{.low = 1.9, .high = 2.1};
  RunRecord a = run_of({point_at(1, 2, ci), point_at(2, 3, ci), point_at(4, 0, ci)});
  RunRecord b = run_of({point_at(4, 5, ci), point_at(8, 9, ci), point_at(1, 5, std::nullopt)});
  a.points[0].metrics.push_back({.id = "ttft.first_token/1", .unit = "s", .mean = 1});
  b.points[2].metrics.push_back({.id = "ttft.first_token/2", .unit = "s", .mean = 1});
  const RunComparison comparison = compare_runs(a, b);
  ASSERT_EQ(comparison.points.size(), 2u);
  EXPECT_EQ(comparison.points[0].load.concurrency, 1);
  ASSERT_EQ(comparison.points[0].metrics.size(), 1u) << "definitions of other versions differ";
  const FigureRatio& ratio = comparison.points[0].metrics[0].figures.at(0);
  EXPECT_EQ(ratio.figure, "mean");
  EXPECT_EQ(ratio.ratio, 2.5);
  EXPECT_FALSE(ratio.ci95.has_value());
  EXPECT_TRUE(comparison.points[1].metrics.empty()) << "nothing is a multiple of 0";
  ASSERT_EQ(comparison.only_a.size(), 1u);
  EXPECT_EQ(comparison.only_a[0].concurrency, 2);
  ASSERT_EQ(comparison.only_b.size(), 1u);
  EXPECT_EQ(comparison.only_b[0].concurrency, 8);
  const std::string text = comparison_text(comparison, a, b);
  EXPECT_TRUE(has(text, "only A was measured at concurrency 2")) << text;
  EXPECT_TRUE(has(comparison_json(comparison, a, b),
                  R"("figures": {"mean": {"a": 2.0, "b": 5.0, "ratio": 2.5, "ci95": null})"))
      << comparison_json(comparison, a, b);
}

TEST(RunComparisonTest, RepeatsAreTakenTogetherAndUnknownLoadsAreNotCompared) {
  PointRecord unknown = point_at(1, 2, std::nullopt);
  unknown.load = {};
  const RunRecord a = run_of({point_at(1, 1, std::nullopt), point_at(1, 2, std::nullopt), unknown});
  const RunRecord b = run_of({point_at(1, 3, std::nullopt), point_at(1, 8, std::nullopt), unknown});
  const RunComparison comparison = compare_runs(a, b);
  ASSERT_EQ(comparison.points.size(), 1u);
  EXPECT_EQ(comparison.points[0].repeats_a, 2);
  EXPECT_DOUBLE_EQ(comparison.points[0].metrics[0].figures[0].ratio, 5.5 / 1.5);
  EXPECT_EQ(comparison.only_a.size(), 1u);
  EXPECT_EQ(comparison.only_b.size(), 1u);
  EXPECT_TRUE(has(comparison_text(comparison, a, b), "2 repeats of A and 2 of B"));
}

// Intervals from within a run are narrow; what differs between runs of the same is what counts.
TEST(RunComparisonTest, RepeatsGiveTheIntervalOfTheirRatio) {
  const Interval narrow{.low = 0.99, .high = 1.01};
  std::vector<PointRecord> repeats;
  for (const double mean : {1.0, 1.1, 0.9, 1.05, 0.95}) {
    repeats.push_back(point_at(1, mean, narrow));
  }
  const RunComparison comparison = compare_runs(run_of(repeats), run_of(repeats));
  const FigureRatio& ratio = comparison.points.at(0).metrics.at(0).figures.at(0);
  EXPECT_DOUBLE_EQ(ratio.ratio, 1);
  ASSERT_TRUE(ratio.ci95);
  EXPECT_LT(ratio.ci95->low, 0.9);
  EXPECT_GT(ratio.ci95->high, 1.1);
}

TEST(RunReportTest, ShowsRepeatsTogether) {
  StoredRun stored;
  stored.run = run_of(
      {point_at(1, 1, std::nullopt), point_at(1, 2, std::nullopt), point_at(2, 5, std::nullopt)});
  const std::string text = run_text(stored);
  EXPECT_TRUE(has(text, "concurrency 1: 2 repeats together")) << text;
  EXPECT_FALSE(has(text, "concurrency 2: ") && has(text, "1 repeats together")) << text;
  EXPECT_TRUE(has(text, "1.5")) << text;
}

TEST(RunComparisonTest, DoubtsAreSaid) {
  RunRecord a = run_of({test::some_point(1, test::some_samples(1).client)});
  RunRecord b = run_of({test::some_point(1, {})});
  b.points[0].window.kind = "full";
  b.gate = GateVerdict::kNotRun;
  b.state = RunState::kPartial;
  b.workload = "1k1k";
  const RunComparison comparison = compare_runs(a, b);
  const std::string text = comparison_text(comparison, a, b);
  for (const char* words : {"the client limited A", "1 of 8 requests failed in B", "B is partial",
                            "nobody checked whether B answers right", "workloads differ",
                            "the whole runs are compared"}) {
    EXPECT_TRUE(has(text, words)) << words << "\n" << text;
  }
}

TEST(RunReportTest, ListsRuns) {
  test::TemporaryDirectory directory;
  RunStore store = RunStore::open((directory / "a.sqlite").string());
  EXPECT_EQ(runs_text(store.list()), "no runs\n");
  const std::string id = test::save_some_run(store);
  RunRecord hostile = test::some_run();
  hostile.model = "\x1b[31mred\n";
  hostile.created_unix = 1469918176;
  hostile.state = RunState::kPartial;
  store.save(hostile, {});
  const std::string text = runs_text(store.list());
  EXPECT_TRUE(has(text, id)) << text;
  EXPECT_TRUE(has(text, "8 x h200")) << text;
  EXPECT_TRUE(has(text, "vllm 0.26")) << text;
  EXPECT_TRUE(has(text, "client-limited")) << text;
  EXPECT_TRUE(has(text, "2016-07-30 22:36")) << text;
  EXPECT_TRUE(has(text, "ungated")) << text;
  EXPECT_FALSE(has(text, "\x1b")) << text;
  EXPECT_TRUE(has(runs_json(store.list()), "{\"run_id\": \"" + id + "\"")) << "newest first";
}

TEST(RunReportTest, ShowsARunWithWhatWasCorrected) {
  test::TemporaryDirectory directory;
  RunStore store = RunStore::open((directory / "a.sqlite").string());
  const std::string id = test::save_some_run(store);
  store.annotate(id, {.author = "ann", .field = "hardware", .value = "b200", .reason = "typo"});
  store.annotate(id, {.author = "bob", .reason = "the fans were off"});
  const std::string text = run_text(store.load(id));
  for (const char* words :
       {"b200 (corrected; was h200)", "ann: hardware is b200 (typo)", "bob: the fans were off",
        "concurrency 1, repeat 1: 8 requests, 6 ok, 1 failed, 1 cancelled",
        "the client may have been the limit; late by 1 ms", "tokens are estimated",
        "steady window, 0.25 to 1.5 s: rates settle", "[0.95, 1.05]", "whole run", "sha256"}) {
    EXPECT_TRUE(has(text, words)) << words << "\n" << text;
  }
}

}  // namespace
}  // namespace hadal
