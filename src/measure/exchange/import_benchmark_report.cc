// llm-d's Benchmark Report 0.2.1, YAML or JSON: one point. Units stand beside the figures and vary.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <fmt/format.h>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "json/python_json.h"
#include "measure/exchange/benchmark_report.h"
#include "measure/exchange/import_formats.h"
#include "measure/exchange/point_builder.h"
#include "measure/exchange/record_json.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

struct ReportUnit {
  std::string_view written;
  std::string_view unit;
  double scale;
};
constexpr std::array kReportUnits = {
    ReportUnit{"s", "s", 1},
    ReportUnit{"ms", "s", 1e-3},
    ReportUnit{"s/token", "s", 1},
    ReportUnit{"ms/token", "s", 1e-3},
    ReportUnit{"tokens/s", "tokens/s", 1},
    ReportUnit{"queries/s", "requests/s", 1},
    ReportUnit{"count", "tokens", 1},
};

// Seconds of "PT1H2M49.97S"; days too. Nothing for other texts.
std::optional<double> parse_duration(std::string_view text) {
  if (!text.starts_with('P')) return std::nullopt;
  text.remove_prefix(1);
  double seconds = 0;
  bool in_time = false;
  bool has_any = false;
  while (!text.empty()) {
    if (text.front() == 'T' && !in_time) {
      in_time = true;
      text.remove_prefix(1);
      continue;
    }
    const size_t end = text.find_first_not_of("0123456789.");
    if (end == std::string_view::npos || end == 0 || end > 30) return std::nullopt;
    double value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + end, value);
    if (parsed.ec != std::errc() || parsed.ptr != text.data() + end) return std::nullopt;
    const char letter = text[end];
    const double factor = !in_time && letter == 'D'  ? 86400
                          : in_time && letter == 'H' ? 3600
                          : in_time && letter == 'M' ? 60
                          : in_time && letter == 'S' ? 1
                                                     : 0;
    if (factor == 0) return std::nullopt;
    seconds += value * factor;
    has_any = true;
    text.remove_prefix(end + 1);
  }
  return has_any ? std::optional<double>(seconds) : std::nullopt;
}

// The object at a path of keys; null where any is absent.
const ordered_json* find_object(const ordered_json& from, std::initializer_list<const char*> keys,
                                const FieldsSource& source) {
  const ordered_json* at = &from;
  std::string path;
  for (const char* key : keys) {
    const Fields fields(*at, path, source);
    at = fields.object(key);
    if (at == nullptr) return nullptr;
    path = fields.path(key);
  }
  return at;
}

class ReportReader {
 public:
  ReportReader(const ordered_json& document, const ImportContext& context)
      : context_(context), document_(document, "", context.source) {}

  void read(Imported& imported) {
    version();
    run_.origin = "imported";
    run_.state = RunState::kComplete;
    run_.source = context_.run_source(ImportFormat::kBenchmarkReport);
    builder_.point.load.arrivals = "unknown";
    load();
    stack();
    times();
    requests();
    places();
    health();
    placeholders();
    kept_sections();
    if (const ordered_json* own = section({"results", "profiling", "hadal"}); own != nullptr) {
      own_section(*own);
    } else {
      builder_.derive_interactivity();
      if (run_.gpus == 0) run_.gpus = context_.gpus;
      derive_per_gpu(builder_, run_.gpus, "no_gpu_count_in_file");
      run_.provenance_json = dump_json(keepable_json(provenance_));
    }
    note_repeated(builder_, context_.repeated);
    add_point(imported.runs, std::move(run_), builder_.finish());
  }

 private:
  const FieldsSource& source() const { return context_.source; }
  const ordered_json* section(std::initializer_list<const char*> keys) const {
    return find_object(document_.json(), keys, source());
  }

  void version() {
    const ordered_json* version = document_.find("version");
    if (version == nullptr || !version->is_string() ||
        !version->get<std::string>().starts_with("0.2")) {
      document_.refuse("version", "must be 0.2.1, the only version that is read");
    }
    if (document_.object("results") == nullptr) {
      document_.refuse("results", "is missing", FieldFault::kMissing);
    }
  }

