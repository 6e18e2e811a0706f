// AIPerf's single requests, profile_export.jsonl. Writers of it were seen to give a metric twice in
// one record; the value that fits the record's other figures is taken.
#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "json/python_json.h"
#include "measure/exchange/import_formats.h"
#include "measure/exchange/point_builder.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

constexpr double kNano = 1e-9;
constexpr size_t kMostNotes = 100;

std::optional<double> seconds_per(std::string_view unit) {
  if (unit == "ms") return 1e-3;
  if (unit == "us") return 1e-6;
  if (unit == "ns") return 1e-9;
  if (unit == "s" || unit == "sec" || unit == "seconds") return 1;
  return std::nullopt;
}

// What a record says, before times are put on the run's clock.
struct Stamps {
  int64_t start = 0;  // nanoseconds since 1970
  int64_t end = 0;
};

class RecordReader {
 public:
  RecordReader(const ordered_json& line, const std::string& path, const ImportContext& context)
      : path_(path), context_(context), record_(line, path, context.source) {
    const ordered_json* metadata = record_.object("metadata");
    const ordered_json* metrics = record_.object("metrics");
    if (metadata == nullptr) record_.refuse("metadata", "is missing", FieldFault::kMissing);
    if (metrics == nullptr) record_.refuse("metrics", "is missing", FieldFault::kMissing);
    metadata_ = metadata;
    metrics_ = metrics;
  }

