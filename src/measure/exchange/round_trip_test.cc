// What is exported and imported again is the same.
#include <gtest/gtest.h>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "measure/exchange/export.h"
#include "measure/exchange/import.h"
#include "measure/exchange/record_json.h"
#include "measure/store/run_json.h"
#include "support/equal_records.h"
#include "support/imported_runs.h"

namespace hadal {
namespace {

// A run as plain JSON, whose members compare whatever their order.
nlohmann::json comparable(const RunRecord& run) {
  nlohmann::json whole = nlohmann::json::parse(run_object(run).dump());
  whole.erase("source");  // names the file
  for (const char* key : {"plan_json", "provenance_json"}) {
    if (whole.contains(key)) whole[key] = nlohmann::json::parse(whole[key].get<std::string>());
  }
  for (const PointRecord& point : run.points) {
    nlohmann::json each = {
        {"load", load_to_json(point.load)},
        {"client", client_to_json(point.client)},
        {"repeat", point.repeat},
        {"window", {point.window.kind, point.window.rule, point.window.begin, point.window.end}},
        {"requests",
         {point.requests.attempted, point.requests.ok, point.requests.failed,
          point.requests.cancelled}}};
    for (const MetricValue& value : point.metrics)
      each["metrics"][value.id] = metric_to_json(value);
    for (const MetricValue& value : point.full_run_metrics) {
      each["full"][value.id] = metric_to_json(value);
    }
    for (const std::string& warning : point.warnings) each["warnings"][warning] = true;
    each["extra"] = extra_of(point);
    if (each["extra"].contains("derived")) {
      auto& derived = each["extra"]["derived"];
      std::sort(derived.begin(), derived.end());
    }
    whole["points"].push_back(std::move(each));
  }
  return whole;
}

void expect_same(const std::vector<RunRecord>& a, const std::vector<RunRecord>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    const nlohmann::json one = comparable(a[i]);
    const nlohmann::json other = comparable(b[i]);
    EXPECT_EQ(one, other) << nlohmann::json::diff(one, other).dump(1);
  }
}

// A measured run with everything set.
RunRecord measured_run() {
  RunRecord run{.id = "01J0000000000000000000000",
                .created_unix = 1788393600.25,
                .state = RunState::kPartial,
                .gate = GateVerdict::kPassed,
                .label = "nightly, after the fix",
                .url = "http://host:8000",
                .model = "org/model, \"quoted\"",
                .engine = "vllm",
                .engine_version = "0.26",
                .hardware = "h100",
                .gpus = 8,
                .precision = "fp8",
                .speculation = "none",
                .workload = "8k1k",
                .plan_json = R"({"isl": 8192, "osl": 1024})",
                .provenance_json = R"({"commit": "abc"})"};
  PointRecord point{.load = {.concurrency = 64},
                    .repeat = 1,
                    .window = {.kind = "steady", .rule = "a rule", .begin = 1.25, .end = 61.75},
                    .requests = {.attempted = 640, .ok = 630, .failed = 9, .cancelled = 1},
                    .warnings = {"2 of 9 failed: \"http_429\", twice", "second"},
                    .extra_json = R"({"fields": {"anything": 5}})"};
  point.metrics = {{.id = "ttft.first_token/1",
                    .unit = "s",
                    .count = 630,
                    .mean = 0.1,
                    .p50 = 0.3,
                    .p99 = 1.0 / 3,
                    .p50_ci95 = Interval{.low = 0.25, .high = 0.35}},
                   {.id = "itl.pooled/1", .unit = "s", .count = 9, .p50 = 0.02},
                   {.id = "rate.total_tokens/1", .unit = "tokens/s", .count = 1, .mean = 1e5 / 3}};
  point.full_run_metrics = {{.id = "e2e/1", .unit = "s", .count = 2, .mean = 5}};
  point.client = {.lag_counts = {1, 2, 3}, .lag_p99 = 0.001, .limited = true, .reasons = {"cpu"}};
  run.points = {point};
  point.load = {.rate = 2.5, .arrivals = "poisson"};
  run.points.push_back(point);
  return run;
}

std::string agentic_row() {
  return R"({"hw": "cluster:h100-dgxc", "conc": 4, "model": "org/model", "framework": "sglang",
    "scenario_type": "agentic-coding", "num_gpus": 8, "tp": 8, "dp_attention": "false",
    "infmax_model_prefix": "m", "date": "2026-09-03", "image": "i", "recipe_fingerprint": "ff01",
    "num_requests_successful": 112, "request_accounting": {"records_error_dropped": 2},
    "request_metrics": {"latency": {"itl": {"mean": 0.01, "p75": 0.011, "std": 1},
                                    "intvty": {"mean": 101}},
      "throughput": {"total": {"tokens_per_second": 3200}, "duration_seconds": 3000,
                     "per_gpu": {"total_tput_tps": 400, "output_tput_tps": 3}}},
    "server_metrics": {"kv_cache": {"gpu_total_tokens": 4382208}}})";
}