  void load() {
    const ordered_json* found = section({"scenario", "load", "standardized"});
    if (found == nullptr) {
      const ordered_json* own = section({"results", "profiling", "hadal"});
      if (own != nullptr) {
        tool_ = Fields(*own, "results.profiling.hadal", source()).string("tool").value_or("");
      }
      return;
    }
    TakenFields fields(*found, "scenario.load.standardized", source());
    tool_ = fields.string("tool").value_or("");
    provenance_["tool"] = tool_;
    provenance_["tool_version"] = fields.text("tool_version").value_or("");
    Load& load = builder_.point.load;
    load.rate = fields.amount("rate_qps");
    const ordered_json* concurrency = fields.value("concurrency");
    const bool is_infinite = concurrency != nullptr && concurrency->is_number_float() &&
                             std::isinf(concurrency->get<double>());
    if (is_infinite) {
      builder_.warn("concurrency_is_yaml_inf");
    } else if (const auto count = fields.count("concurrency"); count && *count < 100'000'000) {
      load.concurrency = static_cast<int>(*count);
      if (!load.rate) load.arrivals = "closed";
    }
    if (const auto stage = fields.count("stage")) builder_.keep_fields({{"stage", *stage}});
    if (const ordered_json* native = section({"scenario", "load", "native", "config", "load"})) {
      const ordered_json& kind = native->contains("type") ? (*native)["type"] : ordered_json();
      if (kind == "constant" || kind == "poisson") load.arrivals = kind.get<std::string>();
    }
    run_.plan_json = dump_json(keepable_json(*section({"scenario", "load"})));
    const auto length = [&](const char* key) -> std::optional<double> {
      const ordered_json* value = section({"scenario", "load", "standardized", key});
      if (value == nullptr) return std::nullopt;
      return TakenFields(*value, fields.fields().path(key), source()).amount("value");
    };
    const std::optional<double> input = length("input_seq_len");
    const std::optional<double> output = length("output_seq_len");
    if (input && output && *input < 1e12 && *output < 1e12) {
      run_.workload = workload_name(std::llround(*input), std::llround(*output));
    }
  }

  void stack() {
    const ordered_json* scenario = section({"scenario"});
    if (scenario == nullptr) return;
    const Fields fields(*scenario, "scenario", source());
    int64_t prefill = 0;
    int64_t decode = 0;
    int64_t total = 0;
    fields.each("stack", [&](const ordered_json& component, const std::string& path) {
      const Fields part(component, path, source());
      const ordered_json* standard = part.object("standardized");
      if (standard == nullptr) return;
      TakenFields engine(*standard, part.path("standardized"), source());
      if (engine.string("kind").value_or("") != "inference_engine") return;
      const int64_t gpus = component_gpus(engine);
      total += gpus;
      const std::string role = engine.string("role").value_or("");
      if (role == "prefill") prefill += gpus;
      if (role == "decode") decode += gpus;
    });
    if (total > 10'000'000) fields.refuse("stack", "has too many accelerators");
    run_.gpus = static_cast<int>(total);
    if (prefill > 0 && decode > 0) {
      run_.prefill_gpus = static_cast<int>(prefill);
      run_.decode_gpus = static_cast<int>(decode);
    }
    if (scenario->contains("stack")) provenance_["stack"] = (*scenario)["stack"];
  }

  // Accelerators of a component with all its replicas, and what it says of itself.
  int64_t component_gpus(TakenFields& engine) {
    constexpr int64_t kMost = 1'000'000;
    run_.engine = engine.string("tool").value_or("");
    run_.engine_version = engine.string("tool_version").value_or("");
    const int64_t replicas = engine.count("replicas").value_or(1);
    replicas_ += replicas;
    if (const ordered_json* model = engine.fields().object("model"); model != nullptr) {
      TakenFields named(*model, engine.fields().path("model"), source());
      run_.model = named.string("name").value_or("");
    }
    const ordered_json* accelerator = engine.fields().object("accelerator");
    if (accelerator == nullptr) return 0;
    TakenFields fields(*accelerator, engine.fields().path("accelerator"), source());
    if (const auto name = fields.string("model"); name.has_value()) {
      run_.hardware = hardware_key(*name);
      provenance_["hardware_as_written"] = *name;
    }
    const int64_t count = fields.count("count").value_or(0);
    if (count > kMost || replicas > kMost) fields.fields().refuse("count", "is too large");
    return count * replicas;
  }

