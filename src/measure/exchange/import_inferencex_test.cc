// Rows of InferenceX: each trap of the format once, in rows written for it.
#include <gtest/gtest.h>
#include <string>

#include "measure/exchange/import.h"
#include "support/imported_runs.h"

namespace hadal {
namespace {

// A row as the API has it, with what a test adds to the configuration and to the figures.
std::string row(const std::string& configuration, const std::string& metrics) {
  return R"({"hardware": "b200", "framework": "vllm", "model": "dsv4", "precision": "fp4",
             "spec_method": "none", "isl": 8192, "osl": 1024, "conc": 64, "date": "2026-09-03",)" +
         configuration + R"("metrics": {)" + metrics + "}}";
}

// Eight GPUs with tensor and expert parallelism of eight each: the role fields say 64.
std::string single_node(const std::string& metrics) {
  return row(R"("disagg": false, "is_multinode": false, "decode_tp": 8, "decode_ep": 8,
                "num_prefill_gpu": 64, "num_decode_gpu": 64,)",
             metrics);
}

Imported import(const std::string& text) { return import_text(text, "rows.json"); }

TEST(ImportInferenceX, GpusOfASingleNodeAreNotTensorTimesExpert) {
  const Imported imported = import(single_node(
      R"("tput_per_gpu": 100.5, "input_tput_per_gpu": 90, "output_tput_per_gpu": 10.5)"));
  const PointRecord& point = only_point(imported);
  EXPECT_EQ(imported.runs[0].gpus, 8);
  EXPECT_TRUE(warns(point, "gpu_count_fields_inconsistent"));
  EXPECT_DOUBLE_EQ(*figure_of(point, "rate.total_tokens/1"), 804);
  EXPECT_DOUBLE_EQ(*figure_of(point, "rate.output_tokens/1"), 84);
  EXPECT_DOUBLE_EQ(*figure_of(point, "rate.output_tokens_per_gpu/1"), 10.5);
}