std::string disaggregated_row() {
  return R"({"hardware": "gb200", "framework": "trt", "model": "m", "conc": 102, "isl": 8192,
    "osl": 1024, "disagg": true, "is_multinode": false, "num_prefill_gpu": 28,
    "num_decode_gpu": 28, "prefill_tp": 28, "metrics": {"tput_per_gpu": 450,
    "input_tput_per_gpu": 1950, "output_tput_per_gpu": 200, "median_ttft": 0.5, "p99.9_ttft": 3,
    "mean_tpot": 0.02, "odd_figure": 7}})";
}

TEST(RoundTrip, RowsOfInferenceX) {
  for (const std::string& text : {agentic_row(), disaggregated_row()}) {
    const Imported imported = import_text(text, "rows.json");
    const std::string exported = export_inferencex(imported.runs);
    expect_same(imported.runs, import_text(exported, "again.json").runs);
  }
}

TEST(RoundTrip, BenchmarkReportsInBothForms) {
  std::vector<RunRecord> runs = import_text(agentic_row(), "rows.json").runs;
  runs.push_back(import_text(disaggregated_row(), "rows.json").runs[0]);
  runs.push_back(import_file(exchange_testdata("stage_0_lifecycle_metrics.json")).runs[0]);
  runs.push_back(measured_run());
  for (const RunRecord& run : runs) {
    for (const PointRecord& point : run.points) {
      for (const ReportForm form : {ReportForm::kYaml, ReportForm::kJson}) {
        RunRecord alone = run;
        alone.points = {point};
        const std::string text = export_benchmark_report(run, point, form, "0.1.0");
        expect_same({alone}, import_text(text, "again").runs);
      }
    }
  }
}

TEST(RoundTrip, RunsAsDocumentsExactly) {
  std::vector<RunRecord> runs = import_text(agentic_row(), "rows.json").runs;
  runs.push_back(measured_run());
  for (const RunRecord& run : runs) {
    const std::string text = run_to_json(run) + "\n";
    const Imported again = import_text(text, "run.json");
    EXPECT_EQ(again.format, ImportFormat::kHadalRun);
    expect_same({run}, again.runs);
    EXPECT_EQ(run_to_json(again.runs.at(0)) + "\n", text);
    expect_same({run}, import_text(text, "run.json", {.format = ImportFormat::kHadalRun}).runs);
  }
  EXPECT_THROW(import_text(R"({"schema": "hadal.run/1", "states": "complete"})", "run.json"),
               Error);
  EXPECT_THROW(import_text("schema: hadal.run/1", "run", {.format = ImportFormat::kHadalRun}),
               Error);
}

// Then the report has no scenario.
TEST(RoundTrip, AReportWithoutLengthsKeepsItsInterTokenLatency) {
  RunRecord run = measured_run();
  run.points.resize(1);
  run.plan_json.clear();
  run.points[0].metrics = {{.id = "itl.pooled/1", .unit = "s", .count = 9, .mean = 0.02}};
  const std::string text = export_benchmark_report(run, run.points[0], ReportForm::kJson, "0.1.0");
  EXPECT_EQ(text.find("input_seq_len"), std::string::npos) << text;
  expect_same({run}, import_text(text, "again").runs);
}

