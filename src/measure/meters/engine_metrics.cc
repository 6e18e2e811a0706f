#include "measure/meters/engine_metrics.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <span>

#include "measure/meters/prometheus_text.h"

namespace hadal {
namespace {

enum class Reading {
  kSum,         // over all series
  kMean,        // of shares
  kUsedOfFree,  // 1 - family / other: the family counts what is free
};

struct Family {
  std::string_view figure;  // of kEngineFigures
  std::string_view name;
  Reading reading = Reading::kSum;
  bool always = true;  // false: only where speculation, say, is on
  std::string_view other = {};
};

struct EngineTable {
  std::string_view engine;
  std::string_view since;  // the first version that has these names; empty: any
  std::span<const Family> families;
};

constexpr Family kHadal[] = {
    {"running", "hadal_requests_running"},
    {"waiting", "hadal_requests_waiting"},
    {"cache_use", "hadal_cache_blocks_free", Reading::kUsedOfFree, true, "hadal_cache_blocks"},
    {"prompt_tokens", "hadal_prompt_tokens_total"},
    {"cached_tokens", "hadal_prefix_hit_tokens_total"},
    {"looked_up_tokens", "hadal_prefix_looked_up_tokens_total"},
    {"generated_tokens", "hadal_generated_tokens_total"},
    {"preemptions", "hadal_preemptions_total"}};
constexpr Family kVllm[] = {
    {"running", "vllm:num_requests_running"},
    {"waiting", "vllm:num_requests_waiting"},
    {"cache_use", "vllm:kv_cache_usage_perc", Reading::kMean},
    {"prompt_tokens", "vllm:prompt_tokens_total"},
    {"cached_tokens", "vllm:prefix_cache_hits_total"},
    {"looked_up_tokens", "vllm:prefix_cache_queries_total"},
    {"generated_tokens", "vllm:generation_tokens_total"},
    {"preemptions", "vllm:num_preemptions_total"},
    {"drafts", "vllm:spec_decode_num_drafts_total", Reading::kSum, false},
    {"accepted_tokens", "vllm:spec_decode_num_accepted_tokens_total", Reading::kSum, false}};
// Before 0.26, of which only these are known to have been named otherwise.
constexpr Family kOldVllm[] = {{"running", "vllm:num_requests_running"},
                               {"waiting", "vllm:num_requests_waiting"},
                               {"cache_use", "vllm:gpu_cache_usage_perc", Reading::kMean},
                               {"prompt_tokens", "vllm:prompt_tokens_total"},
                               {"cached_tokens", "vllm:gpu_prefix_cache_hits_total"},
                               {"looked_up_tokens", "vllm:gpu_prefix_cache_queries_total"},
                               {"generated_tokens", "vllm:generation_tokens_total"},
                               {"preemptions", "vllm:num_preemptions_total"}};
constexpr Family kSglang[] = {{"running", "sglang:num_running_reqs"},
                              {"waiting", "sglang:num_queue_reqs"},
                              {"cache_use", "sglang:token_usage", Reading::kMean}};
constexpr Family kTensorrt[] = {{"running", "trtllm_num_requests_running"},
                                {"waiting", "trtllm_num_requests_waiting"},
                                {"cache_use", "trtllm_kv_cache_utilization", Reading::kMean}};
constexpr Family kLlama[] = {{"running", "llamacpp:requests_processing"},
                             {"waiting", "llamacpp:requests_deferred"},
                             {"prompt_tokens", "llamacpp:prompt_tokens_total"},
                             {"generated_tokens", "llamacpp:tokens_predicted_total"}};

// Of one engine from the oldest.
constexpr EngineTable kTables[] = {{"hadal", "", kHadal},           {"vllm", "", kOldVllm},
                                   {"vllm", "0.26", kVllm},         {"sglang", "", kSglang},
                                   {"tensorrt_llm", "", kTensorrt}, {"llamacpp", "", kLlama}};

// The numbers that a version begins with: 0.26.1rc1 is 0, 26, 1.
std::vector<int> numbers_of(std::string_view version) {
  if (version.starts_with('v')) version.remove_prefix(1);
  std::vector<int> numbers;
  while (!version.empty()) {
    int number = 0;
    const auto [end, error] =
        std::from_chars(version.data(), version.data() + version.size(), number);
    if (error != std::errc()) break;
    numbers.push_back(number);
    version.remove_prefix(static_cast<size_t>(end - version.data()));
    if (!version.starts_with('.')) break;
    version.remove_prefix(1);
  }
  return numbers;
}

const EngineTable* table_of(std::string_view engine, std::string_view version) {
  const std::vector<int> numbers = numbers_of(version);
  const EngineTable* found = nullptr;
  for (const EngineTable& table : kTables) {
    if (table.engine != engine) continue;
    if (numbers.empty() || numbers >= numbers_of(table.since)) found = &table;
  }
  return found;
}

std::optional<double> total(const std::vector<PrometheusSample>& series) {
  double sum = 0;
  for (const PrometheusSample& one : series) {
    if (!std::isfinite(one.value)) return std::nullopt;
    sum += one.value;
  }
  return series.empty() ? std::nullopt : std::optional(sum);
}

std::optional<double> value_of(std::string_view page, const Family& family) {
  const std::vector<PrometheusSample> series = read_prometheus_text(page, family.name);
  const std::optional<double> sum = total(series);
  if (!sum) return std::nullopt;
  switch (family.reading) {
    case Reading::kSum:
      return sum;
    case Reading::kMean:
      return *sum / static_cast<double>(series.size());
    case Reading::kUsedOfFree:
      break;
  }
  const std::optional<double> all = total(read_prometheus_text(page, family.other));
  return all && *all > 0 ? std::optional(1 - *sum / *all) : std::nullopt;
}

}  // namespace

bool has_engine_metrics(std::string_view engine) { return table_of(engine, "") != nullptr; }

EnginePage read_engine_page(std::string_view page, std::string_view engine,
                            std::string_view version) {
  EnginePage read;
  read.values.resize(std::size(kEngineFigures));
  const EngineTable* const table = table_of(engine, version);
  if (table == nullptr) return read;
  for (const Family& family : table->families) {
    const auto* const place =
        std::find(std::begin(kEngineFigures), std::end(kEngineFigures), family.figure);
    const std::optional<double> value = value_of(page, family);
    read.values[static_cast<size_t>(place - std::begin(kEngineFigures))] = value;
    if (!value && family.always) read.missing.emplace_back(family.name);
  }
  return read;
}

std::string engine_metrics_markdown() {
  std::string out = "| engine | since |";
  std::string rule = "|---|---|";
  for (const std::string_view figure : kEngineFigures) {
    out += " " + std::string(figure) + " |";
    rule += "---|";
  }
  out += "\n" + rule + "\n";
  for (const EngineTable& table : kTables) {
    out += "| " + std::string(table.engine) + " | " + std::string(table.since) +
           (table.since.empty() ? "|" : " |");
    for (const std::string_view figure : kEngineFigures) {
      const auto found =
          std::find_if(table.families.begin(), table.families.end(),
                       [&](const Family& family) { return family.figure == figure; });
      if (found == table.families.end()) {
        out += " |";
      } else {
        out += " `" + std::string(found->name) + "` |";
      }
    }
    out += "\n";
  }
  return out;
}

}  // namespace hadal
