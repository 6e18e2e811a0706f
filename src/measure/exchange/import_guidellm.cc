// GuideLLM reports, version 2: one benchmark a point, statistics of the requests that succeeded.
// Times are seconds or, where the name ends in _ms, milliseconds.
#include <array>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "json/python_json.h"
#include "measure/exchange/import_formats.h"
#include "measure/exchange/metric_names.h"
#include "measure/exchange/point_builder.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

// All others keep GuideLLM's name and version: its time per output token counts the first token in,
// its inter-token latency is one mean per request weighted by tokens, and its rates are
// distributions over tokens.
constexpr std::array kKnown = {
    KnownMetric{"request_latency", metric::kE2e},
    KnownMetric{"time_to_first_token_ms", metric::kTtft},
    KnownMetric{"time_to_first_output_token_ms", metric::kTtftAnswer},
    KnownMetric{"prompt_token_count", metric::kInputTokens},
    KnownMetric{"output_token_count", metric::kOutputTokens},
};

std::string unit_of(std::string_view key) {
  if (key.ends_with("_ms") || key == "request_latency") return "s";
  if (key.find("tokens_per_second") != std::string_view::npos) return "tokens/s";
  if (key.ends_with("_per_second")) return "requests/s";
  if (key.find("token") != std::string_view::npos) return "tokens";
  return "";
}

// "p001" is the 0.1st percentile, "p05" the 5th, "p999" the 99.9th.
std::string percentile_name(const std::string& key) {
  if (key == "p001") return "p0.1";
  if (key == "p999") return "p99.9";
  if (key.size() == 3 && key[1] == '0') return "p" + key.substr(2);
  return key;
}

std::string number_word(int64_t number) {
  constexpr std::array kWords = {"no",   "one", "two",   "three", "four",
                                 "five", "six", "seven", "eight", "nine"};
  if (number >= 0 && number < static_cast<int64_t>(kWords.size())) {
    return kWords[static_cast<size_t>(number)];
  }
  return std::to_string(number);
}

class GuideLlmReader {
 public:
  GuideLlmReader(const ordered_json& document, const ImportContext& context)
      : context_(context), report_(document, "", context.source) {}

  void read(Imported& imported) {
    const ordered_json* benchmarks = report_.array("benchmarks");
    if (benchmarks == nullptr) {
      report_.refuse("benchmarks", "is missing: the list of benchmarks", FieldFault::kMissing);
    }
    deployment();
    for (size_t i = 0; i < benchmarks->size(); ++i) {
      point((*benchmarks)[i], element_path("benchmarks", i));
      add_point(imported.runs, run_, builder_.finish());
    }
  }

 private:
  void deployment() {
    run_.origin = "imported";
    run_.state = RunState::kComplete;
    run_.source = context_.run_source(ImportFormat::kGuideLlm);
    run_.gpus = context_.gpus;
    ordered_json provenance = ordered_json::object();
    if (const ordered_json* metadata = report_.object("metadata"); metadata != nullptr) {
      for (const auto& [key, value] : metadata->items()) {
        if (value.is_primitive() && !value.is_null()) provenance[key] = value;
      }
    }
    if (const ordered_json* config = report_.object("config"); config != nullptr) {
      const Fields fields(*config, "config", context_.source);
      if (const ordered_json* spec = fields.object("spec"); spec != nullptr) {
        const Fields spec_fields(*spec, "config.spec", context_.source);
        if (const ordered_json* backend = spec_fields.object("backend"); backend != nullptr) {
          const Fields known(*backend, "config.spec.backend", context_.source);
          run_.model = known.string("model").value_or("");
          run_.url = known.string("target").value_or("");
        }
        // Without the backend, which may hold keys and headers.
        ordered_json plan = ordered_json::object();
        for (const char* key : {"profile", "constraints", "data", "seed"}) {
          if (spec->contains(key)) plan[key] = (*spec)[key];
        }
        run_.plan_json = dump_json(keepable_json(plan));
      }
    }
    run_.provenance_json = dump_json(keepable_json(provenance));
  }

  void point(const ordered_json& benchmark, const std::string& path) {
    builder_ = PointBuilder();
    TakenFields fields(benchmark, path, context_.source);
    builder_.point.window = {.rule = "GuideLLM's, from its first measured request to its last",
                             .end = fields.amount("duration").value_or(0)};
    if (run_.created_unix == 0) run_.created_unix = fields.amount("start_time").value_or(0);
    fields.take("end_time");
    fields.take("metrics");
    if (const ordered_json* config = fields.value("config"); config != nullptr) {
      load(*config, path + ".config");
    }
    const ordered_json* metrics = fields.value("metrics");
    if (metrics == nullptr) {
      fields.fields().refuse("metrics", "is missing", FieldFault::kMissing);
    }
    const Fields metric_fields(*metrics, path + ".metrics", context_.source);
    totals(metric_fields);
    for (const auto& [key, value] : metrics->items()) {
      if (key != "request_totals" && value.is_object()) statistics(key, value, metric_fields);
    }
    derived();
    warnings(fields);
    for (const char* key : {"scheduler_state", "type_", "requests"}) fields.take(key);
    builder_.keep_fields(fields.rest());
    note_repeated(builder_, context_.repeated);
    derive_per_gpu(builder_, context_.gpus, "no_gpu_count_in_file");
  }

