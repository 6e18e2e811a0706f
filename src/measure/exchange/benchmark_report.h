// What the import and the export of llm-d's Benchmark Report 0.2.1 share: which of its places hold
// which metrics, and its names of statistics and units.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "measure/exchange/metric_names.h"

namespace hadal {

inline constexpr std::string_view kBenchmarkReportVersion = "0.2.1";

// A place under results.request_performance.aggregate.
struct ReportPlace {
  std::string_view group;
  std::string_view key;
  MetricName name;
  std::string_view unit;  // as the report writes ours
};
inline constexpr std::array kReportPlaces = {
    ReportPlace{"latency", "time_to_first_token", metric::kTtft, "s"},
    ReportPlace{"latency", "normalized_time_per_output_token", metric::kE2ePerToken, "s/token"},
    ReportPlace{"latency", "time_per_output_token", metric::kTpot, "s/token"},
    ReportPlace{"latency", "request_latency", metric::kE2e, "s"},
    ReportPlace{"throughput", "input_token_rate", metric::kInputRate, "tokens/s"},
    ReportPlace{"throughput", "output_token_rate", metric::kOutputRate, "tokens/s"},
    ReportPlace{"throughput", "total_token_rate", metric::kTotalRate, "tokens/s"},
    ReportPlace{"throughput", "request_rate", metric::kRequestRate, "queries/s"},
    ReportPlace{"requests", "input_length", metric::kInputTokens, "count"},
    ReportPlace{"requests", "output_length", metric::kOutputTokens, "count"},
};

// The report says of its inter-token latency that tools differ; what it is depends on the tool that
// measured.
struct ReportTool {
  std::string_view tool;
  MetricName itl;
};
inline constexpr std::array kReportTools = {
    ReportTool{"hadal", metric::kItl},
    ReportTool{"vllm-benchmark", metric::kItl},
    ReportTool{"inferencemax", metric::kItl},
    ReportTool{"inference-perf", {"inference_perf.inter_token_latency/1", "s"}},
    ReportTool{"guidellm", {"guidellm.inter_token_latency/2", "s"}},
    ReportTool{"aiperf", metric::kItlPerRequest},
};
inline constexpr MetricName kReportItl{"benchmark_report.inter_token_latency/1", "s"};

struct ReportStatistic {
  std::string_view key;
  std::string_view statistic;
};
inline constexpr std::array kReportStatistics = {
    ReportStatistic{"mean", "mean"},   ReportStatistic{"mode", "mode"},
    ReportStatistic{"stddev", "std"},  ReportStatistic{"min", "min"},
    ReportStatistic{"p0p1", "p0.1"},   ReportStatistic{"p1", "p1"},
    ReportStatistic{"p5", "p5"},       ReportStatistic{"p10", "p10"},
    ReportStatistic{"p25", "p25"},     ReportStatistic{"p50", "p50"},
    ReportStatistic{"p75", "p75"},     ReportStatistic{"p90", "p90"},
    ReportStatistic{"p95", "p95"},     ReportStatistic{"p99", "p99"},
    ReportStatistic{"p99p9", "p99.9"}, ReportStatistic{"max", "max"},
};

inline MetricName report_itl(std::string_view tool) {
  for (const ReportTool& known : kReportTools) {
    if (known.tool == tool) return known.itl;
  }
  return kReportItl;
}

}  // namespace hadal
