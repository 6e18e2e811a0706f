// Reports of GuideLLM, inference-perf and llm-d.
#include <gtest/gtest.h>
#include <string>

#include "measure/exchange/import.h"
#include "support/imported_runs.h"

namespace hadal {
namespace {

std::string statistics(const std::string& key, double mean, double median, double least,
                       double most, double sum) {
  return "\"" + key + "\": {\"successful\": {\"mean\": " + std::to_string(mean) +
         ", \"median\": " + std::to_string(median) + ", \"min\": " + std::to_string(least) +
         ", \"max\": " + std::to_string(most) +
         ", \"count\": 2, \"total_sum\": " + std::to_string(sum) +
         R"(, "percentiles": {"p001": 1, "p05": 2, "p99": 3, "p999": 4}},
         "errored": {"mean": 999, "count": 7}})";
}

TEST(ImportGuideLlm, TakesWhatSucceededAndKeepsItsOwnDefinitions) {
  const Imported imported = import_text(
      R"({"metadata": {"version": 2, "guidellm_version": "0.8"},
          "config": {"spec": {"backend": {"model": "a-mock-model", "target": "http://host:1",
                                          "api_key": "hidden"}}},
          "benchmarks": [{"config": {"strategy": {"type_": "constant", "rate": 2.0}},
            "duration": 8.0, "start_time": 1786678148.25,
            "metrics": {"request_totals": {"successful": 2, "errored": 1, "incomplete": 0,
                                           "total": 3},)" +
          statistics("request_latency", 1.0, 1.0, 1, 1, 2) + "," +
          statistics("time_to_first_token_ms", 200, 190, 190, 210, 400) + "," +
          statistics("time_per_output_token_ms", 125, 120, 120, 130, 250) + "," +
          statistics("output_token_count", 9, 9, 9, 9, 18) + "," +
          statistics("output_tokens_per_second", 3.2, 0.4, 0.4, 1912, 50) +
          R"(}, "requests": {"successful": []}}]})",
      "report.json");
  EXPECT_EQ(imported.format, ImportFormat::kGuideLlm);
  const PointRecord& point = only_point(imported);
  EXPECT_EQ(imported.runs[0].model, "a-mock-model");
  EXPECT_EQ(point.load.rate, 2.0);
  EXPECT_EQ(point.requests.failed, 1);
  EXPECT_DOUBLE_EQ(*figure_of(point, "ttft.first_token/1", "p50"), 0.19);
  EXPECT_DOUBLE_EQ(*figure_of(point, "ttft.first_token/1", "p99.9"), 0.004);
  // Its own time per output token has the first token in it; ours follows: (1 − 0.2) / 8.
  EXPECT_DOUBLE_EQ(*figure_of(point, "guidellm.time_per_output_token/2"), 0.125);
  EXPECT_DOUBLE_EQ(*figure_of(point, "tpot.excl_first/1"), 0.1);
  // A distribution over tokens is no rate; tokens over seconds are.
  EXPECT_DOUBLE_EQ(*figure_of(point, "guidellm.output_tokens_per_second/2", "p50"), 0.4);
  EXPECT_DOUBLE_EQ(*figure_of(point, "rate.output_tokens/1"), 18 / 8.0);
  for (const char* name :
       {"tpot_includes_first_token", "mixed_units_s_and_ms", "mock_server_three_requests",
        "token_rate_median_not_a_throughput", "request_arrays_empty"}) {
    EXPECT_TRUE(warns(point, name)) << name;
  }
  EXPECT_EQ(imported.runs[0].plan_json.find("hidden"), std::string::npos);
}

TEST(ImportInferencePerf, ClientAndServerStandSideBySide) {
  const Imported imported = import_file(exchange_testdata("stage_0_lifecycle_metrics.json"));
  EXPECT_EQ(imported.format, ImportFormat::kInferencePerf);
  const PointRecord& point = only_point(imported);
  EXPECT_EQ(point.load.rate, 1.0);
  EXPECT_EQ(point.requests.ok, 60);
  EXPECT_NEAR(*figure_of(point, "inference_perf.achieved_rate/1"), 1.01517829, 1e-8);
  EXPECT_NEAR(*figure_of(point, "rate.requests/1"), 1.00379597, 1e-8);
  EXPECT_NEAR(*figure_of(point, "ttft.first_token/1", "p99"), 0.0570335989, 1e-9);
  EXPECT_NEAR(*figure_of(point, "e2e.per_output_token/1", "p50"), 0.0120231312, 1e-9);
  EXPECT_NEAR(*figure_of(point, "inference_perf.inter_token_latency/1", "p0.1"), 3.06098e-6, 1e-10);
  EXPECT_EQ(figure_of(point, "inference_perf.server.requests/1"), 649);
  EXPECT_NEAR(*figure_of(point, "inference_perf.server.time_to_first_token/1", "p50"), 2.897898,
              1e-9);
  for (const char* name : {"itl_median_micro_seconds_coalesced_chunks", "gpu_count_absent",
                           "server_side_count_differs_from_client"}) {
    EXPECT_TRUE(warns(point, name)) << name;
  }
  EXPECT_FALSE(warns(point, "offered_rate_not_reached"));
}

TEST(ImportInferencePerf, OverloadAndSummariesAreMarked) {
  const auto stage = [](const std::string& summary) {
    return import_text(
        "{\"load_summary\": " + summary +
            R"(, "successes": {"count": 5, "latency": {}}, "failures": {"count": 1}})",
        "stage.json");
  };
  const Imported overload = stage(R"({"requested_rate": 100, "achieved_rate": 70})");
  EXPECT_TRUE(warns(only_point(overload), "offered_rate_not_reached"));
  EXPECT_EQ(only_point(overload).requests.attempted, 6);
  const Imported summary = stage(R"({"count": 6})");
  EXPECT_TRUE(warns(only_point(summary), "summary_mixes_stages_not_a_point"));
  EXPECT_FALSE(only_point(summary).load.rate.has_value());
}

constexpr const char* kReport = R"(version: 0.2.1
run:
  uid: abc
  time:
    start: '2025-11-05T18:00:42Z'
    end: '2025-11-05T18:17:03Z'
    duration: PT1M49.5S
scenario:
  load:
    metadata: {}
    native: {config: {load: {type: poisson}, server: {api_key: hidden}}}
    standardized:
      tool: inference-perf
      tool_version: 0.3.0
      source: sampled
      concurrency: .inf
      rate_qps: 10.0
      stage: 3
      input_seq_len: {distribution: fixed, value: 8192}
      output_seq_len: {distribution: fixed, value: 1024}
  stack:
  - metadata: {label: engine, cfg_id: a}
    native: {}
    standardized:
      kind: inference_engine
      tool: vllm
      tool_version: "0.26"
      role: decode
      replicas: 2
      model: {name: org/model}
      accelerator: {model: NVIDIA-H100-80GB-HBM3, count: 8, parallelism: {tp: 8}}
results:
  component_health:
  - component_label: engine
    failed_replicas: 1
    replica_health:
    - {replica_id: a, healthy: true}
    - {replica_id: b, healthy: false}
    - {replica_id: c, healthy: true}
  request_performance:
    aggregate:
      requests: {total: 500, failures: 20, input_length: {units: count, mean: 8000}}
      latency:
        time_to_first_token: {units: ms, mean: 40, p50: 36, p0p1: 27, p99p9: 57}
        inter_token_latency: {units: ms/token, mean: 7}
        time_per_output_token: {units: s/token, mean: 0.008}
      throughput:
        total_token_rate: {units: tokens/s, mean: 2262.5}
        input_token_rate: {units: tokens/s, mean: 2262.5}
        request_rate: {units: queries/s, mean: 2262.5}
        image_rate: {units: images/s, mean: 24}
)";

TEST(ImportBenchmarkReport, UnitsStandBesideTheFigures) {
  const Imported imported = import_text(kReport, "report.yaml");
  EXPECT_EQ(imported.format, ImportFormat::kBenchmarkReport);
  const RunRecord& run = imported.runs[0];
  const PointRecord& point = only_point(imported);
  EXPECT_EQ(run.gpus, 16);
  EXPECT_EQ(run.hardware, "h100");
  EXPECT_EQ(run.workload, "8k1k");
  EXPECT_EQ(point.requests.ok, 480);
  EXPECT_EQ(point.load.rate, 10);
  EXPECT_EQ(point.load.arrivals, "poisson");
  EXPECT_FALSE(point.load.concurrency.has_value());
  EXPECT_EQ(point.window.end, 109.5);
  EXPECT_DOUBLE_EQ(*figure_of(point, "ttft.first_token/1", "p50"), 0.036);
  EXPECT_DOUBLE_EQ(*figure_of(point, "ttft.first_token/1", "p99.9"), 0.057);
  // What it is depends on the tool that measured.
  EXPECT_DOUBLE_EQ(*figure_of(point, "inference_perf.inter_token_latency/1"), 0.007);
  EXPECT_DOUBLE_EQ(*figure_of(point, "rate.total_tokens_per_gpu/1"), 2262.5 / 16);
  const nlohmann::json extra = extra_of(point);
  EXPECT_EQ(extra["fields"]["healthy_replicas"], 2);
  EXPECT_EQ(extra["fields"]["results.request_performance.aggregate.throughput.image_rate"]["mean"],
            24);
  for (const char* name : {"concurrency_is_yaml_inf", "percentile_keys_p0p1_p99p9",
                           "duration_disagrees_with_start_end", "replica_counts_disagree_2_vs_3",
                           "placeholder_numbers_repeat_across_metrics"}) {
    EXPECT_TRUE(warns(point, name)) << name;
  }
  EXPECT_EQ(run.plan_json.find("hidden"), std::string::npos);
}

TEST(ImportBenchmarkReport, AUnitThatAFigureCannotHaveIsRefused) {
  std::string text = kReport;
  text.replace(text.find("units: ms,"), 10, "units: MB,");
  const std::string refusal = refusal_of(text);
  EXPECT_NE(refusal.find("aggregate.latency.time_to_first_token.units"), std::string::npos)
      << refusal;
}

}  // namespace
}  // namespace hadal