TEST(ImportInferenceX, PowerTellsGpusWhereTopologyDoesNot) {
  const Imported imported =
      import(row("\"disagg\": false,", R"("tput_per_gpu": 10, "output_tput_per_gpu": 1,
                 "avg_power_w": 600, "avg_total_gpu_power_w": 2400, "power_valid": 1)"));
  EXPECT_EQ(imported.runs[0].gpus, 4);
}

TEST(ImportInferenceX, WithoutAnyCountThereIsNone) {
  const Imported imported = import(row("", R"("tput_per_gpu": 10, "output_tput_per_gpu": 1)"));
  EXPECT_EQ(imported.runs[0].gpus, 0);
  EXPECT_TRUE(warns(only_point(imported), "no_gpu_count_in_file"));
  EXPECT_FALSE(figure_of(only_point(imported), "rate.total_tokens/1").has_value());
}

TEST(ImportInferenceX, TimesAreSecondsAndKeysMayHaveDots) {
  const Imported imported = import(single_node(
      R"("tput_per_gpu": 1, "median_ttft": 0.5, "p99_ttft": 6.25, "p99.9_itl": 0.75,
         "median_tpot": 0.05, "median_intvty": 20, "p99_intvty": 10, "std_intvty": 165)"));
  const PointRecord& point = only_point(imported);
  EXPECT_EQ(figure_of(point, "ttft.first_token/1", "p50"), 0.5);
  EXPECT_EQ(figure_of(point, "ttft.first_token/1", "p99"), 6.25);
  EXPECT_EQ(figure_of(point, "itl.pooled/1", "p99.9"), 0.75);
  EXPECT_EQ(figure_of(point, "interactivity.tpot/1", "p99"), 10);  // the slow tail
  EXPECT_FALSE(figure_of(point, "interactivity.tpot/1", "std").has_value());
  EXPECT_TRUE(warns(point, "std_intvty_meaningless"));
}

TEST(ImportInferenceX, DisaggregatedRowsDivideByTheGpusOfThePhase) {
  // 16 prefill and 8 decode GPUs: 24 t = 16 i + 8 o.
  const Imported imported = import(row(
      R"("disagg": true, "is_multinode": true, "num_prefill_gpu": 16, "num_decode_gpu": 8,
         "prefill_tp": 1, "prefill_ep": 8,)",
      R"("tput_per_gpu": 1000, "input_tput_per_gpu": 1200, "output_tput_per_gpu": 600,
         "avg_power_w": 900, "prefill_avg_power_w": 950, "decode_avg_power_w": 800,
         "joules_per_output_token": 1.25)"));
  const PointRecord& point = only_point(imported);
  EXPECT_EQ(imported.runs[0].gpus, 24);
  EXPECT_EQ(imported.runs[0].prefill_gpus, 16);
  EXPECT_DOUBLE_EQ(*figure_of(point, "rate.output_tokens/1"), 4800);
  EXPECT_DOUBLE_EQ(*figure_of(point, "rate.output_tokens_per_gpu/1"), 200);
  EXPECT_DOUBLE_EQ(*figure_of(point, "rate.output_tokens_per_gpu.inferencex/1"), 600);
  // The file's figure is decode's energy alone; the whole run's is (16 · 950 + 8 · 800) / 4800.
  EXPECT_DOUBLE_EQ(*figure_of(point, "energy.per_output_token.decode_gpu/1"), 1.25);
  EXPECT_DOUBLE_EQ(*figure_of(point, "energy.per_output_token.gpu/1"), 4.5);
  for (const char* name : {"three_gpu_denominators", "energy_split_by_role",
                           "power_schema_1_no_validity_flag", "tp1_means_dp_attention_over_ep"}) {
    EXPECT_TRUE(warns(point, name)) << name;
  }
}

TEST(ImportInferenceX, OldRowsHoldTheTotalInBothRoles) {
  // 4 of 28 GPUs prefill: 28 · 450 = 4 · 1950 + 24 · 200.
  const Imported imported = import(
      row(R"("disagg": true, "is_multinode": false, "num_prefill_gpu": 28, "num_decode_gpu": 28,)",
          R"("tput_per_gpu": 450, "input_tput_per_gpu": 1950, "output_tput_per_gpu": 200)"));
  EXPECT_EQ(imported.runs[0].gpus, 28);
  EXPECT_EQ(imported.runs[0].prefill_gpus, 4);
  EXPECT_EQ(imported.runs[0].decode_gpus, 24);
  EXPECT_TRUE(warns(only_point(imported), "old_shape_totals_in_role_fields"));
}

TEST(ImportInferenceX, RowsOfOneRecipeAreOneRunAndTellItsSeam) {
  const std::string small = single_node(R"("tput_per_gpu": 1, "kv_cache_pool_tokens": 375856)");
  std::string large = single_node(R"("tput_per_gpu": 2, "kv_cache_pool_tokens": 958272)");
  large.replace(large.find("\"conc\": 64"), 10, "\"conc\": 96");
  const Imported imported = import("{\"sample_rows\": [" + small + "," + large + "]}");
  ASSERT_EQ(imported.runs.size(), 1U);
  ASSERT_EQ(imported.runs[0].points.size(), 2U);
  EXPECT_EQ(imported.runs[0].workload, "8k1k");
  EXPECT_EQ(imported.runs[0].created_unix, 1788393600);  // 2026-09-03 UTC
  EXPECT_TRUE(warns(imported.runs[0].points[0], "kv_pool_small"));
  EXPECT_TRUE(warns(imported.runs[0].points[1], "kv_pool_changes_within_curve"));
}

TEST(ImportInferenceX, APointMeasuredTwiceIsKeptTwice) {
  const std::string one = single_node(R"("tput_per_gpu": 1)");
  const std::string other = single_node(R"("tput_per_gpu": 2)");
  const Imported imported = import("[" + one + "," + other + "]");
  ASSERT_EQ(imported.runs[0].points.size(), 2U);
  EXPECT_EQ(imported.runs[0].points[1].repeat, 1);
  EXPECT_EQ(figure_of(imported.runs[0].points[1], "rate.total_tokens_per_gpu/1"), 2);
}

TEST(ImportInferenceX, ARateThatExplainsNoneOfTheConcurrencyIsACollapse) {
  // 92 tokens/s in answers of 922 are 0.1 requests/s; of 50 s each, 5 are in flight and not 64.
  const Imported collapsed = import(single_node(
      R"("tput_per_gpu": 100, "output_tput_per_gpu": 11.5, "mean_e2el": 50, "mean_tpot": 0.05)"));
  EXPECT_TRUE(warns(only_point(collapsed), "throughput_collapse_outlier"));
  const Imported sound = import(single_node(
      R"("tput_per_gpu": 1500, "output_tput_per_gpu": 147, "mean_e2el": 50, "mean_tpot": 0.05)"));
  EXPECT_FALSE(warns(only_point(sound), "throughput_collapse_outlier"));
}

TEST(ImportInferenceX, VendorFiguresThroughAMockRunnerAreClaims) {
  const Imported imported = import_file(exchange_testdata("inferencex_mock_runner.json"));
  const PointRecord& point = only_point(imported);
  EXPECT_EQ(imported.runs[0].hardware, "ascend-950dt");
  EXPECT_EQ(imported.runs[0].gpus, 16);
  EXPECT_FALSE(figure_of(point, "ttft.first_token/1", "p50").has_value());
  EXPECT_NEAR(*figure_of(point, "rate.total_tokens/1"), 8163.266, 1e-3);
  for (const char* name : {"zero_latency_means_missing", "dp_attention_is_string",
                           "not_a_measurement_vendor_figure_via_mock_runner"}) {
    EXPECT_TRUE(warns(point, name)) << name;
  }
}

TEST(ImportInferenceX, AgenticAggregatesNestTheirFigures) {
  const Imported imported = import(R"({
    "hw": "cluster:h100-dgxc", "conc": 4, "model": "org/model", "framework": "sglang",
    "scenario_type": "agentic-coding", "num_gpus": 8, "tp": 8, "dp_attention": "false",
    "num_requests_total": 156, "num_requests_successful": 112,
    "request_metrics": {
      "latency": {"ttft": {"mean": 100, "p50": 1.5, "p90": 390}, "itl": {"p90": 0.0125, "std": 1}},
      "tokens": {"input": {"mean": 90000}, "output_actual": {"mean": 700},
                 "output_expected": {"mean": 1900}},
      "throughput": {"total": {"tokens_per_second": 3200}, "output": {"tokens_per_second": 24},
                     "duration_seconds": 3000, "per_gpu": {"total_tput_tps": 400}},
      "cache": {"theoretical_cache_hit_rate": 0.96}},
    "server_metrics": {
      "cache": {"gpu_cache_hit_rate": 0.375},
      "tokens": {"prompt_total": 10000000,
                 "prompt_by_source": {"gpu_cache_hit": 4000000, "computed": 17000000}}},
    "power_valid": 1, "avg_power_w": 300, "avg_total_gpu_power_w": 2400,
    "total_gpu_energy_j": 8400000, "joules_per_total_token": 0.8})");
  const RunRecord& run = imported.runs[0];
  const PointRecord& point = only_point(imported);
  EXPECT_EQ(run.hardware, "h100");
  EXPECT_EQ(run.workload, "agentx");
  EXPECT_EQ(run.gpus, 8);
  EXPECT_EQ(point.requests.ok, 112);
  EXPECT_EQ(point.window.end, 3000);
  EXPECT_EQ(figure_of(point, "ttft.first_token/1", "p90"), 390);
  // One mean per request, and its reciprocal.
  EXPECT_EQ(figure_of(point, "itl.per_request_mean/1", "p90"), 0.0125);
  EXPECT_DOUBLE_EQ(*figure_of(point, "interactivity.itl/1", "p90"), 80);
  EXPECT_FALSE(figure_of(point, "itl.pooled/1", "p90").has_value());
  EXPECT_EQ(figure_of(point, "cache.hit_share/1"), 0.375);
  EXPECT_EQ(figure_of(point, "energy.window.gpu/1"), 3500);
  for (const char* name : {"dp_attention_is_string", "energy_window_longer_than_rate_window",
                           "server_computed_plus_cached_exceeds_prompt_total",
                           "ttft_bimodal_mean_far_above_median", "output_shorter_than_expected",
                           "prefix_hit_far_below_theoretical", "total_includes_cached_input"}) {
    EXPECT_TRUE(warns(point, name)) << name;
  }
}

TEST(ImportInferenceX, AgenticRatesCountWhatTheCacheSaved) {
  const Imported imported =
      import(row(R"("benchmark_type": "agentic_traces", "decode_tp": 8,)",
                 R"("tput_per_gpu": 29000, "input_tput_per_gpu": 28000, "output_tput_per_gpu": 1000,
         "server_gpu_cache_hit_rate": 0.9375, "server_cpu_cache_hit_rate": 0.5,
         "server_external_cache_hit_rate": 0.03125, "mean_input_tokens": 1000,
         "total_requests_completed": 100, "total_prompt_tokens": 200000)"));
  const PointRecord& point = only_point(imported);
  // External caches hold what the CPU's cache does.
  EXPECT_DOUBLE_EQ(*figure_of(point, "rate.computed_input_tokens_per_gpu/1"), 875);
  EXPECT_TRUE(warns(point, "server_token_totals_include_warmup"));
}

TEST(ImportInferenceX, RerunsOfOthersStandBesideTheRow) {
  const std::string reference = row(R"("id": "7", "benchmark_type": "agentic_traces",
                                        "decode_tp": 8,)",
                                    R"("tput_per_gpu": 100, "total_tput_tps": 800)");
  const Imported imported = import("{\"reference\": " + reference + R"(, "cases": {
      "off": {"metrics": {"tput_per_gpu": 105, "total_tput_tps": 840, "p90_itl": 0.02,
                          "total_requests_completed": 50},
              "profiling_cancelled_requests": 6, "start": "2026-09-10T22:42:56.5"}}})");
  ASSERT_EQ(imported.runs.size(), 2U);
  EXPECT_EQ(imported.format, ImportFormat::kInferenceXComparison);
  const RunRecord& rerun = imported.runs[1];
  EXPECT_EQ(rerun.hardware, "b200");
  EXPECT_EQ(rerun.gpus, 8);
  EXPECT_EQ(rerun.points[0].load.concurrency, 64);
  EXPECT_EQ(rerun.points[0].requests.cancelled, 6);
  EXPECT_EQ(rerun.points[0].requests.ok, 50);
  EXPECT_DOUBLE_EQ(*figure_of(rerun.points[0], "interactivity.itl/1", "p90"), 50);
}