  void load(const ordered_json& config, const std::string& path) {
    const Fields fields(config, path, context_.source);
    if (const auto id = fields.string("id_"); id.has_value()) builder_.keep("id", *id);
    const ordered_json* strategy = fields.object("strategy");
    if (strategy == nullptr) return;
    TakenFields known(*strategy, path + ".strategy", context_.source);
    const std::string kind = known.string("type_").value_or("");
    Load& load = builder_.point.load;
    if (kind == "constant" || kind == "poisson") {
      load.arrivals = kind;
      load.rate = known.amount("rate");
    } else if (kind == "synchronous") {
      load.concurrency = 1;
    } else if (kind == "concurrent") {
      std::optional<int64_t> streams = known.count("streams");
      if (!streams.has_value()) streams = known.count("max_concurrency");
      if (streams && *streams < 100'000'000) load.concurrency = static_cast<int>(*streams);
    } else {
      load.arrivals = kind.empty() ? "unknown" : printable(kind, 40);
    }
    builder_.keep_fields({{"strategy", *strategy}});
  }

  void totals(const Fields& metrics) {
    const ordered_json* totals = metrics.object("request_totals");
    if (totals == nullptr) {
      metrics.refuse("request_totals", "is missing", FieldFault::kMissing);
    }
    TakenFields fields(*totals, metrics.path("request_totals"), context_.source);
    RequestCounts& counts = builder_.point.requests;
    counts.ok = fields.count("successful").value_or(0);
    counts.failed = fields.count("errored").value_or(0);
    counts.cancelled = fields.count("incomplete").value_or(0);
    counts.attempted = fields.count("total").value_or(counts.ok + counts.failed + counts.cancelled);
  }

  void statistics(const std::string& key, const ordered_json& by_status, const Fields& metrics) {
    const Fields status(by_status, metrics.path(key), context_.source);
    const ordered_json* successful = status.object("successful");
    if (successful == nullptr) return;
    TakenFields fields(*successful, status.path("successful"), context_.source);
    if (fields.fields().number("count").value_or(0) == 0) return;
    const bool is_milli = key.ends_with("_ms");
    const double scale = is_milli ? 1e-3 : 1;
    const std::string id = "guidellm." + (is_milli ? key.substr(0, key.size() - 3) : key) + "/2";
    const std::string unit = unit_of(key);
    MetricName name{id, unit};
    for (const KnownMetric& known : kKnown) {
      if (known.key == key) name = known.name;
    }
    const auto add = [&](std::string_view statistic, std::optional<double> figure) {
      if (figure) builder_.add(name, statistic, *figure * scale);
    };
    add("mean", fields.number("mean"));
    add("p50", fields.number("median"));
    add("std", fields.number("std_dev"));
    add("min", fields.number("min"));
    add("max", fields.number("max"));
    add("sum", fields.number("total_sum"));
    if (const ordered_json* percentiles = fields.value("percentiles");
        percentiles != nullptr && percentiles->is_object()) {
      TakenFields each(*percentiles, fields.fields().path("percentiles"), context_.source);
      for (const auto& [word, value] : percentiles->items()) {
        if (!value.is_null()) add(percentile_name(word), each.number(word));
      }
      builder_.note_not_finite(each);
    }
    if (const auto count = fields.count("count")) builder_.count(name, *count);
    builder_.note_not_finite(fields);
  }

  void derived() {
    const double duration = builder_.point.window.end;
    if (duration > 0) {
      builder_.derive(metric::kRequestRate, "mean",
                      static_cast<double>(builder_.point.requests.ok) / duration);
      const auto input = builder_.get(metric::kInputTokens, "sum");
      const auto output = builder_.get(metric::kOutputTokens, "sum");
      if (input) builder_.derive(metric::kInputRate, "mean", *input / duration);
      if (output) builder_.derive(metric::kOutputRate, "mean", *output / duration);
      if (input && output)
        builder_.derive(metric::kTotalRate, "mean", (*input + *output) / duration);
    }
    // Where all answers are equally long, the mean without the first token follows exactly.
    const auto least = builder_.get(metric::kOutputTokens, "min");
    const auto most = builder_.get(metric::kOutputTokens, "max");
    const auto whole = builder_.get(metric::kE2e, "mean");
    const auto first = builder_.get(metric::kTtft, "mean");
    if (least && most && *least == *most && *least > 1 && whole && first) {
      builder_.derive(metric::kTpot, "mean", (*whole - *first) / (*least - 1));
      builder_.derive_interactivity();
    }
  }

  void warnings(const TakenFields& fields) {
    if (builder_.has({"guidellm.time_per_output_token/2", "s"})) {
      builder_.warn("tpot_includes_first_token");
    }
    if (builder_.has(metric::kE2e) && builder_.has(metric::kTtft)) {
      builder_.warn("mixed_units_s_and_ms");
    }
    if (builder_.get({"guidellm.output_tokens_per_second/2", "tokens/s"}, "p50")) {
      builder_.warn("token_rate_median_not_a_throughput");
    }
    if (run_.model.find("mock") != std::string::npos) {
      builder_.warn("mock_server_" + number_word(builder_.point.requests.attempted) + "_requests");
    }
    const ordered_json* requests = fields.fields().find("requests");
    const bool has_any = requests != nullptr && requests->is_object() &&
                         requests->contains("successful") && (*requests)["successful"].is_array() &&
                         !(*requests)["successful"].empty();
    builder_.warn(has_any ? "single_requests_not_imported" : "request_arrays_empty");
  }

  const ImportContext& context_;
  Fields report_;
  RunRecord run_;
  PointBuilder builder_;
};

}  // namespace

void import_guidellm(const ordered_json& document, const ImportContext& context,
                     Imported& imported) {
  GuideLlmReader(document, context).read(imported);
}

}  // namespace hadal