  void times() {
    const ordered_json* run = section({"run"});
    if (run == nullptr) document_.refuse("run", "is missing", FieldFault::kMissing);
    const ordered_json* time = section({"run", "time"});
    std::optional<double> duration;
    if (time != nullptr) {
      TakenFields fields(*time, "run.time", source());
      const auto moment = [&](const char* key) -> std::optional<double> {
        const std::optional<std::string> text = fields.string(key);
        if (!text.has_value()) return std::nullopt;
        const std::optional<double> value = parse_time(*text);
        if (!value) fields.fields().refuse(key, "must be a time such as 2025-11-05T18:00:42Z");
        return value;
      };
      const std::optional<double> start = moment("start");
      const std::optional<double> end = moment("end");
      if (const auto text = fields.string("duration"); text.has_value()) {
        duration = parse_duration(*text);
        if (!duration) fields.fields().refuse("duration", "must be a duration such as PT49.97S");
      }
      run_.created_unix = start.value_or(0);
      if (start && end) {
        const double span = *end - *start;
        builder_.keep_fields({{"end_minus_start", span}});
        if (duration && std::abs(span - *duration) > 0.05 * span + 2) {
          builder_.warn("duration_disagrees_with_start_end");
        }
        if (!duration) duration = span;
      }
    }
    builder_.point.window = {.rule = "the report's", .end = duration.value_or(0)};
    provenance_["run"] = *run;
  }

  void requests() {
    const ordered_json* requests =
        section({"results", "request_performance", "aggregate", "requests"});
    if (requests == nullptr) return;
    TakenFields fields(*requests, "results.request_performance.aggregate.requests", source());
    RequestCounts& counts = builder_.point.requests;
    counts.attempted = fields.count("total").value_or(0);
    counts.failed = fields.count("failures").value_or(0);
    counts.cancelled = fields.count("incomplete").value_or(0);
    counts.ok = std::max<int64_t>(0, counts.attempted - counts.failed - counts.cancelled);
  }

  void places() {
    for (const char* group : {"latency", "throughput", "requests"}) {
      const ordered_json* found = section({"results", "request_performance", "aggregate", group});
      if (found == nullptr) continue;
      const std::string path = "results.request_performance.aggregate." + std::string(group);
      for (const auto& [key, value] : found->items()) {
        if (!value.is_object()) continue;
        const MetricName* name = nullptr;
        for (const ReportPlace& place : kReportPlaces) {
          if (place.group == group && place.key == key) name = &place.name;
        }
        const MetricName itl = report_itl(tool_);
        if (std::string_view(group) == "latency" && key == "inter_token_latency") name = &itl;
        if (name != nullptr) {
          statistics(value, path + "." + key, *name);
        } else {
          builder_.keep_fields({{path + "." + key, value}});
        }
      }
    }
  }

  void statistics(const ordered_json& value, const std::string& path, const MetricName& name) {
    TakenFields fields(value, path, source());
    const std::string written = fields.string("units").value_or("");
    const auto unit =
        std::find_if(kReportUnits.begin(), kReportUnits.end(),
                     [&](const ReportUnit& known) { return known.written == written; });
    if (unit == kReportUnits.end() || unit->unit != name.unit) {
      fields.fields().refuse("units",
                             fmt::format("is {}, which this figure cannot have",
                                         written.empty() ? "missing" : printable(written, 40)));
    }
    for (const ReportStatistic& statistic : kReportStatistics) {
      const std::optional<double> figure = fields.number(statistic.key);
      if (!figure) continue;
      builder_.add(name, statistic.statistic, *figure * unit->scale);
      if (statistic.key == "p0p1" || statistic.key == "p99p9") {
        builder_.warn("percentile_keys_p0p1_p99p9");
      }
    }
    builder_.note_not_finite(fields);
  }

  void health() {
    const Fields results(*document_.object("results"), "results", source());
    int64_t healthy = 0;
    int64_t pods = 0;
    int64_t failed = 0;
    results.each("component_health", [&](const ordered_json& component, const std::string& path) {
      TakenFields fields(component, path, source());
      failed += fields.count("failed_replicas").value_or(0);
      fields.fields().each("replica_health", [&](const ordered_json& pod, const std::string& at) {
        ++pods;
        TakenFields known(pod, at, source());
        if (known.flag("healthy").value_or(false)) ++healthy;
      });
    });
    if (pods == 0) return;
    builder_.keep_fields({{"healthy_replicas", healthy}, {"failed_replicas", failed}});
    if (replicas_ > 0 && pods != replicas_) {
      builder_.warn(fmt::format("replica_counts_disagree_{}_vs_{}", replicas_, pods));
    }
  }

