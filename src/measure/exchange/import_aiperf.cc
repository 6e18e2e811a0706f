// AIPerf's summary, profile_export_aiperf.json: a metric a member, each with its unit.
#include <array>
#include <cmath>
#include <fmt/format.h>
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

constexpr std::array kKnown = {
    KnownMetric{"request_latency", metric::kE2e},
    KnownMetric{"time_to_first_token", metric::kTtft},
    KnownMetric{"inter_token_latency", metric::kItlPerRequest},
    KnownMetric{"request_throughput", metric::kRequestRate},
    KnownMetric{"output_token_throughput", metric::kOutputRate},
    KnownMetric{"total_token_throughput", metric::kTotalRate},
    KnownMetric{"input_sequence_length", metric::kInputTokens},
    KnownMetric{"output_sequence_length", metric::kOutputTokens},
};

struct AiperfUnit {
  std::string_view written;
  std::string_view unit;
  double scale;
};
constexpr std::array kAiperfUnits = {
    AiperfUnit{"ms", "s", 1e-3},
    AiperfUnit{"us", "s", 1e-6},
    AiperfUnit{"ns", "s", 1e-9},
    AiperfUnit{"s", "s", 1},
    AiperfUnit{"sec", "s", 1},
    AiperfUnit{"seconds", "s", 1},
    AiperfUnit{"requests/sec", "requests/s", 1},
    AiperfUnit{"tokens/sec", "tokens/s", 1},
    AiperfUnit{"tokens/sec/user", "tokens/s", 1},
};

class AiPerfReader {
 public:
  AiPerfReader(const ordered_json& document, const ImportContext& context)
      : context_(context), document_(document, "", context.source) {}

  void read(Imported& imported) {
    run_.origin = "imported";
    run_.state = RunState::kComplete;
    run_.source = context_.run_source(ImportFormat::kAiPerf);
    run_.gpus = context_.gpus;
    if (const ordered_json* config = document_.value("input_config"); config != nullptr) {
      configuration(*config);
    }
    if (const auto time = document_.fields().find("start_time");
        time != nullptr && time->is_string()) {
      run_.created_unix = parse_time(time->get<std::string>()).value_or(0);
    }
    for (const auto& [key, value] : document_.fields().json().items()) {
      if (value.is_object() && value.contains("unit") && value.contains("avg")) figures(key, value);
    }
    derived();
    note_repeated(builder_, context_.repeated);
    builder_.keep_fields(document_.rest());
    derive_per_gpu(builder_, context_.gpus, "no_gpu_count_in_file");
    add_point(imported.runs, std::move(run_), builder_.finish());
  }

 private:
  void configuration(const ordered_json& config) {
    const Fields fields(config, "input_config", context_.source);
    if (const ordered_json* endpoint = fields.object("endpoint"); endpoint != nullptr) {
      const Fields known(*endpoint, "input_config.endpoint", context_.source);
      const ordered_json* names = known.array("model_names");
      if (names != nullptr && !names->empty() && names->front().is_string()) {
        run_.model = names->front().get<std::string>();
      }
    }
    Load& load = builder_.point.load;
    if (const ordered_json* generator = fields.object("loadgen"); generator != nullptr) {
      TakenFields known(*generator, "input_config.loadgen", context_.source);
      const std::optional<int64_t> concurrency = known.count("concurrency");
      load.rate = known.amount("request_rate");
      if (load.rate) {
        load.arrivals = known.string("arrival_pattern").value_or("poisson");
      } else if (concurrency && *concurrency < 100'000'000) {
        load.concurrency = static_cast<int>(*concurrency);
      }
      run_.plan_json = dump_json(keepable_json({{"loadgen", *generator}}));
    }
  }

  void figures(const std::string& key, const ordered_json& value) {
    TakenFields fields(value, key, context_.source);
    const std::string written = fields.string("unit").value_or("");
    AiperfUnit unit{written, written, 1};
    for (const AiperfUnit& known : kAiperfUnits) {
      if (known.written == written) unit = known;
    }
    document_.take(key);
    if (key == "request_count" || key == "error_request_count") {
      const std::optional<int64_t> count = fields.count("avg");
      RequestCounts& counts = builder_.point.requests;
      (key == "request_count" ? counts.ok : counts.failed) = count.value_or(0);
      counts.attempted = counts.ok + counts.failed;
      return;
    }
    const std::string id = "aiperf." + key + "/1";
    MetricName name{id, unit.unit};
    for (const KnownMetric& known : kKnown) {
      if (known.key != key) continue;
      if (known.name.unit != unit.unit && known.name.unit != "tokens") {
        fields.fields().refuse(
            "unit", fmt::format("is {}, which {} cannot have", printable(written, 40), key));
      }
      name = known.name;
    }
    size_t statistics = 0;
    for (const auto& [word, figure] : value.items()) {
      if (word == "unit" || word == "tag" || word == "header" || figure.is_null()) continue;
      if (!figure.is_number()) continue;
      const std::optional<double> number = fields.number(word);
      if (!number) continue;
      ++statistics;
      const bool is_count = word == "count";
      if (is_count) {
        builder_.count(name, std::llround(std::min(*number, 1e15)));
      } else {
        builder_.add(name, word == "avg" ? "mean" : std::string_view(word), *number * unit.scale);
      }
    }
    if (statistics == 1) has_only_mean_ = true;
    builder_.note_not_finite(fields);
  }

  void derived() {
    const auto rate = builder_.get(metric::kRequestRate, "mean");
    const auto time = builder_.get(metric::kE2e, "mean");
    if (rate && time) builder_.derive(metric::kMeanConcurrency, "mean", *rate * *time);
    // Its inter-token latency is (end - first token) / (tokens - 1) of each request, which is our
    // time per output token.
    for (const char* statistic : {"mean", "p50", "p90", "p95", "p99"}) {
      builder_.derive(metric::kTpot, statistic, builder_.get(metric::kItlPerRequest, statistic));
    }
    builder_.derive_interactivity();
    if (!builder_.has(metric::kTpot) || !builder_.has(metric::kOutputRate)) {
      builder_.warn("excerpt_other_metrics_missing");
    }
    if (has_only_mean_) builder_.warn("some_metrics_have_only_avg");
    constexpr double kNoStepIsSoFast = 1e-4;
    const auto second = builder_.get({"aiperf.time_to_second_token/1", "s"}, "p50");
    if (second && *second < kNoStepIsSoFast) {
      builder_.warn(
          fmt::format("second_token_{:.0f}us_after_first_chunks_coalesced", *second * 1e6));
    }
  }

  const ImportContext& context_;
  TakenFields document_;
  RunRecord run_;
  PointBuilder builder_;
  bool has_only_mean_ = false;
};

}  // namespace

void import_aiperf(const ordered_json& document, const ImportContext& context, Imported& imported) {
  AiPerfReader(document, context).read(imported);
}

}  // namespace hadal
