// Documents of InferenceX: a row, an array of rows, a reply of its API with its wrapper; and the
// comparison of a row with reruns that aisimulate publishes.
#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "json/python_json.h"
#include "measure/exchange/import_formats.h"
#include "measure/exchange/inferencex_row.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

// The cache pool, as the row tells it; 0: it does not.
double pool_tokens(const PointRecord& point) {
  if (point.extra_json.empty()) return 0;
  const ordered_json extra = parse_json(point.extra_json, "extra_json");
  const auto fields = extra.find("fields");
  if (fields == extra.end() || !fields->contains("kv_cache_pool_tokens")) return 0;
  const ordered_json& value = (*fields)["kv_cache_pool_tokens"];
  return value.is_number() ? value.get<double>() : 0;
}

// Points of one recipe that were run with pools of different size make a curve with a seam.
void warn_of_pools(RunRecord& run) {
  std::vector<double> pools;
  double least = 0;
  for (const PointRecord& point : run.points) {
    pools.push_back(pool_tokens(point));
    if (pools.back() > 0 && (least == 0 || pools.back() < least)) least = pools.back();
  }
  const bool differ = std::any_of(pools.begin(), pools.end(),
                                  [&](double pool) { return pool > 0 && pool != least; });
  if (!differ) return;
  for (size_t i = 0; i < pools.size(); ++i) {
    if (pools[i] == 0) continue;
    std::vector<std::string>& warnings = run.points[i].warnings;
    const std::string name = pools[i] == least ? "kv_pool_small" : "kv_pool_changes_within_curve";
    if (std::find(warnings.begin(), warnings.end(), name) == warnings.end()) {
      warnings.push_back(name);
    }
  }
}

void add_row(const ordered_json& row, const std::string& path, const ImportContext& context,
             Imported& imported) {
  InferenceXRow read = read_inferencex_row(row, path, context);
  add_point(imported.runs, std::move(read.run), std::move(read.point));
}

// The list of rows in a reply: the first member that is an array of objects with a concurrency.
std::pair<std::string, const ordered_json*> rows_of(const ordered_json& document) {
  for (const auto& [key, value] : document.items()) {
    if (value.is_array() && !value.empty() && value[0].is_object() && value[0].contains("conc")) {
      return {key, &value};
    }
  }
  return {"", nullptr};
}

// A rerun speaks only of figures; what it ran on is the reference's.
InferenceXRow rerun_of(const InferenceXRow& reference, const std::string& name,
                       const ordered_json& rerun, const ImportContext& context) {
  const std::string path = "cases." + name;
  TakenFields fields(rerun, path, context.source);
  const ordered_json* metrics = fields.value("metrics");
  if (metrics == nullptr || !metrics->is_object()) {
    fields.fields().refuse("metrics", "must be an object of figures", FieldFault::kMissing);
  }
  ordered_json row = *metrics;
  row["conc"] = reference.point.load.concurrency.value_or(0);
  row["benchmark_type"] = "agentic_traces";
  row["id"] = "rerun-" + name;
  row["rerun_of"] = reference.run.model + " on " + reference.run.hardware;
  for (const auto& [key, value] : rerun.items()) {
    if (key != "metrics" && key != "start") row[key] = value;
  }
  InferenceXRow read = read_inferencex_row(row, path, context);
  RunRecord run = reference.run;
  run.gpus = read.run.gpus;
  run.engine_version = {};
  run.source = context.run_source(ImportFormat::kInferenceXComparison);
  run.created_unix = parse_time(fields.string("start").value_or("")).value_or(0);
  run.provenance_json = read.run.provenance_json;
  return {.run = std::move(run), .point = std::move(read.point)};
}

}  // namespace

void import_inferencex(const ordered_json& document, const ImportContext& context,
                       Imported& imported) {
  if (document.is_array()) {
    for (size_t i = 0; i < document.size(); ++i) {
      add_row(document[i], element_path("", i), context, imported);
    }
  } else {
    const Fields fields(document, "", context.source);
    const auto [key, rows] = rows_of(document);
    if (rows == nullptr) {
      add_row(document, "", context, imported);
    } else {
      for (size_t i = 0; i < rows->size(); ++i) {
        add_row((*rows)[i], element_path(key, i), context, imported);
      }
    }
  }
  for (RunRecord& run : imported.runs) warn_of_pools(run);
}

void import_inferencex_comparison(const ordered_json& document, const ImportContext& context,
                                  Imported& imported) {
  const Fields fields(document, "", context.source);
  const ordered_json* row = fields.object("reference");
  if (row == nullptr) {
    fields.refuse("reference", "is missing: a row of InferenceX", FieldFault::kMissing);
  }
  const InferenceXRow reference = read_inferencex_row(*row, "reference", context);
  add_point(imported.runs, reference.run, reference.point);
  if (const ordered_json* cases = fields.object("cases"); cases != nullptr) {
    for (const auto& [name, rerun] : cases->items()) {
      InferenceXRow read = rerun_of(reference, name, rerun, context);
      add_point(imported.runs, std::move(read.run), std::move(read.point));
    }
  }
}

}  // namespace hadal