  // Figures of different things that are all the same come from a template.
  void placeholders() {
    const auto same = [&](std::initializer_list<MetricName> names) {
      std::optional<double> first;
      int count = 0;
      for (const MetricName& name : names) {
        const std::optional<double> mean = builder_.get(name, "mean");
        if (mean.value_or(0) == 0) continue;
        if (!first) first = mean;
        if (*first == *mean) ++count;
      }
      return count >= 3;
    };
    if (same({metric::kTtft, metric::kTpot, metric::kE2e, metric::kE2ePerToken}) ||
        same({metric::kInputRate, metric::kOutputRate, metric::kTotalRate, metric::kRequestRate})) {
      builder_.warn("placeholder_numbers_repeat_across_metrics");
    }
  }

  void kept_sections() {
    const ordered_json& results = *document_.object("results");
    for (const auto& [key, value] : results.items()) {
      if (value.is_null() || key == "request_performance") continue;
      ordered_json kept = value;
      if (key == "profiling" && kept.is_object() && kept.contains("hadal")) {
        kept.erase("hadal");
        if (kept.empty()) continue;
      }
      builder_.keep_fields({{"results." + key, kept}});
    }
    if (const ordered_json* performance = section({"results", "request_performance"});
        performance != nullptr && performance->contains("time_series")) {
      builder_.keep_fields(
          {{"results.request_performance.time_series", (*performance)["time_series"]}});
    }
  }

  // What this program wrote because the report has no place for it. A report with it is one of
  // ours, and what was found odd about it the first time stands there too.
  void own_section(const ordered_json& json) {
    const std::string path = "results.profiling.hadal";
    const Fields own(json, path, source());
    PointRecord& point = builder_.point;
    own_metrics(own, "metrics", point.metrics);
    own_metrics(own, "full_run_metrics", point.full_run_metrics);
    if (const ordered_json* client = own.object("client"); client != nullptr) {
      point.client = client_from_json(*client, path + ".client", source());
    }
    point.warnings = texts_from_json(own, "warnings");
    if (const ordered_json* window = own.object("window"); window != nullptr) {
      point.window = window_from_json(*window, path + ".window", source());
    }
    if (const ordered_json* load = own.object("load"); load != nullptr) {
      point.load = load_from_json(*load, path + ".load", source());
    }
    TakenFields fields(json, path, source());
    point.repeat =
        static_cast<int>(std::min<int64_t>(fields.count("repeat").value_or(0), 1'000'000));
    const ordered_json* extra = own.object("extra");
    builder_.restore(extra == nullptr ? ordered_json::object() : *extra);
    if (const ordered_json* run = own.object("run"); run != nullptr) {
      run_ = run_of_object(*run, path + ".run", source());
    }
  }

  // A metric of ours says more than the report's place for it could.
  void own_metrics(const Fields& own, const char* key, std::vector<MetricValue>& into) {
    own.each(key, [&](const ordered_json& json, const std::string& at) {
      MetricValue value = metric_from_json(json, at, source());
      const auto found = std::find_if(
          into.begin(), into.end(), [&](const MetricValue& other) { return other.id == value.id; });
      if (found == into.end()) {
        into.push_back(std::move(value));
      } else {
        *found = std::move(value);
      }
    });
  }

  const ImportContext& context_;
  Fields document_;
  RunRecord run_;
  PointBuilder builder_;
  ordered_json provenance_ = ordered_json::object();
  std::string tool_;
  int64_t replicas_ = 0;
};

class ReportLines : public LineImport {
 public:
  void add(const ordered_json& line, const std::string& /*path*/,
           const ImportContext& context) override {
    import_benchmark_report(line, context, imported_);
  }
  void finish(Imported& imported) override { imported.runs = std::move(imported_.runs); }

 private:
  Imported imported_;
};

}  // namespace

std::unique_ptr<LineImport> benchmark_reports_import() { return std::make_unique<ReportLines>(); }

void import_benchmark_report(const ordered_json& document, const ImportContext& context,
                             Imported& imported) {
  ReportReader(document, context).read(imported);
}

}  // namespace hadal
