#include "measure/store/run_json.h"

#include <gtest/gtest.h>
#include <limits>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "support/equal_records.h"
#include "support/stored_runs.h"

namespace hadal {
namespace {

RunRecord full_run() {
  RunRecord run = test::some_run();
  run.id = "01ARYZ6S410000000000000000";
  run.created_unix = 1469918176.385;
  run.state = RunState::kComplete;
  run.gate = GateVerdict::kFailed;
  run.gate_json = R"({"first_bad": 3})";
  run.points = {test::some_point(1, test::some_samples(1).client), test::some_point(2, {})};
  run.points[1].load = {.rate = 0.1, .arrivals = "poisson"};
  return run;
}

// Other programs read it: what stands here stays.
TEST(RunJsonTest, IsAsDocumented) {
  RunRecord run{.id = "01ARYZ6S410000000000000000",
                .created_unix = 1469918176.5,
                .state = RunState::kPartial,
                .model = "v4",
                .gpus = 8,
                .workload = "8k1k",
                .plan_json = R"({"seed":1})"};
  PointRecord point{.load = {.concurrency = 4},
                    .window = {.kind = "steady", .rule = "rates settle", .begin = 1, .end = 2.5},
                    .requests = {.attempted = 40, .ok = 39, .failed = 1}};
  point.metrics = {{.id = "ttft.first_token/1",
                    .unit = "s",
                    .count = 39,
                    .mean = 0.5,
                    .p50 = 0.25,
                    .mean_ci95 = Interval{.low = 0.375, .high = 0.625}}};
  point.client.lag_counts = {39, 1};
  run.points = {point};
  EXPECT_EQ(
      run_to_json(run),
      R"({"schema": "hadal.run/1", "run_id": "01ARYZ6S410000000000000000", )"
      R"("created_unix": 1469918176.5, "origin": "measured", "label": null, "state": "partial", )"
      R"("verdict": {"complete": false, "client_limited": false, "gate": "not_run"}, )"
      R"("target": {"url": null, "model": "v4", "engine": null, "engine_version": null, )"
      R"("hardware": null, "gpus": 8, "prefill_gpus": null, "decode_gpus": null, )"
      R"("precision": null, "speculation": null}, "workload": "8k1k", "source": null, )"
      R"("plan": {"seed": 1}, "provenance": null, "gate_report": null, "points": [)"
      R"({"load": {"concurrency": 4, "arrivals": "closed"}, "repeat": 0, )"
      R"("window": {"kind": "steady", "rule": "rates settle", "begin": 1.0, "end": 2.5}, )"
      R"("requests": {"attempted": 40, "ok": 39, "failed": 1, "cancelled": 0}, )"
      R"("metrics": [{"id": "ttft.first_token/1", "unit": "s", "count": 39, "mean": 0.5, )"
      R"("p50": 0.25, "p90": null, "p95": null, "p99": null, "ci95": {"mean": [0.375, 0.625], )"
      R"("p50": null, "p90": null, "p95": null, "p99": null}}], "full_run_metrics": [], )"
      R"("client": {"limited": false, "reasons": [], "lag_counts": [39, 1], "lag_p99": 0.0, )"
      R"("cpu_share": 0.0, "schedule_delay_p99": null}, "warnings": [], "extra": null}], )"
      R"("loads": [{"load": {"concurrency": 4, "arrivals": "closed"}, "repeats": 1, )"
      R"("metrics": [{"id": "ttft.first_token/1", "unit": "s", "count": 39, "mean": 0.5, )"
      R"("p50": 0.25, "p90": null, "p95": null, "p99": null, "ci95": {"mean": [0.375, 0.625], )"
      R"("p50": null, "p90": null, "p95": null, "p99": null}}]}]})");
}

TEST(RunJsonTest, RepeatsOfALoadStandTogether) {
  RunRecord run{.id = "01ARYZ6S410000000000000000"};
  for (const double seconds : {0.4, 0.6}) {
    for (const int concurrency : {1, 8}) {
      PointRecord point{.load = {.concurrency = concurrency, .arrivals = "closed"}};
      point.metrics = {{.id = "e2e/1", .unit = "s", .count = 10, .mean = concurrency * seconds}};
      run.points.push_back(std::move(point));
    }
  }
  const auto loads = nlohmann::json::parse(run_to_json(run))["loads"];
  ASSERT_EQ(loads.size(), 2U);
  EXPECT_EQ(loads[1]["load"]["concurrency"].get<int>(), 8);
  EXPECT_EQ(loads[1]["repeats"].get<int>(), 2);
  const auto& metric = loads[1]["metrics"][0];
  EXPECT_EQ(metric["count"].get<int>(), 20);
  EXPECT_NEAR(metric["mean"].get<double>(), 4, 1e-12);
  // 4 ± 12.706 · 0.8, which no time goes below.
  EXPECT_EQ(metric["ci95"]["mean"][0].get<double>(), 0);
  EXPECT_NEAR(metric["ci95"]["mean"][1].get<double>(), 4 + 12.7062 * 0.8, 1e-3);
}

TEST(RunJsonTest, ReadsBackWhatItWrote) {
  const RunRecord run = full_run();
  const RunRecord back = run_from_json(run_to_json(run), "a.json");
  EXPECT_EQ(back.id, run.id);
  EXPECT_EQ(back.created_unix, run.created_unix);
  EXPECT_EQ(back.state, run.state);
  EXPECT_EQ(back.gate, run.gate);
  EXPECT_EQ(back.gate_json, run.gate_json);
  test::expect_equal_heads(back, run);
  ASSERT_EQ(back.points.size(), run.points.size());
  for (size_t i = 0; i < run.points.size(); ++i) {
    test::expect_equal(back.points[i], run.points[i]);
    EXPECT_EQ(back.points[i].client.lag_counts, run.points[i].client.lag_counts);
    EXPECT_EQ(back.points[i].client.limited, run.points[i].client.limited);
    EXPECT_EQ(back.points[i].client.schedule_delay_p99, run.points[i].client.schedule_delay_p99);
  }
  EXPECT_EQ(run_to_json(back), run_to_json(run));
}

TEST(RunJsonTest, WhatHasNoRightToExistIsNull) {
  RunRecord run = full_run();
  run.points[0].metrics[0].mean = std::numeric_limits<double>::quiet_NaN();
  run.points[0].metrics[0].p50 = std::numeric_limits<double>::infinity();
  const RunRecord back = run_from_json(run_to_json(run), "a.json");
  EXPECT_FALSE(back.points[0].metrics[0].mean.has_value());
  EXPECT_FALSE(back.points[0].metrics[0].p50.has_value());
  EXPECT_TRUE(back.points[0].metrics[0].p90.has_value());
  // Nobody knows how late the client of an import was.
  run.origin = "imported";
  run.points.erase(run.points.begin());
  EXPECT_NE(run_to_json(run).find(R"("client_limited": null)"), std::string::npos);
}

TEST(RunJsonTest, TextsThatAreNoUtf8DoNoHarm) {
  RunRecord run = full_run();
  run.model = "\xFF\"\n";
  run.points[0].warnings = {"\xC3"};
  const RunRecord back = run_from_json(run_to_json(run), "a.json");
  EXPECT_EQ(back.model, "\uFFFD\"\n");
  EXPECT_EQ(back.points[0].warnings[0], "\uFFFD");
}

std::string refusal(const std::string& text) {
  try {
    run_from_json(text, "a.json");
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidFile);
    return error.what();
  }
  return "was taken";
}

TEST(RunJsonTest, RefusesByName) {
  const std::string head = R"({"schema": "hadal.run/1", "state": "complete", )";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "a.json"},
      {"[]", "is not a JSON object"},
      {"{}", "schema is missing"},
      {R"({"schema": "hadal.run/2"})", R"(schema must be "hadal.run/1")"},
      {R"({"schema": "hadal.run/1"})", "state is missing"},
      {R"({"schema": "hadal.run/1", "state": "done"})", "state is none that a run can have"},
      {head + R"("pionts": []})", R"(pionts is not a known key; did you mean "points"?)"},
      {head + R"("points": {}})", "points must be an array"},
      {head + R"("points": [{"metrics": [{}]}]})", "points[0].metrics[0].id is missing"},
      {head + R"("points": [{"metrics": [{"id": "x", "mean": "1"}]}]})",
       "points[0].metrics[0].mean must be a number"},
      {head + R"("points": [{"metrics": [{"id": "x", "mean": 1e999}]}]})", "a.json"},
      {head + R"("points": [{"metrics": [{"id": "x", "p98": 1}]}]})",
       "points[0].metrics[0].p98 is not a known key"},
      {head + R"("points": [{"metrics": [{"id": "x", "ci95": {"mean": [1]}}]}]})",
       "points[0].metrics[0].ci95.mean must be an array of two numbers"},
      {head + R"("points": [{"metrics": [{"id": "a b"}]}]})", "metrics[0].id must be an id"},
      {head + R"("points": [{"metrics": [{"id": "x"}, {"id": "x"}]}]})",
       "points[0].metrics[1].id is given twice"},
      {head + R"("points": [{"metrics": [{"id": "x", "count": 9000000000000000}]}]})",
       "metrics[0].count is too large"},
      {head + R"("points": [{"requests": {"ok": -1}}]})", "requests.ok must be at least 0"},
      {head + R"("points": [{"requests": {"ok": 18446744073709551615}}]})",
       "requests.ok is too large"},
      {head + R"("points": [{"client": {"lag_counts": [0.5]}}]})", "lag_counts[0] must be a count"},
      {head + R"("points": [{"client": {"lag_counts": [18446744073709551615]}}]})",
       "lag_counts[0] must be a count"},
      {head + R"("verdict": {"gate": "maybe"}})", "verdict.gate must be"},
      {head + R"("plan": 3})", "plan must be an object"},
      {head + R"("target": {"gpus": 1.5}})", "target.gpus must be a whole number"}};
  for (const auto& [text, words] : cases) {
    EXPECT_NE(refusal(text).find(words), std::string::npos) << text << "\n" << refusal(text);
  }
}

}  // namespace
}  // namespace hadal
