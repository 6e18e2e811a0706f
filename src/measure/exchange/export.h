// Writes runs for other tools, and as tables and lines of our own: InferenceX's aggregate rows,
// llm-d's Benchmark Report, CSV, single requests as JSONL, OpenCost's gauges. What a format has no
// place for is left out, or (Benchmark Report) stands in a section of ours that import reads back.
// Writes no files; nothing is computed here but units and figures per GPU.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/function_ref.h"
#include "measure/records.h"

namespace hadal {

// A JSON array with one row a point, by the names of InferenceX's aggregates: latencies in seconds,
// rates per GPU. Throws Error (kInvalidArgument) for a run of unknown number of GPUs without rates
// per GPU and for points of an open loop, which such rows cannot say.
std::string export_inferencex(const std::vector<RunRecord>& runs);

enum class ReportForm { kYaml, kJson };
// One point as a Benchmark Report 0.2.1, valid by its schema. `tool_version` is this program's.
std::string export_benchmark_report(const RunRecord& run, const PointRecord& point, ReportForm form,
                                    std::string_view tool_version);

// RFC 4180 with a header; one line a point. A column of a metric is "ID STATISTIC (UNIT)", of an
// interval's ends "ID STATISTIC_low (UNIT)" and "_high"; of the full run "full:ID ...". Columns
// that no point fills are left out.
std::string export_csv(const std::vector<RunRecord>& runs);

// One line for the point, one for each power sample, one for each request, handed to `write` with
// its line feed. Docs: docs/measuring/imports.md.
void export_requests(const RunRecord& run, const PointRecord& point, const PointSamples& samples,
                     FunctionRef<void(std::string_view)> write);

// What OpenCost says of a served model. Dollars; nothing stands for a figure that is not known.
struct OpenCostGauges {
  std::string model_name = {};
  std::string model_version = {};
  std::string namespace_name = {};
  std::string cost_basis = "allocation";  // or "usage"
  std::string allocation_method = {};     // label left out when empty
  std::optional<double> total_cost = {};  // per hour
  std::optional<double> cost_per_million_tokens = {};
  std::optional<double> input_cost_per_million_tokens = {};  // of tokens not from the cache
  std::optional<double> output_cost_per_million_tokens = {};
};
// The text that Prometheus scrapes (version 0.0.4): llm_total_cost, llm_cost_per_million_tokens,
// llm_input_cost_per_million_tokens, llm_output_cost_per_million_tokens.
std::string export_opencost(const std::vector<OpenCostGauges>& models);

}  // namespace hadal
