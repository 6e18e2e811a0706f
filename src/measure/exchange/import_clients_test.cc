// What benchmark clients write: vLLM, SGLang, InferenceX's fork, AIPerf.
#include <algorithm>
#include <gtest/gtest.h>
#include <string>

#include "measure/exchange/import.h"
#include "support/imported_runs.h"

namespace hadal {
namespace {

constexpr const char* kFork = R"({"date": "20260314-200445", "backend": "vllm",
  "model_id": "org/model", "best_of": 1, "num_prompts": 10, "request_rate": "inf",
  "burstiness": 1.0, "max_concurrency": 4, "duration": 20.0, "completed": 10,
  "total_input_tokens": 10240, "total_output_tokens": 5001, "request_throughput": 0.5,
  "request_goodput:": null, "output_throughput": 250.05, "total_token_throughput": 762.05,
  "median_ttft_ms": 500.0, "p99_ttft_ms": 6000.0, "mean_tpot_ms": 125.0, "median_tpot_ms": 125.0,
  "std_tpot_ms": 10.5, "median_itl_ms": 110.0})";

TEST(ImportClients, MillisecondsBecomeSeconds) {
  const Imported imported = import_text(kFork, "c4.json");
  EXPECT_EQ(imported.format, ImportFormat::kInferenceXClient);
  const PointRecord& point = only_point(imported);
  EXPECT_DOUBLE_EQ(*figure_of(point, "ttft.first_token/1", "p50"), 0.5);
  EXPECT_DOUBLE_EQ(*figure_of(point, "tpot.excl_first/1", "std"), 0.0105);
  EXPECT_DOUBLE_EQ(*figure_of(point, "interactivity.tpot/1", "p50"), 8);
  EXPECT_DOUBLE_EQ(*figure_of(point, "rate.input_tokens/1"), 512);
  EXPECT_DOUBLE_EQ(*figure_of(point, "tokens.output/1"), 500.1);
  EXPECT_EQ(point.load.concurrency, 4);
  EXPECT_EQ(imported.runs[0].created_unix, 1773518685);  // 2026-03-14 20:04:45 UTC
  for (const char* name :
       {"no_gpu_count_in_file", "key_request_goodput_colon", "input_tokens_equal_requested_length",
        "output_shorter_than_requested"}) {
    EXPECT_TRUE(warns(point, name)) << name;
  }
}

TEST(ImportClients, GpusComeFromTheUser) {
  const Imported imported = import_text(kFork, "c4.json", {.gpus = 8});
  EXPECT_EQ(imported.runs[0].gpus, 8);
  EXPECT_DOUBLE_EQ(*figure_of(only_point(imported), "rate.total_tokens_per_gpu/1"), 762.05 / 8);
  EXPECT_FALSE(warns(only_point(imported), "no_gpu_count_in_file"));
}

TEST(ImportClients, WithoutSuffixTimesAreSeconds) {
  const Imported imported = import_file(exchange_testdata("client_tp8_seconds.json"));
  const PointRecord& point = only_point(imported);
  EXPECT_NEAR(*figure_of(point, "ttft.first_token/1", "p50"), 3.1382447, 1e-7);
  EXPECT_NEAR(*figure_of(point, "rate.total_tokens/1"), 7728.69415, 1e-5);
  EXPECT_TRUE(warns(point, "seconds_without_suffix"));
  EXPECT_TRUE(warns(point, "total_throughput_key_absent"));
  // Eight by the file's name, and said so.
  EXPECT_EQ(imported.runs[0].gpus, 8);
  EXPECT_TRUE(warns(point, "gpu_count_from_file_name"));
}

