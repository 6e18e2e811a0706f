#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "json/python_json.h"
#include "measure/exchange/export.h"
#include "measure/exchange/metric_names.h"
#include "measure/exchange/point_builder.h"
#include "measure/exchange/record_json.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

struct Column {
  MetricName name;
  std::string_view stem;
};

constexpr std::array kFixed = {
    Column{metric::kTtft, "ttft"},
    Column{metric::kTpot, "tpot"},
    Column{metric::kItl, "itl"},
    Column{metric::kE2e, "e2el"},
    Column{metric::kInteractivity, "intvty"},
};
constexpr std::array kAgentic = {
    Column{metric::kTtft, "ttft"},
    Column{metric::kTpot, "tpot"},
    Column{metric::kItlPerRequest, "itl"},
    Column{metric::kE2e, "e2el"},
    Column{{"inferencex.intvty/1", "tokens/s"}, "intvty"},
    Column{metric::kInteractivityItl, "intvty"},
    Column{metric::kInteractivityE2e, "e2e_norm_intvty"},
    Column{{"inferencex.full_response_itl/1", "s"}, "full_response_itl"},
    Column{{"inferencex.full_response_intvty/1", "tokens/s"}, "full_response_intvty"},
    Column{{"inferencex.requests_per_second_window/1", "requests/s"}, "qps"},
    Column{metric::kInputTokens, "input_tokens"},
    Column{metric::kOutputTokens, "output_tokens_actual"},
    Column{{"inferencex.expected_output_tokens/1", "tokens"}, "output_tokens_expected"},
};

// One figure each.
constexpr std::array kFigures = {
    Column{metric::kTotalRatePerGpu, "tput_per_gpu"},
    Column{metric::kCacheHit, "server_gpu_cache_hit_rate"},
    Column{metric::kCacheHitTheoretical, "theoretical_cache_hit_rate"},
    Column{metric::kPowerPerGpu, "avg_power_w"},
    Column{metric::kPowerAllGpus, "avg_total_gpu_power_w"},
    Column{metric::kPowerPerPrefillGpu, "prefill_avg_power_w"},
    Column{metric::kPowerPerDecodeGpu, "decode_avg_power_w"},
    Column{metric::kEnergy, "total_gpu_energy_j"},
    Column{metric::kEnergyPerRequest, "joules_per_successful_query"},
    Column{metric::kEnergyPerTotal, "joules_per_total_token"},
};
constexpr std::array kByAllGpus = {
    Column{metric::kInputRatePerGpu, "input_tput_per_gpu"},
    Column{metric::kOutputRatePerGpu, "output_tput_per_gpu"},
    Column{metric::kEnergyPerInput, "joules_per_input_token"},
    Column{metric::kEnergyPerOutput, "joules_per_output_token"},
};
// Rows of disaggregated runs count the GPUs of the phase only, under the same names.
constexpr std::array kByRole = {
    Column{metric::kInputRatePerPrefillGpu, "input_tput_per_gpu"},
    Column{metric::kOutputRatePerDecodeGpu, "output_tput_per_gpu"},
    Column{metric::kPrefillEnergyPerInput, "joules_per_input_token"},
    Column{metric::kDecodeEnergyPerOutput, "joules_per_output_token"},
};
constexpr std::array kWhole = {
    Column{metric::kTotalRate, "total_tput_tps"},
    Column{metric::kInputRate, "input_tput_tps"},
    Column{metric::kOutputRate, "output_tput_tps"},
};

class RowWriter {
 public:
  RowWriter(const RunRecord& run, const PointRecord& point)
      : run_(run),
        point_(point),
        provenance_(stored_object(run.provenance_json)),
        extra_(stored_object(point.extra_json)),
        is_agentic_(run.workload == "agentx" ||
                    text_in(provenance_, "benchmark_type").starts_with("agentic")),
        is_disaggregated_(provenance_.contains("disagg") ||
                          (run.prefill_gpus > 0 && run.decode_gpus > 0)) {}

  ordered_json write() {
    configuration();
    topology();
    if (is_agentic_) {
      for (const Column& column : kAgentic) statistics(column);
    } else {
      for (const Column& column : kFixed) statistics(column);
    }
    for (const Column& column : kFigures) figure(column);
    if (is_disaggregated_ && !is_agentic_) {
      for (const Column& column : kByRole) figure(column);
      figure({metric::kEnergyPerInput, "joules_per_input_token"});
      figure({metric::kEnergyPerOutput, "joules_per_output_token"});
    } else {
      for (const Column& column : kByAllGpus) figure(column);
    }
    rates();
    const double seconds = point_.window.end - point_.window.begin;
    if (seconds > 0) row_["duration_seconds"] = seconds;
    if (point_.requests.ok > 0) row_["num_requests_successful"] = point_.requests.ok;
    if (point_.requests.failed > 0 && !row_.contains("request_accounting")) {
      row_["request_accounting"] = {{"records_error_dropped", point_.requests.failed}};
    }
    if (point_.requests.cancelled > 0) {
      row_["profiling_cancelled_requests"] = point_.requests.cancelled;
    }
    if (!point_.warnings.empty()) row_["warnings"] = point_.warnings;
    kept();
    return std::move(row_);
  }

 private:
  static std::string text_in(const ordered_json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : "";
  }

  void set(const char* key, const std::string& text) {
    if (!text.empty()) row_[key] = text;
  }

