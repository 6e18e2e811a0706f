#include "measure/store/engine_blob.h"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "json/python_json.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

ordered_json number_or_null(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? ordered_json(*value) : ordered_json();
}

[[noreturn]] void refuse_blob(const std::string& where) {
  throw Error({.code = ErrorCode::kInvalidFile,
               .where = where,
               .what = "has figures of an engine that cannot be read"});
}

}  // namespace

std::string encode_engine_samples(std::span<const EngineSample> samples) {
  ordered_json names = ordered_json::array();
  for (const std::string_view name : kEngineFigures) names.push_back(std::string(name));
  ordered_json rows = ordered_json::array();
  for (const EngineSample& sample : samples) {
    ordered_json row = ordered_json::array({sample.seconds});
    for (const std::optional<double>& value : sample.values) row.push_back(number_or_null(value));
    rows.push_back(std::move(row));
  }
  return dump_json({{"names", std::move(names)}, {"samples", std::move(rows)}});
}

std::vector<EngineSample> decode_engine_samples(std::string_view bytes, const std::string& where) {
  const ordered_json json = parse_json_file_text(bytes, where);
  if (!json.is_object() || !json.contains("names") || !json.contains("samples") ||
      !json["names"].is_array() || !json["samples"].is_array()) {
    refuse_blob(where);
  }
  std::vector<size_t> places;  // of a name among ours; past the end: not one of them
  for (const ordered_json& name : json["names"]) {
    const auto* const found = name.is_string()
                                  ? std::find(std::begin(kEngineFigures), std::end(kEngineFigures),
                                              name.get<std::string>())
                                  : std::end(kEngineFigures);
    places.push_back(static_cast<size_t>(found - std::begin(kEngineFigures)));
  }
  std::vector<EngineSample> samples;
  for (const ordered_json& row : json["samples"]) {
    if (!row.is_array() || row.size() != places.size() + 1 || !row[0].is_number())
      refuse_blob(where);
    EngineSample& sample = samples.emplace_back();
    sample.seconds = row[0].get<double>();
    sample.values.resize(std::size(kEngineFigures));
    for (size_t i = 0; i < places.size(); ++i) {
      const ordered_json& value = row[i + 1];
      if (places[i] < sample.values.size() && value.is_number()) {
        sample.values[places[i]] = value.get<double>();
      }
    }
  }
  return samples;
}

}  // namespace hadal
