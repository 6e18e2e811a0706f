#include "measure/exchange/export.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace hadal {
namespace {

using nlohmann::json;

RunRecord run_of(PointRecord point) {
  RunRecord run{.created_unix = 1788393600,
                .model = "org/model",
                .engine = "hadal",
                .hardware = "h100",
                .gpus = 8,
                .workload = "8k1k",
                .plan_json = R"({"isl": 8192, "osl": 1024})"};
  run.points = {std::move(point)};
  return run;
}

PointRecord point_at(int concurrency) {
  PointRecord point{.load = {.concurrency = concurrency},
                    .window = {.begin = 10, .end = 70},
                    .requests = {.attempted = 100, .ok = 99, .failed = 1}};
  point.metrics = {{.id = "ttft.first_token/1", .unit = "s", .mean = 0.5, .p50 = 0.4, .p99 = 2},
                   {.id = "tpot.excl_first/1", .unit = "s", .mean = 0.02},
                   {.id = "rate.total_tokens/1", .unit = "tokens/s", .mean = 8000},
                   {.id = "rate.output_tokens/1", .unit = "tokens/s", .mean = 800}};
  return point;
}

TEST(ExportInferenceX, RowsAreFlatInSecondsAndPerGpu) {
  const json rows = json::parse(export_inferencex({run_of(point_at(64))}));
  ASSERT_EQ(rows.size(), 1U);
  const json& row = rows[0];
  EXPECT_EQ(row["hw"], "h100");
  EXPECT_EQ(row["conc"], 64);
  EXPECT_EQ(row["isl"], 8192);
  EXPECT_EQ(row["disagg"], false);
  EXPECT_EQ(row["mean_ttft"], 0.5);
  EXPECT_EQ(row["median_ttft"], 0.4);
  EXPECT_EQ(row["p99_ttft"], 2);
  EXPECT_EQ(row["tput_per_gpu"], 1000);
  EXPECT_EQ(row["output_tput_per_gpu"], 100);
  EXPECT_EQ(row["num_requests_successful"], 99);
}

TEST(ExportInferenceX, DisaggregatedOutputIsPerDecodeGpu) {
  RunRecord run = run_of(point_at(64));
  run.prefill_gpus = 6;
  run.decode_gpus = 2;
  const json row = json::parse(export_inferencex({run}))[0];
  EXPECT_EQ(row["num_prefill_gpu"], 6);
  EXPECT_EQ(row["num_decode_gpu"], 2);
  EXPECT_EQ(row["tput_per_gpu"], 1000);
  EXPECT_EQ(row["output_tput_per_gpu"], 400);
}

TEST(ExportInferenceX, RefusesWhatRowsCannotSay) {
  RunRecord run = run_of(point_at(64));
  run.gpus = 0;
  EXPECT_THROW(export_inferencex({run}), Error);
  PointRecord open = point_at(1);
  open.load = {.rate = 2, .arrivals = "poisson"};
  EXPECT_THROW(export_inferencex({run_of(open)}), Error);
}

// What the schema of version 0.2.1 requires, and the types that it gives.
void expect_statistics(const json& value, const std::string& units) {
  ASSERT_TRUE(value.is_object());
  EXPECT_EQ(value["units"], units);
  EXPECT_TRUE(value["mean"].is_number());
  for (const auto& [key, figure] : value.items()) {
    EXPECT_TRUE(key == "units" || figure.is_number()) << key;
  }
}

TEST(ExportBenchmarkReport, HasWhatTheSchemaRequires) {
  const RunRecord run = run_of(point_at(64));
  const json report =
      json::parse(export_benchmark_report(run, run.points[0], ReportForm::kJson, "0.1.0"));
  for (const auto& [key, value] : report.items()) {
    EXPECT_TRUE(key == "version" || key == "run" || key == "scenario" || key == "results") << key;
  }
  EXPECT_EQ(report["version"], "0.2.1");
  EXPECT_TRUE(report["run"]["uid"].is_string());
  EXPECT_EQ(report["run"]["time"]["start"], "2026-09-03T00:00:00Z");
  EXPECT_EQ(report["run"]["time"]["duration"], "PT60S");
  const json& component = report["scenario"]["stack"][0];
  EXPECT_TRUE(component["metadata"]["label"].is_string());
  EXPECT_TRUE(component["metadata"]["cfg_id"].is_string());
  EXPECT_TRUE(component["native"].is_object());
  const json& engine = component["standardized"];
  EXPECT_EQ(engine["kind"], "inference_engine");
  EXPECT_EQ(engine["role"], "replica");
  EXPECT_EQ(engine["replicas"], 1);
  EXPECT_EQ(engine["model"]["name"], "org/model");
  EXPECT_EQ(engine["accelerator"]["model"], "h100");
  EXPECT_EQ(engine["accelerator"]["count"], 8);
  EXPECT_TRUE(engine["accelerator"]["parallelism"].is_object());
  const json& load = report["scenario"]["load"]["standardized"];
  EXPECT_EQ(load["tool"], "hadal");
  EXPECT_EQ(load["tool_version"], "0.1.0");
  EXPECT_EQ(load["source"], "unknown");
  EXPECT_EQ(load["input_seq_len"]["value"], 8192);
  EXPECT_TRUE(load["input_seq_len"]["distribution"].is_string());
  EXPECT_EQ(load["concurrency"], 64);
  const json& aggregate = report["results"]["request_performance"]["aggregate"];
  EXPECT_EQ(aggregate["requests"]["total"], 100);
  EXPECT_EQ(aggregate["requests"]["failures"], 1);
  expect_statistics(aggregate["latency"]["time_to_first_token"], "s");
  expect_statistics(aggregate["latency"]["time_per_output_token"], "s/token");
  expect_statistics(aggregate["throughput"]["total_token_rate"], "tokens/s");
  EXPECT_EQ(aggregate["latency"]["time_to_first_token"]["p99"], 2);
}

TEST(ExportCsv, ColumnsAreNamedByMetricStatisticAndUnit) {
  const std::string table = export_csv({run_of(point_at(64))});
  const std::string header = table.substr(0, table.find('\n'));
  EXPECT_TRUE(header.starts_with("schema,id,"));
  EXPECT_NE(header.find(",ttft.first_token/1 p99 (s)"), std::string::npos) << header;
  EXPECT_EQ(header.find("ttft.first_token/1 p90"), std::string::npos);  // no point has it
}

TEST(ExportOpenCost, LabelsHoldNoControlCharacters) {
  const std::string text = export_opencost(
      {{.model_name = "a\x1b[2J\nb\x7f\xff", .model_version = "1", .total_cost = 16.0}});
  EXPECT_NE(text.find("model_name=\"a\xEF\xBF\xBD[2J\\nb\xEF\xBF\xBD\xEF\xBF\xBD\""),
            std::string::npos)
      << text;
}

TEST(ExportOpenCost, GaugesAreTextThatPrometheusReads) {
  const std::string text = export_opencost({{.model_name = "a \"b\"\\",
                                             .model_version = "1",
                                             .namespace_name = "ns",
                                             .allocation_method = "gpu_seconds",
                                             .total_cost = 16.0,
                                             .output_cost_per_million_tokens = 1.25}});
  const std::string labels =
      "{model_name=\"a \\\"b\\\"\\\\\",model_version=\"1\",namespace=\"ns\","
      "cost_basis=\"allocation\",allocation_method=\"gpu_seconds\"}";
  EXPECT_NE(text.find("# TYPE llm_total_cost gauge\nllm_total_cost" + labels + " 16.0\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("\nllm_output_cost_per_million_tokens" + labels + " 1.25\n"),
            std::string::npos);
  EXPECT_EQ(text.find("llm_input_cost"), std::string::npos);  // not known: not said
}

}  // namespace
}  // namespace hadal
