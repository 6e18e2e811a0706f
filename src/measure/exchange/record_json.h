// Parts of records as JSON, for the formats that have no place of their own for them. Not the
// document that a run is shown as; measure/store has that.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "json/fields.h"
#include "measure/records.h"

namespace hadal {

nlohmann::ordered_json metric_to_json(const MetricValue& value);
// Refuses ids that are empty or hold anything but printable ASCII without blanks and brackets.
MetricValue metric_from_json(const nlohmann::ordered_json& json, const std::string& path,
                             const FieldsSource& source);

nlohmann::ordered_json window_to_json(const Window& window);
Window window_from_json(const nlohmann::ordered_json& json, const std::string& path,
                        const FieldsSource& source);

// Texts of files, such as warnings: made printable, of at most 4 KiB.
std::vector<std::string> texts_from_json(const Fields& fields, std::string_view key);

nlohmann::ordered_json load_to_json(const Load& load);
Load load_from_json(const nlohmann::ordered_json& json, const std::string& path,
                    const FieldsSource& source);

nlohmann::ordered_json client_to_json(const ClientLoad& client);
ClientLoad client_from_json(const nlohmann::ordered_json& json, const std::string& path,
                            const FieldsSource& source);

// A record's member that holds an object as JSON text (plan_json, extra_json), empty where it holds
// none.
nlohmann::ordered_json stored_object(const std::string& text);

// The run without its points, only what is set.
nlohmann::ordered_json run_object(const RunRecord& run);
RunRecord run_of_object(const nlohmann::ordered_json& json, const std::string& path,
                        const FieldsSource& source);

// The five figures and the five intervals of a metric by name, for loops over them.
struct MetricFigure {
  std::string_view name;
  std::optional<double> MetricValue::*figure;
  std::optional<Interval> MetricValue::*interval;
};
inline constexpr MetricFigure kMetricFigures[] = {
    {"mean", &MetricValue::mean, &MetricValue::mean_ci95},
    {"p50", &MetricValue::p50, &MetricValue::p50_ci95},
    {"p90", &MetricValue::p90, &MetricValue::p90_ci95},
    {"p95", &MetricValue::p95, &MetricValue::p95_ci95},
    {"p99", &MetricValue::p99, &MetricValue::p99_ci95},
};

// Texts of a run by name, for loops over them.
struct RunText {
  std::string_view name;
  std::string RunRecord::*text;
};
inline constexpr RunText kRunTexts[] = {
    {"id", &RunRecord::id},
    {"origin", &RunRecord::origin},
    {"label", &RunRecord::label},
    {"url", &RunRecord::url},
    {"model", &RunRecord::model},
    {"engine", &RunRecord::engine},
    {"engine_version", &RunRecord::engine_version},
    {"hardware", &RunRecord::hardware},
    {"precision", &RunRecord::precision},
    {"speculation", &RunRecord::speculation},
    {"workload", &RunRecord::workload},
    {"source", &RunRecord::source},
    {"plan_json", &RunRecord::plan_json},
    {"provenance_json", &RunRecord::provenance_json},
    {"gate_json", &RunRecord::gate_json},
};
// Whether the text may stand there: those named "..._json" hold an object or nothing.
bool is_text_of_run(std::string_view name, const std::string& text);

struct RunCount {
  std::string_view name;
  int RunRecord::*count;
};
inline constexpr RunCount kRunCounts[] = {
    {"gpus", &RunRecord::gpus},
    {"prefill_gpus", &RunRecord::prefill_gpus},
    {"decode_gpus", &RunRecord::decode_gpus},
};

}  // namespace hadal
