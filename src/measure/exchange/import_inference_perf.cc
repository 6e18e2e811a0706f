// inference-perf: what its client saw of a stage ("lifecycle") and, where it was scraped, what the
// server said ("prometheus"). Times are seconds.
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "measure/exchange/import_formats.h"
#include "measure/exchange/metric_names.h"
#include "measure/exchange/point_builder.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

// Its time between tokens is spread over the tokens that a chunk turns out to hold.
constexpr std::array kLatencyFigures = {
    KnownMetric{"request_latency", metric::kE2e},
    KnownMetric{"time_to_first_token", metric::kTtft},
    KnownMetric{"time_per_output_token", metric::kTpot},
    KnownMetric{"normalized_time_per_output_token", metric::kE2ePerToken},
    KnownMetric{"inter_token_latency", {"inference_perf.inter_token_latency/1", "s"}},
};
constexpr std::array kRates = {
    KnownMetric{"input_tokens_per_sec", metric::kInputRate},
    KnownMetric{"output_tokens_per_sec", metric::kOutputRate},
    KnownMetric{"total_tokens_per_sec", metric::kTotalRate},
    KnownMetric{"requests_per_sec", metric::kRequestRate},
};

class StageReader {
 public:
  StageReader(const ordered_json& document, const ImportContext& context)
      : context_(context), document_(document, "", context.source) {}

  void read(Imported& imported) {
    run_.origin = "imported";
    run_.state = RunState::kComplete;
    run_.source = context_.run_source(ImportFormat::kInferencePerf);
    run_.gpus = context_.gpus;
    builder_.point.load.arrivals = "unknown";
    const ordered_json* successes = document_.object("successes");
    if (successes == nullptr) {
      document_.refuse("successes", "is missing: the requests that succeeded",
                       FieldFault::kMissing);
    }
    if (successes->contains("latency")) {
      client_side(*successes);
      if (context_.server_side != nullptr) server_side(*context_.server_side);
    } else {
      builder_.warn("server_side_only_window_of_the_scrape");
      server_side(document_.json());
    }
    note_repeated(builder_, context_.repeated);
    derive_per_gpu(builder_, context_.gpus, "gpu_count_absent");
    add_point(imported.runs, std::move(run_), builder_.finish());
  }

 private:
  void statistics(const ordered_json& value, const std::string& path, const MetricName& name) {
    TakenFields fields(value, path, context_.source);
    for (const auto& [word, figure] : value.items()) {
      if (figure.is_null()) continue;
      const std::optional<double> number = fields.number(word);
      builder_.add(name, word == "median" ? "p50" : std::string_view(word), number);
    }
    builder_.note_not_finite(fields);
  }

  void client_side(const ordered_json& successes) {
    TakenFields fields(successes, "successes", context_.source);
    RequestCounts& counts = builder_.point.requests;
    counts.ok = fields.count("count").value_or(0);
    if (const ordered_json* failures = document_.object("failures"); failures != nullptr) {
      TakenFields failed(*failures, "failures", context_.source);
      counts.failed = failed.count("count").value_or(0);
      builder_.keep_fields(prefixed("failures.", failed.rest()));
    }
    counts.attempted = counts.ok + counts.failed;
    if (const ordered_json* latency = fields.value("latency"); latency != nullptr) {
      TakenFields kinds(*latency, "successes.latency", context_.source);
      known(kinds, kLatencyFigures, "successes.latency");
      builder_.keep_fields(prefixed("successes.latency.", kinds.rest()));
    }
    if (const ordered_json* throughput = fields.value("throughput"); throughput != nullptr) {
      TakenFields rates(*throughput, "successes.throughput", context_.source);
      for (const KnownMetric& rate : kRates)
        builder_.add(rate.name, "mean", rates.amount(rate.key));
      builder_.keep_fields(prefixed("successes.throughput.", rates.rest()));
    }
    known(fields,
          std::array{KnownMetric{"prompt_len", metric::kInputTokens},
                     KnownMetric{"output_len", metric::kOutputTokens}},
          "successes");
    load_summary();
    builder_.keep_fields(prefixed("successes.", fields.rest()));
    builder_.derive_interactivity();
    constexpr double kNoStepIsSoFast = 1e-4;
    const auto gap = builder_.get({"inference_perf.inter_token_latency/1", "s"}, "p50");
    if (gap && *gap < kNoStepIsSoFast) {
      builder_.warn("itl_median_micro_seconds_coalesced_chunks");
    }
  }

  template <typename Names>
  void known(TakenFields& fields, const Names& names, const std::string& path) {
    for (const KnownMetric& name : names) {
      const ordered_json* value = fields.value(name.key);
      if (value == nullptr) continue;
      statistics(*value, path + "." + std::string(name.key), name.name);
      builder_.count(name.name, builder_.point.requests.ok);
    }
  }

  void load_summary() {
    const ordered_json* summary = document_.object("load_summary");
    if (summary == nullptr) return;
    TakenFields fields(*summary, "load_summary", context_.source);
    const std::optional<double> asked = fields.amount("requested_rate");
    const std::optional<double> achieved = fields.amount("achieved_rate");
    builder_.point.load.rate = asked;
    builder_.add({"inference_perf.achieved_rate/1", "requests/s"}, "mean", achieved);
    constexpr double kReached = 0.95;
    if (asked && achieved && *achieved < kReached * *asked) {
      builder_.warn("offered_rate_not_reached");
    }
    // Only the summary of all stages has no rate of its own: it sums up seven loads, say, and is
    // no point of a curve.
    if (!asked) builder_.warn("summary_mixes_stages_not_a_point");
    if (const ordered_json* delay = fields.value("schedule_delay"); delay != nullptr) {
      statistics(*delay, "load_summary.schedule_delay", metric::kScheduleDelay);
    }
    builder_.keep_fields(prefixed("load_summary.", fields.rest()));
  }

  void server_side(const ordered_json& document) {
    const Fields top(document, "", context_.source);
    const ordered_json* successes = top.object("successes");
    if (successes == nullptr) return;
    TakenFields fields(*successes, "successes", context_.source);
    const std::optional<double> count = fields.number("count");
    const std::optional<double> rate = fields.number("rate");
    builder_.add({"inference_perf.server.requests/1", "requests"}, "mean", count);
    builder_.add({"inference_perf.server.request_rate/1", "requests/s"}, "mean", rate);
    const auto client_count = static_cast<double>(builder_.point.requests.ok);
    if (count && document_.object("successes")->contains("latency") && *count != client_count) {
      builder_.warn("server_side_count_differs_from_client");
    }
    for (const auto& [key, value] : successes->items()) {
      if (!value.is_object()) continue;
      const bool is_time = key.find("latency") != std::string::npos || key.starts_with("time_");
      const bool is_length = key == "prompt_len" || key == "output_len";
      const std::string id = "inference_perf.server." + key + "/1";
      statistics(value, "successes." + key, {id, is_time ? "s" : is_length ? "tokens" : ""});
    }
  }

  static ordered_json prefixed(const std::string& prefix, const ordered_json& fields) {
    ordered_json result = ordered_json::object();
    for (const auto& [key, value] : fields.items()) result[prefix + key] = value;
    return result;
  }

  const ImportContext& context_;
  Fields document_;
  RunRecord run_;
  PointBuilder builder_;
};

}  // namespace

void import_inference_perf(const ordered_json& document, const ImportContext& context,
                           Imported& imported) {
  StageReader(document, context).read(imported);
}

}  // namespace hadal
