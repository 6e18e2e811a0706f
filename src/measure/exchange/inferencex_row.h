// One row of InferenceX in its flat form: the configuration and a map of metrics by name, as its
// API and its dashboard have them. Aggregates are brought into this form first. Used by the imports
// of rows and of comparisons.
#pragma once

#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "measure/exchange/import_formats.h"
#include "measure/exchange/point_builder.h"

namespace hadal {

struct InferenceXRow {
  RunRecord run = {};
  PointRecord point = {};
};

// `row`: with "metrics", or all in one object (flat aggregates, and nested ones of agentic runs).
// `path` is the row's in the document.
InferenceXRow read_inferencex_row(const nlohmann::ordered_json& row, const std::string& path,
                                  const ImportContext& context);

// The nested figures of an agentic aggregate ("request_metrics", "server_metrics") under the names
// that they have in flat rows; those without such a name under their path.
nlohmann::ordered_json flatten_agentic(const nlohmann::ordered_json& row);

// Metrics of a flat row: those with a statistic in front of the name. `metrics` marks them taken.
void add_inferencex_statistics(TakenFields& metrics, bool is_agentic, PointBuilder& builder);

struct InferenceXGpus {
  int total = 0;  // 0: the row does not say
  int prefill = 0;
  int decode = 0;
};

// How many GPUs a row really speaks of; see docs/measuring/imports.md. `row` is the configuration,
// `metrics` the figures (they may be the same object).
InferenceXGpus inferencex_gpus(TakenFields& row, TakenFields& metrics, bool is_disaggregated,
                               bool is_multinode, PointBuilder& builder);

// What is odd about the figures of a row, as warnings.
struct InferenceXFacts {
  bool is_agentic = false;
  bool is_disaggregated = false;
  std::optional<double> output_length = {};  // asked at most
  std::string image = {};
  std::string fingerprint = {};
};
void warn_of_inferencex_figures(const TakenFields& metrics, const InferenceXFacts& facts,
                                PointBuilder& builder);

}  // namespace hadal
