// Looking into what an import made: figures by id and statistic, warnings, what was kept.
#pragma once

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "measure/exchange/import.h"
#include "support/source_dir.h"

namespace hadal {

inline std::filesystem::path exchange_testdata(const std::string& name) {
  return test::source_path("src/measure/exchange/testdata") / name;
}

inline nlohmann::json extra_of(const PointRecord& point) {
  return point.extra_json.empty() ? nlohmann::json::object()
                                  : nlohmann::json::parse(point.extra_json);
}

// A figure of the point, wherever the import put it; nothing when absent.
inline std::optional<double> figure_of(const PointRecord& point, std::string_view id,
                                       std::string_view statistic = "mean") {
  for (const MetricValue& value : point.metrics) {
    if (value.id != id) continue;
    if (statistic == "mean") return value.mean;
    if (statistic == "p50") return value.p50;
    if (statistic == "p90") return value.p90;
    if (statistic == "p95") return value.p95;
    if (statistic == "p99") return value.p99;
  }
  const nlohmann::json extra = extra_of(point);
  const auto place = nlohmann::json::json_pointer("/statistics");
  if (!extra.contains(place) || !extra["statistics"].contains(std::string(id))) return std::nullopt;
  const nlohmann::json& kept = extra["statistics"][std::string(id)];
  if (!kept.contains(std::string(statistic))) return std::nullopt;
  return kept[std::string(statistic)].get<double>();
}

inline bool warns(const PointRecord& point, std::string_view name) {
  return std::find(point.warnings.begin(), point.warnings.end(), name) != point.warnings.end();
}

// The only point of the only run.
inline const PointRecord& only_point(const Imported& imported) {
  if (imported.runs.size() != 1 || imported.runs[0].points.size() != 1) {
    throw Error({.what = "not one run of one point"});
  }
  return imported.runs[0].points[0];
}

// The refusal's one line; empty when nothing is refused.
inline std::string refusal_of(std::string_view text, const ImportOptions& options = {}) {
  try {
    import_text(text, "results.json", options);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace hadal
