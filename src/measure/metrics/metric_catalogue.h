// What every figure of a measurement means: one table, from which the documentation is made and
// against which stores, imports and exports check. Computes no figure (point_metrics.h does).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "measure/records.h"

namespace hadal {

// What one sample of a figure is.
enum class MetricLevel {
  kRequest,  // one of a request
  kGap,      // one between two events of an answer
  kPoint,    // one of all that was measured at a load: it has a mean and no percentiles
};

enum class MetricDirection { kLower, kHigher, kNeither };

std::string_view metric_level_name(MetricLevel level);              // "request", "gap", "point"
std::string_view metric_direction_name(MetricDirection direction);  // "lower", "higher", "neither"

struct MetricDefinition {
  std::string_view id;
  std::string_view unit;
  MetricLevel level = MetricLevel::kRequest;
  MetricDirection better = MetricDirection::kNeither;
  std::string_view definition;  // one sentence without a full stop
  std::string_view formula;
  // hadal computes it of its own samples. False: only imports carry it.
  bool measured = true;
};

// The unit of load.requested_rate/1 and load.achieved_rate/1 where what arrives is sessions.
constexpr std::string_view kSessionsPerSecond = "sessions/s";

// In the order in which reports show them.
std::span<const MetricDefinition> metric_catalogue();

// Where it is written what an id means.
enum class MetricHome {
  kCatalogue,  // here
  kEnergy,     // power and energy of a class of devices: docs/measuring/power.md
  kForeign,    // a tool's own figure, "TOOL.NAME": docs/measuring/imports.md
  kUnknown,    // nowhere: of another version of this program, or a mistake
};
MetricHome home_of(std::string_view id);

// Whether the text can be an id: printable ASCII without blanks, brackets, commas and quotes, so
// that it can stand in a table's header; not beginning with "full:", which there means the full
// run.
bool is_metric_id(std::string_view text);

// None for an id that is not in the catalogue.
const MetricDefinition* find_metric(std::string_view id);

// An empty figure with the id's unit. The id must be in the catalogue.
MetricValue metric_of(std::string_view id);

// The figure of that id among `metrics`; none where it is missing.
const MetricValue* find_metric(std::span<const MetricValue> metrics, std::string_view id);

// Its mean, which is all that figures of a point have; none where it is missing. Of a point: in its
// window.
std::optional<double> metric_mean(std::span<const MetricValue> metrics, std::string_view id);
std::optional<double> metric_mean(const PointRecord& point, std::string_view id);

// The catalogue as a table in Markdown, for docs/measuring.md. Ends with a line feed.
std::string metric_table_markdown();

}  // namespace hadal