  RequestRecord request() {
    TakenFields metadata(*metadata_, path_ + ".metadata", context_.source);
    RequestRecord request;
    stamps_.start = stamp(metadata, "request_start_ns");
    stamps_.end = stamp(metadata, "request_end_ns");
    if (stamps_.end < stamps_.start) {
      metadata.fields().refuse("request_end_ns", "is before request_start_ns");
    }
    conversation_ = metadata.string("conversation_id").value_or("");
    request.turn = static_cast<int>(
        std::min<int64_t>(metadata.count("turn_index").value_or(0), 1'000'000'000));
    if (metadata.string("benchmark_phase").value_or("profiling") == "warmup") {
      request.phase = RequestPhase::kWarmUp;
    }
    request.ended = static_cast<double>(stamps_.end - stamps_.start) * kNano;
    outcome(metadata, request);
    request.input_tokens = whole("input_sequence_length");
    request.output_tokens = whole("output_sequence_length");
    if (!request.output_tokens) request.output_tokens = whole("output_token_count");
    request.reasoning_tokens = whole("reasoning_token_count");
    request.asked_input_tokens = request.input_tokens.value_or(whole("error_isl").value_or(0));
    if (request.outcome == RequestOutcome::kOk) times(request);
    return request;
  }

  std::vector<TokenStamp> events(const RequestRecord& request) {
    std::vector<TokenStamp> events;
    if (!request.first_token.has_value()) return events;
    events.push_back({.seconds = *request.first_token});
    const ordered_json* metric = metric_of("inter_chunk_latency");
    if (metric == nullptr || !metric->contains("value") || !(*metric)["value"].is_array()) {
      return events;
    }
    const double scale = unit_of("inter_chunk_latency", *metric);
    for (const ordered_json& gap : (*metric)["value"]) {
      const double seconds = gap.is_number() ? gap.get<double>() * scale : -1;
      if (!(seconds >= 0) || !std::isfinite(seconds)) {
        record_.refuse("metrics.inter_chunk_latency.value", "must hold times");
      }
      events.push_back({.seconds = events.back().seconds + seconds});
    }
    return events;
  }

  const Stamps& stamps() const { return stamps_; }
  const std::string& conversation() const { return conversation_; }
  const std::vector<std::string>& warnings() const { return warnings_; }
  const ordered_json& notes() const { return notes_; }

 private:
  int64_t stamp(TakenFields& metadata, const char* key) {
    metadata.take(key);
    const std::optional<uint64_t> value = metadata.fields().integer(key);
    constexpr uint64_t kEndOfTime = uint64_t{1} << 62;
    if (!value.has_value() || *value > kEndOfTime) {
      metadata.fields().refuse(key, "must be a time in nanoseconds since 1970");
    }
    return static_cast<int64_t>(*value);
  }

  void outcome(TakenFields& metadata, RequestRecord& request) {
    const ordered_json* error = record_.object("error");
    const bool was_cancelled = metadata.flag("was_cancelled").value_or(false);
    if (was_cancelled) {
      request.outcome = RequestOutcome::kCancelled;
    } else if (error != nullptr) {
      request.outcome = RequestOutcome::kFailed;
    }
    if (error == nullptr) return;
    TakenFields fields(*error, path_ + ".error", context_.source);
    request.http_status =
        static_cast<int>(std::min<int64_t>(fields.count("code").value_or(0), 999'999));
    request.failure = was_cancelled ? "cancelled" : "http_" + std::to_string(request.http_status);
    request.failure_text = printable(fields.string("message").value_or(""));
  }

  const ordered_json* metric_of(const char* name) const {
    const auto found = metrics_->find(name);
    return found == metrics_->end() || !found->is_object() ? nullptr : &*found;
  }

  double unit_of(const std::string& name, const ordered_json& metric) const {
    const auto unit = metric.find("unit");
    const std::string written =
        unit != metric.end() && unit->is_string() ? unit->get<std::string>() : "";
    const std::optional<double> scale = seconds_per(written);
    if (!scale) record_.refuse("metrics." + name + ".unit", "must be a unit of time such as ms");
    return *scale;
  }

  std::optional<double> seconds_in(const std::string& name, const ordered_json& metric) const {
    const auto value = metric.find("value");
    if (value == metric.end() || !value->is_number()) return std::nullopt;
    const double seconds = value->get<double>() * unit_of(name, metric);
    if (!std::isfinite(seconds)) return std::nullopt;
    if (seconds < 0) record_.refuse("metrics." + name + ".value", "must not be negative");
    return seconds;
  }

  std::optional<int64_t> whole(const char* name) const {
    const ordered_json* metric = metric_of(name);
    if (metric == nullptr) return std::nullopt;
    TakenFields fields(*metric, path_ + ".metrics." + name, context_.source);
    return fields.count("value");
  }

  // All values that the record gives for a time, in their order.
  std::vector<double> candidates(const std::string& name) {
    std::vector<double> values;
    if (const ordered_json* metric = metric_of(name.c_str()); metric != nullptr) {
      if (const auto seconds = seconds_in(name, *metric)) values.push_back(*seconds);
    }
    for (const RepeatedName& repeated : context_.repeated) {
      if (repeated.path != "metrics" || repeated.name != name) continue;
      warnings_.push_back("duplicate_json_key_" + name);
      const ordered_json metric = parse_json(repeated.value_json, path_);
      if (!metric.is_object()) continue;
      if (const auto seconds = seconds_in(name, metric)) values.push_back(*seconds);
    }
    if (values.size() > 1) notes_[name + "_given"] = values;
    return values;
  }

  void times(RequestRecord& request) {
    const std::vector<double> latencies = candidates("request_latency");
    const std::vector<double> firsts = candidates("time_to_first_token");
    const std::vector<double> gaps = candidates("inter_token_latency");
    const double latency = latencies.empty() ? request.ended : latencies.front();
    request.last_token = latency;
    if (firsts.empty()) return;
    request.first_token = firsts.front();
    const double steps = static_cast<double>(request.output_tokens.value_or(0)) - 1;
    if (gaps.empty() || steps < 1) return;
    const auto fault = [&](double first) {
      return std::abs((latency - first) / steps - gaps.front());
    };
    request.first_token = *std::min_element(
        firsts.begin(), firsts.end(), [&](double a, double b) { return fault(a) < fault(b); });
    for (const double first : firsts) {
      if (fault(first) > 0.01 * gaps.front()) {
        warnings_.emplace_back("reported_itl_inconsistent_with_first_ttft");
      }
    }
  }

  std::string path_;
  const ImportContext& context_;
  Fields record_;
  const ordered_json* metadata_ = nullptr;
  const ordered_json* metrics_ = nullptr;
  Stamps stamps_;
  std::string conversation_;
  std::vector<std::string> warnings_;
  ordered_json notes_ = ordered_json::object();
};

class AiPerfRecords : public LineImport {
 public:
  void add(const ordered_json& line, const std::string& path,
           const ImportContext& context) override {
    source_ = context.run_source(ImportFormat::kAiPerfRecords);
    gpus_ = context.gpus;
    RecordReader reader(line, path, context);
    RequestRecord request = reader.request();
    request.index = static_cast<int64_t>(samples_.requests.size());
    if (!reader.conversation().empty()) {
      request.session = sessions_.emplace(reader.conversation(), sessions_.size()).first->second;
    }
    for (const std::string& warning : reader.warnings()) builder_.warn(warning);
    if (!reader.notes().empty() && notes_.size() < kMostNotes) notes_[path] = reader.notes();
    samples_.events.push_back(reader.events(request));
    starts_.push_back(reader.stamps().start);
    count(request);
    samples_.requests.push_back(std::move(request));
  }

  void finish(Imported& imported) override {
    if (samples_.requests.empty()) return;
    const int64_t begin = *std::min_element(starts_.begin(), starts_.end());
    for (size_t i = 0; i < samples_.requests.size(); ++i) {
      const double offset = static_cast<double>(starts_[i] - begin) * kNano;
      RequestRecord& request = samples_.requests[i];
      request.sent = offset;
      request.ended += offset;
      if (request.first_token) *request.first_token += offset;
      if (request.last_token) *request.last_token += offset;
      for (TokenStamp& event : samples_.events[i]) event.seconds += offset;
      samples_.duration = std::max(samples_.duration, request.ended);
    }
    RunRecord run;
    run.origin = "imported";
    run.state = RunState::kComplete;
    run.source = source_;
    run.gpus = gpus_;
    run.created_unix = static_cast<double>(begin) * kNano;
    builder_.point.load.arrivals = "unknown";
    builder_.point.window = {.rule = "from the first request sent to the last ended",
                             .end = samples_.duration};
    if (!notes_.empty()) builder_.keep("records", notes_);
    imported.samples.push_back({.samples = std::move(samples_)});
    add_point(imported.runs, std::move(run), builder_.finish());
  }

 private:
  void count(const RequestRecord& request) {
    if (request.phase == RequestPhase::kWarmUp) return;
    RequestCounts& counts = builder_.point.requests;
    ++counts.attempted;
    if (request.outcome == RequestOutcome::kOk) ++counts.ok;
    if (request.outcome == RequestOutcome::kFailed) ++counts.failed;
    if (request.outcome == RequestOutcome::kCancelled) ++counts.cancelled;
  }

  std::string source_;
  int gpus_ = 0;
  PointBuilder builder_;
  PointSamples samples_;
  std::vector<int64_t> starts_;
  std::map<std::string, int64_t> sessions_;
  ordered_json notes_ = ordered_json::object();
};

}  // namespace

std::unique_ptr<LineImport> aiperf_records_import() { return std::make_unique<AiPerfRecords>(); }

}  // namespace hadal