TEST(ImportInferenceX, PowerMarkedInvalidIsNoFigure) {
  const Imported imported =
      import(single_node(R"("tput_per_gpu": 1, "power_valid": 0, "avg_power_w": 2)"));
  const PointRecord& point = only_point(imported);
  EXPECT_TRUE(warns(point, "power_marked_invalid"));
  EXPECT_FALSE(figure_of(point, "power.mean_per_device.gpu/1").has_value());
  EXPECT_EQ(extra_of(point)["fields"]["avg_power_w"], 2);
}

TEST(ImportInferenceX, UnknownFiguresAreKept) {
  const Imported imported =
      import(single_node(R"("tput_per_gpu": 1, "draft_acceptance": 0.75, "note": "x")"));
  const nlohmann::json extra = extra_of(only_point(imported));
  EXPECT_EQ(extra["fields"]["draft_acceptance"], 0.75);
  EXPECT_EQ(extra["fields"]["note"], "x");
  EXPECT_EQ(extra["fields"]["num_decode_gpu"], 64);
}

TEST(ImportInferenceX, FaultsAreNamedByTheirPath) {
  const std::string good = single_node(R"("tput_per_gpu": 1)");
  const std::string bad = single_node(R"("tput_per_gpu": -1)");
  EXPECT_NE(refusal_of("[" + good + "," + bad + "]").find("[1].metrics.tput_per_gpu"),
            std::string::npos);
  EXPECT_NE(refusal_of(R"([{"conc": 1}, {"hardware": "b200"}])").find("[1].conc"),
            std::string::npos);
  EXPECT_NE(refusal_of(R"({"conc": "many"})").find("conc"), std::string::npos);
}

}  // namespace
}  // namespace hadal
