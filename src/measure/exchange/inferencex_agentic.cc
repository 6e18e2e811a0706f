// Brings the nested figures of agentic aggregates under the flat names that InferenceX's own
// database gives them.
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "measure/exchange/inferencex_row.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

struct Renamed {
  std::string_view path;
  std::string_view flat;
};

constexpr std::array kFigures = {
    Renamed{"request_metrics.throughput.input.tokens_per_second", "input_tput_tps"},
    Renamed{"request_metrics.throughput.output.tokens_per_second", "output_tput_tps"},
    Renamed{"request_metrics.throughput.total.tokens_per_second", "total_tput_tps"},
    Renamed{"request_metrics.throughput.duration_seconds", "duration_seconds"},
    Renamed{"request_metrics.throughput.per_gpu.total_tput_tps", "tput_per_gpu"},
    Renamed{"request_metrics.throughput.per_gpu.output_tput_tps", "output_tput_per_gpu"},
    Renamed{"request_metrics.throughput.per_gpu.input_tput_tps", "input_tput_per_gpu"},
    Renamed{"request_metrics.cache.theoretical_cache_hit_rate", "theoretical_cache_hit_rate"},
    Renamed{"server_metrics.cache.gpu_cache_hit_rate", "server_gpu_cache_hit_rate"},
    Renamed{"server_metrics.cache.cpu_cache_hit_rate", "server_cpu_cache_hit_rate"},
    Renamed{"server_metrics.cache.external_cache_hit_rate", "server_external_cache_hit_rate"},
    Renamed{"server_metrics.kv_cache.gpu_usage_pct", "gpu_kv_cache_usage_pct"},
    Renamed{"server_metrics.tokens.prompt_total", "total_prompt_tokens"},
    Renamed{"server_metrics.tokens.generation_total", "total_generation_tokens"},
    Renamed{"server_metrics.tokens.requests_completed", "total_requests_completed"},
};

// Objects of statistics: their members become "mean_STEM", "median_STEM", "p90_STEM".
constexpr std::array kStatistics = {
    Renamed{"request_metrics.qps", "qps"},
    Renamed{"request_metrics.tokens.input", "input_tokens"},
    Renamed{"request_metrics.tokens.output_actual", "output_tokens_actual"},
    Renamed{"request_metrics.tokens.output_expected", "output_tokens_expected"},
};
constexpr std::string_view kLatencyPrefix = "request_metrics.latency.";

std::string flat_name(const std::string& path) {
  for (const Renamed& figure : kFigures) {
    if (path == figure.path) return std::string(figure.flat);
  }
  const size_t dot = path.rfind('.');
  if (dot == std::string::npos) return path;
  std::string word = path.substr(dot + 1);
  if (word == "p50") word = "median";
  if (!split_statistic(word + "_x").has_value()) return path;
  const std::string parent = path.substr(0, dot);
  for (const Renamed& kind : kStatistics) {
    if (parent == kind.path) return word + "_" + std::string(kind.flat);
  }
  if (parent.starts_with(kLatencyPrefix) &&
      parent.find('.', kLatencyPrefix.size()) == std::string::npos) {
    return word + "_" + parent.substr(kLatencyPrefix.size());
  }
  return path;
}

void flatten(const ordered_json& value, const std::string& path, ordered_json& flat) {
  if (!value.is_object()) {
    flat[flat_name(path)] = value;
    return;
  }
  for (const auto& [key, member] : value.items()) flatten(member, path + "." + key, flat);
}

}  // namespace

ordered_json flatten_agentic(const ordered_json& row) {
  ordered_json flat = ordered_json::object();
  for (const auto& [key, value] : row.items()) {
    if (key == "request_metrics" || key == "server_metrics") {
      flatten(value, key, flat);
    } else {
      flat[key] = value;
    }
  }
  return flat;
}

}  // namespace hadal