TEST(ImportClients, OpenLoopHasARateAndNoConcurrency) {
  const Imported imported = import_text(R"({"backend": "openai-chat", "model_id": "m",
    "num_prompts": 200, "request_rate": 2.5, "burstiness": 1.0, "max_concurrency": null,
    "duration": 80, "completed": 199, "failed": 1, "total_input_tokens": 39801,
    "total_output_tokens": 25473, "request_throughput": 2.4875, "total_token_throughput": 815,
    "max_concurrent_requests": 12, "mean_ttft_ms": 100, "mean_tpot_ms": 20})",
                                        "line.json");
  const PointRecord& point = only_point(imported);
  EXPECT_EQ(imported.format, ImportFormat::kVllmBench);
  EXPECT_FALSE(point.load.concurrency.has_value());
  EXPECT_EQ(point.load.rate, 2.5);
  EXPECT_EQ(point.load.arrivals, "poisson");
  EXPECT_EQ(point.requests.failed, 1);
  EXPECT_TRUE(warns(point, "open_loop_no_concurrency"));
  EXPECT_TRUE(warns(point, "failed_requests_present"));
  // With chat the first event tells only the role.
  EXPECT_DOUBLE_EQ(*figure_of(point, "ttft.first_event/1"), 0.1);
  // (0.1 + 0.02 · (25473 / 199 − 1)) · 2.4875
  EXPECT_NEAR(*figure_of(point, "load.in_flight/1"), 6.5672, 1e-3);
}

TEST(ImportClients, SglangLinesArePoints) {
  const std::string line = R"({"backend": "sglang", "dataset_name": "sharegpt", "request_rate": 5.0,
    "max_concurrency": 256, "random_input_len": 1024, "random_output_len": 1024, "duration": 200,
    "completed": 1000, "total_input_tokens": 302118, "total_output_tokens": 195775,
    "total_output_tokens_retokenized": 195324, "request_throughput": 5, "input_throughput": 1510.59,
    "output_throughput": 978.875, "mean_e2e_latency_ms": 2400, "median_ttft_ms": 75,
    "concurrency": 12, "accept_length": null})";
  std::string flat = line;
  std::replace(flat.begin(), flat.end(), '\n', ' ');
  const Imported imported = import_text(flat + "\n" + flat + "\n", "bench.jsonl");
  EXPECT_EQ(imported.format, ImportFormat::kSglangBench);
  ASSERT_EQ(imported.runs.size(), 1U);
  ASSERT_EQ(imported.runs[0].points.size(), 2U);
  const PointRecord& point = imported.runs[0].points[0];
  EXPECT_EQ(imported.runs[0].points[1].repeat, 1);
  EXPECT_DOUBLE_EQ(*figure_of(point, "rate.total_tokens/1"), 2489.465);
  EXPECT_DOUBLE_EQ(*figure_of(point, "e2e/1"), 2.4);
  EXPECT_EQ(figure_of(point, "load.in_flight/1"), 12);
  EXPECT_EQ(extra_of(point)["fields"]["max_concurrency"], 256);
  for (const char* name : {"random_len_fields_do_not_apply", "max_concurrency_is_a_cap",
                           "no_model_name", "retokenized_count_differs"}) {
    EXPECT_TRUE(warns(point, name)) << name;
  }
}

TEST(ImportClients, InfiniteFiguresAreDroppedAndNamed) {
  const Imported imported = import_text(
      R"({"completed": 1, "max_concurrency": 1, "duration": 1, "mean_ttft_ms": NaN,
          "request_throughput": 1e999, "model_id": "m"})",
      "x.json");
  const PointRecord& point = only_point(imported);
  EXPECT_TRUE(warns(point, "figures_not_finite_dropped"));
  EXPECT_EQ(extra_of(point)["not_finite"],
            nlohmann::json::parse(R"(["mean_ttft_ms", "request_throughput"])"));
}