  void configuration() {
    if (!point_.load.concurrency) {
      throw Error({.code = ErrorCode::kInvalidArgument,
                   .where = run_.id.empty() ? "a point" : "a point of " + run_.id,
                   .what = "was measured in an open loop, which a row of InferenceX cannot say",
                   .remedy = "export it as a Benchmark Report or as CSV"});
    }
    const std::string written = text_in(provenance_, "hardware_as_written");
    set("hw", written.empty() ? run_.hardware : written);
    row_["conc"] = *point_.load.concurrency;
    set("image", run_.engine_version);
    set("model", run_.model);
    set("infmax_model_prefix", text_in(provenance_, "model_key"));
    set("framework", run_.engine);
    set("precision", run_.precision);
    set("spec_decoding", run_.speculation);
    row_["disagg"] = is_disaggregated_;
    row_["is_multinode"] = provenance_.contains("is_multinode");
    const ordered_json plan = stored_object(run_.plan_json);
    for (const char* key : {"isl", "osl"}) {
      const auto found = plan.find(key);
      row_[key] = found == plan.end() ? ordered_json() : *found;
    }
    const std::string kind = text_in(provenance_, "benchmark_type");
    if (!kind.empty()) {
      row_["scenario_type"] = kind;
    } else if (is_agentic_) {
      row_["scenario_type"] = "agentic-coding";
    }
    if (run_.created_unix > 0) row_["date"] = format_time(run_.created_unix);
    for (const auto& [key, value] : provenance_.items()) {
      const bool is_other = key == "hardware_as_written" || key == "model_key" ||
                            key == "benchmark_type" || key == "topology" || key == "disagg" ||
                            key == "is_multinode";
      if (!is_other && value.is_string()) row_[key] = value;
    }
  }

  void topology() {
    const auto found = provenance_.find("topology");
    if (found != provenance_.end() && found->is_object()) {
      for (const auto& [key, value] : found->items()) row_[key] = value;
    }
    if (is_disaggregated_) {
      if (run_.prefill_gpus > 0) row_["num_prefill_gpu"] = run_.prefill_gpus;
      if (run_.decode_gpus > 0) row_["num_decode_gpu"] = run_.decode_gpus;
    } else if (run_.gpus > 0) {
      row_["num_gpus"] = run_.gpus;
    }
  }

  bool is_derived(std::string_view id) const {
    const auto derived = extra_.find("derived");
    return derived != extra_.end() && derived->is_array() &&
           std::find(derived->begin(), derived->end(), std::string(id)) != derived->end();
  }

  const MetricValue* find(std::string_view id) const {
    for (const MetricValue& value : point_.metrics) {
      if (value.id == id) return &value;
    }
    return nullptr;
  }

  // What the row gave itself, not what follows from it.
  void statistics(const Column& column) {
    if (is_derived(column.name.id)) return;
    const std::string stem = "_" + std::string(column.stem);
    if (const MetricValue* value = find(column.name.id); value != nullptr) {
      const auto put = [&](const char* word, const std::optional<double>& figure) {
        if (figure) row_[word + stem] = *figure;
      };
      put("mean", value->mean);
      put("median", value->p50);
      put("p90", value->p90);
      put("p95", value->p95);
      put("p99", value->p99);
    }
    const auto kept = extra_.find("statistics");
    if (kept == extra_.end() || !kept->contains(column.name.id)) return;
    for (const auto& [word, figure] : (*kept)[std::string(column.name.id)].items()) {
      row_[word + stem] = figure;
    }
  }

  void figure(const Column& column) {
    const MetricValue* value = find(column.name.id);
    const std::string key(column.stem);
    if (value == nullptr || !value->mean || is_derived(column.name.id) || row_.contains(key))
      return;
    row_[key] = *value->mean;
  }

  // Rates of the whole are what agentic rows have beside those per GPU; for others they give the
  // rates per GPU where those are not there.
  void rates() {
    if (is_agentic_) {
      for (const Column& column : kWhole) figure(column);
    }
    const double gpus = run_.gpus;
    const auto fill = [&](const char* key, const MetricName& name, double divisor) {
      const MetricValue* value = find(name.id);
      if (row_.contains(key) || value == nullptr || !value->mean || divisor <= 0) return;
      row_[key] = *value->mean / divisor;
    };
    const bool by_role = is_disaggregated_ && !is_agentic_;
    fill("tput_per_gpu", metric::kTotalRate, gpus);
    fill("input_tput_per_gpu", metric::kInputRate, by_role ? run_.prefill_gpus : gpus);
    fill("output_tput_per_gpu", metric::kOutputRate, by_role ? run_.decode_gpus : gpus);
    if (!row_.contains("tput_per_gpu") && find(metric::kTotalRate.id) != nullptr) {
      throw Error({.code = ErrorCode::kInvalidArgument,
                   .where = run_.id.empty() ? "a run" : run_.id,
                   .what = "has no number of GPUs, and rows of InferenceX are per GPU",
                   .remedy = "state the number of GPUs"});
    }
  }

  void kept() {
    for (const char* key : {"id", "recipe_fingerprint"}) {
      if (const auto found = extra_.find(key); found != extra_.end()) row_[key] = *found;
    }
    const auto fields = extra_.find("fields");
    if (fields == extra_.end() || !fields->is_object()) return;
    for (const auto& [key, value] : fields->items()) {
      const bool is_as_written = key == "num_prefill_gpu" || key == "num_decode_gpu";
      if (is_as_written || !row_.contains(key)) row_[key] = value;
    }
  }

  const RunRecord& run_;
  const PointRecord& point_;
  ordered_json provenance_;
  ordered_json extra_;
  bool is_agentic_;
  bool is_disaggregated_;
  ordered_json row_ = ordered_json::object();
};

}  // namespace

std::string export_inferencex(const std::vector<RunRecord>& runs) {
  std::string out = "[";
  for (const RunRecord& run : runs) {
    for (const PointRecord& point : run.points) {
      if (out.size() > 1) out += ',';
      out += "\n" + dump_json(RowWriter(run, point).write());
    }
  }
  return out + "\n]\n";
}

}  // namespace hadal