// As `runs export` writes all points of a run.
TEST(RoundTrip, ReportsOfAllPointsBecomeOneRun) {
  const RunRecord run = measured_run();
  std::string yaml;
  std::string lines;
  for (const PointRecord& point : run.points) {
    yaml += (yaml.empty() ? "" : "---\n") +
            export_benchmark_report(run, point, ReportForm::kYaml, "0.1.0");
    lines += export_benchmark_report(run, point, ReportForm::kJson, "0.1.0");
  }
  for (const std::string& text : {yaml, lines}) {
    const Imported again = import_text(text, "again");
    EXPECT_EQ(again.format, ImportFormat::kBenchmarkReport);
    expect_same({run}, again.runs);
  }
}

// Warnings of measurements are sentences.
TEST(RoundTrip, WarningsAreKeptWhole) {
  RunRecord run = measured_run();
  run.points.resize(1);
  run.points[0].warnings = {std::string(600, 'w') + " \xE2\x80\x93 end"};
  std::string lines;
  export_requests(run, run.points[0], {}, [&](std::string_view line) { lines += line; });
  for (const std::string& text :
       {export_inferencex({run}), export_csv({run}), run_to_json(run), lines,
        export_benchmark_report(run, run.points[0], ReportForm::kYaml, "0.1.0"),
        export_benchmark_report(run, run.points[0], ReportForm::kJson, "0.1.0")}) {
    EXPECT_TRUE(warns(only_point(import_text(text, "again")), run.points[0].warnings[0]))
        << text.substr(0, 100);
  }
}

TEST(RoundTrip, TablesExactly) {
  std::vector<RunRecord> runs = import_text(agentic_row(), "rows.json").runs;
  runs.push_back(measured_run());
  const std::string table = export_csv(runs);
  const Imported again = import_text(table, "points.csv");
  EXPECT_EQ(again.format, ImportFormat::kHadalCsv);
  expect_same(runs, again.runs);
  EXPECT_EQ(export_csv(again.runs), table);
}

TEST(RoundTrip, SingleRequestsExactly) {
  const RunRecord run = measured_run();
  PointSamples samples;
  samples.duration = 60.5;
  samples.client = run.points[0].client;
  samples.power = {{.seconds = 0.5, .watts = 600.125, .meter = "nvml", .device = "gpu0"},
                   {.seconds = 1,
                    .watts = 10,
                    .joules = 1e7 / 3,
                    .watts_from_joules = true,
                    .meter = "rapl",
                    .device = "package-0"}};
  samples.requests = {{.index = 3,
                       .phase = RequestPhase::kWarmUp,
                       .session = 0,
                       .turn = 2,
                       .planned = 0.1,
                       .sent = 0.2,
                       .headers = 0.25,
                       .first_token = 1.0 / 3,
                       .first_answer_token = 0.5,
                       .last_token = 1.5,
                       .ended = 1.75,
                       .asked_input_tokens = 100,
                       .asked_output_tokens = 50,
                       .expected_cached_tokens = 64,
                       .input_tokens = 101,
                       .cached_tokens = 64,
                       .output_tokens = 3,
                       .reasoning_tokens = 1,
                       .tokens_estimated = true,
                       .server_prefill_seconds = 0.01,
                       .server_decode_seconds = 0.02,
                       .http_status = 200,
                       .finish_reason = "stop",
                       .done_missing = true},
                      {.outcome = RequestOutcome::kFailed,
                       .failure = "http_429",
                       .failure_text = "slow \"down\"",
                       .http_status = 429}};
  samples.events = {{{.seconds = 1.0 / 3, .tokens_so_far = 1}, {.seconds = 1.5}}, {}};
  std::string text;
  for (const PointRecord& point : run.points) {
    export_requests(run, point, samples, [&](std::string_view line) { text += line; });
  }
  const Imported again = import_text(text, "requests.jsonl");
  ASSERT_EQ(again.runs.size(), 1U);
  ASSERT_EQ(again.samples.size(), 2U);
  EXPECT_EQ(again.samples[1].point, 1U);
  EXPECT_EQ(run_object(again.runs[0]), run_object(run));
  EXPECT_EQ(again.runs[0].points[0].requests.failed, 1);
  // Requests are counted anew; all else of the points is as it was.
  RunRecord counted = run;
  for (PointRecord& point : counted.points) {
    point.requests = again.runs[0].points[0].requests;
  }
  expect_same({counted}, again.runs);
  test::expect_equal(samples, again.samples[0].samples);
  EXPECT_TRUE(again.samples[0].samples.requests[0].done_missing);
}

}  // namespace
}  // namespace hadal