TEST(ImportClients, AiPerfTellsUnitsPerMetric) {
  const Imported imported = import_text(R"({
    "request_throughput": {"unit": "requests/sec", "avg": 0.5},
    "request_latency": {"unit": "ms", "avg": 6000, "p50": 5000, "p99": 9000, "std": 13},
    "request_count": {"unit": "requests", "avg": 80.0},
    "time_to_first_token": {"unit": "ms", "avg": 44, "p50": 43},
    "time_to_second_token": {"unit": "ms", "avg": 0.25, "p50": 0.0079},
    "inter_token_latency": {"unit": "us", "avg": 20000, "p50": 25000},
    "time_of_day": {"unit": "fortnights", "avg": 1}})",
                                        "profile_export_aiperf.json");
  const PointRecord& point = only_point(imported);
  EXPECT_EQ(imported.format, ImportFormat::kAiPerf);
  EXPECT_EQ(point.requests.ok, 80);
  EXPECT_DOUBLE_EQ(*figure_of(point, "e2e/1", "p99"), 9);
  EXPECT_DOUBLE_EQ(*figure_of(point, "load.in_flight/1"), 3);
  // Its inter-token latency is one mean per request, and so our time per output token.
  EXPECT_DOUBLE_EQ(*figure_of(point, "itl.per_request_mean/1"), 0.02);
  EXPECT_DOUBLE_EQ(*figure_of(point, "tpot.excl_first/1", "p50"), 0.025);
  EXPECT_EQ(figure_of(point, "aiperf.time_of_day/1"), 1);
  for (const char* name : {"excerpt_other_metrics_missing", "some_metrics_have_only_avg",
                           "second_token_8us_after_first_chunks_coalesced"}) {
    EXPECT_TRUE(warns(point, name)) << name;
  }
}

TEST(ImportClients, AiPerfRecordsAreSamples) {
  const Imported imported = import_file(exchange_testdata("aiperf_records.jsonl"));
  const PointRecord& point = only_point(imported);
  ASSERT_EQ(imported.samples.size(), 1U);
  const PointSamples& samples = imported.samples[0].samples;
  ASSERT_EQ(samples.requests.size(), 2U);
  const RequestRecord& ok = samples.requests[0];
  EXPECT_EQ(ok.outcome, RequestOutcome::kOk);
  EXPECT_EQ(ok.input_tokens, 550);
  EXPECT_EQ(ok.output_tokens, 9);
  // Of the two times to the first token the one that fits the time between tokens.
  EXPECT_NEAR(*ok.first_token - ok.sent, 0.255886568, 1e-9);
  EXPECT_NEAR(*ok.last_token - ok.sent, 0.297525228, 1e-9);
  EXPECT_NEAR(ok.ended - ok.sent, 0.305864241, 1e-7);
  ASSERT_EQ(samples.events[0].size(), 9U);
  EXPECT_NEAR(samples.events[0][1].seconds - *ok.first_token, 0.004898437, 1e-9);
  const RequestRecord& cancelled = samples.requests[1];
  EXPECT_EQ(cancelled.outcome, RequestOutcome::kCancelled);
  EXPECT_FALSE(cancelled.first_token.has_value());
  EXPECT_EQ(cancelled.http_status, 499);
  EXPECT_EQ(point.requests.ok, 1);
  EXPECT_EQ(point.requests.cancelled, 1);
  EXPECT_TRUE(warns(point, "duplicate_json_key_time_to_first_token"));
  EXPECT_TRUE(warns(point, "reported_itl_inconsistent_with_first_ttft"));
}

TEST(ImportClients, FaultsInLinesNameTheLine) {
  const std::string good = R"({"metadata": {"request_start_ns": 1, "request_end_ns": 5},
                              "metrics": {}})";
  std::string flat = good;
  std::replace(flat.begin(), flat.end(), '\n', ' ');
  const std::string backwards = R"({"metadata": {"request_start_ns": 9, "request_end_ns": 5}, )"
                                R"("metrics": {}})";
  EXPECT_NE(refusal_of(flat + "\n" + backwards).find("line 2.metadata.request_end_ns"),
            std::string::npos);
}

}  // namespace
}  // namespace hadal
