// Reads "hadal.requests/1" back: lines of single requests as export_requests writes them.
#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "json/python_json.h"
#include "measure/exchange/import_formats.h"
#include "measure/exchange/point_builder.h"
#include "measure/exchange/record_json.h"
#include "measure/exchange/request_json.h"
#include "measure/store/run_words.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

// Everything is known here: a name that is not is refused.
void refuse_unknown(const TakenFields& fields) {
  const ordered_json rest = fields.rest();
  for (const auto& [key, value] : rest.items()) {
    fields.fields().refuse(key, "is no field of hadal.requests/1", FieldFault::kUnknown);
  }
}

std::vector<TokenStamp> read_events(const ordered_json& list, const std::string& path,
                                    const FieldsSource& source) {
  std::vector<TokenStamp> events;
  events.reserve(list.size());
  for (size_t i = 0; i < list.size(); ++i) {
    const ordered_json& event = list[i];
    const bool is_event = event.is_array() && !event.empty() && event.size() <= 2 &&
                          event[0].is_number() && std::isfinite(event[0].get<double>()) &&
                          (event.size() == 1 || event[1].is_number_integer());
    if (!is_event) {
      refuse_type(element_path(path, i), event, "must be [seconds] or [seconds, tokens]", source);
    }
    events.push_back({.seconds = event[0].get<double>(),
                      .tokens_so_far = event.size() == 2 ? event[1].get<int64_t>() : -1});
  }
  return events;
}

class RequestsImport : public LineImport {
 public:
  void add(const ordered_json& line, const std::string& path,
           const ImportContext& context) override {
    if (!context.repeated.empty()) {
      refuse_field(path + "." + context.repeated.front().name, "is given twice", FieldFault::kValue,
                   context.source);
    }
    TakenFields fields(line, path, context.source);
    if (fields.has("schema")) {
      head(fields, context);
    } else if (imported_.samples.empty()) {
      fields.fields().refuse("schema", "is missing: the first line must tell the point",
                             FieldFault::kMissing);
    } else if (fields.has("power")) {
      power(fields);
    } else {
      request(fields, context);
    }
    refuse_unknown(fields);
  }

  void finish(Imported& imported) override {
    imported.runs = std::move(imported_.runs);
    imported.samples = std::move(imported_.samples);
  }

 private:
  void head(TakenFields& fields, const ImportContext& context) {
    const std::string schema = fields.string("schema").value_or("");
    if (schema != kRequestsSchema) fields.fields().refuse("schema", "must be hadal.requests/1");
    PointRecord point;
    if (const ordered_json* load = fields.value("load"); load != nullptr) {
      point.load = load_from_json(*load, fields.fields().path("load"), context.source);
    }
    ImportedSamples samples;
    samples.samples.duration = fields.amount("duration").value_or(0);
    if (const ordered_json* client = fields.value("client"); client != nullptr) {
      samples.samples.client =
          client_from_json(*client, fields.fields().path("client"), context.source);
    }
    point.client = samples.samples.client;
    point.window = {.rule = "from the first request sent to the last ended",
                    .end = samples.samples.duration};
    if (const ordered_json* window = fields.value("window"); window != nullptr) {
      point.window = window_from_json(*window, fields.fields().path("window"), context.source);
    }
    metrics(fields, "metrics", point.metrics);
    metrics(fields, "full_run_metrics", point.full_run_metrics);
    fields.take("warnings");
    point.warnings = texts_from_json(fields.fields(), "warnings");
    fields.take("extra");
    if (const ordered_json* extra = fields.fields().object("extra"); extra != nullptr) {
      point.extra_json = dump_json(*extra);
    }
    const int64_t repeat = fields.count("repeat").value_or(0);
    if (repeat > 1'000'000) fields.fields().refuse("repeat", "is too large");
    const ordered_json* run_json = fields.value("run");
    RunRecord run = run_json == nullptr
                        ? RunRecord{.state = RunState::kComplete}
                        : run_of_object(*run_json, fields.fields().path("run"), context.source);
    // Points of one run follow each other in a file.
    if (imported_.runs.empty() || !is_same(imported_.runs.back(), run)) {
      imported_.runs.push_back(std::move(run));
    }
    point.repeat = static_cast<int>(repeat);
    samples.run = imported_.runs.size() - 1;
    samples.point = imported_.runs.back().points.size();
    imported_.runs.back().points.push_back(std::move(point));
    imported_.samples.push_back(std::move(samples));
  }

  static void metrics(TakenFields& fields, std::string_view key, std::vector<MetricValue>& into) {
    fields.take(key);
    fields.fields().each(key, [&](const ordered_json& json, const std::string& path) {
      MetricValue value = metric_from_json(json, path, fields.fields().source());
      const auto is_same = [&](const MetricValue& other) { return other.id == value.id; };
      if (std::any_of(into.begin(), into.end(), is_same)) {
        refuse_field(path + ".id", "is given twice", FieldFault::kValue, fields.fields().source());
      }
      into.push_back(std::move(value));
    });
  }

  static bool is_same(const RunRecord& a, const RunRecord& b) {
    return run_object(a) == run_object(b);
  }

  void power(TakenFields& fields) {
    PowerSample sample;
    sample.watts = fields.number("power").value_or(0);
    sample.seconds = fields.number("seconds").value_or(0);
    sample.joules = fields.number("joules");
    sample.watts_from_joules = fields.flag("watts_from_joules").value_or(false);
    sample.meter = fields.string("meter").value_or("");
    sample.device = fields.string("device").value_or("");
    imported_.samples.back().samples.power.push_back(std::move(sample));
  }

  void request(TakenFields& fields, const ImportContext& context) {
    RequestRecord request;
    request.index = fields.count("index").value_or(0);
    for (const RequestTime& time : kRequestTimes) request.*time.value = fields.number(time.name);
    request.sent = fields.number("sent").value_or(0);
    request.ended = fields.number("ended").value_or(0);
    for (const RequestTokens& tokens : kRequestTokens) {
      request.*tokens.value = fields.count(tokens.name);
    }
    for (const RequestAsked& asked : kRequestAsked) {
      request.*asked.value = fields.count(asked.name).value_or(0);
    }
    for (const RequestText& text : kRequestTexts) {
      request.*text.value = fields.string(text.name).value_or("");
    }
    const auto phase = request_phase_of(fields.string("phase").value_or("measured"));
    if (!phase) fields.fields().refuse("phase", "must be \"measured\" or \"warm_up\"");
    request.phase = *phase;
    request.session = fields.count("session").value_or(-1);
    const int64_t turn = fields.count("turn").value_or(0);
    const int64_t status = fields.count("http_status").value_or(0);
    if (turn > 1'000'000'000) fields.fields().refuse("turn", "is too large");
    if (status > 999'999) fields.fields().refuse("http_status", "is too large");
    request.turn = static_cast<int>(turn);
    request.http_status = static_cast<int>(status);
    request.tokens_estimated = fields.flag("tokens_estimated").value_or(false);
    request.done_missing = fields.flag("done_missing").value_or(false);
    request.outcome = outcome(fields);
    PointSamples& samples = imported_.samples.back().samples;
    samples.events.emplace_back();
    if (const ordered_json* events = fields.value("events"); events != nullptr) {
      if (!events->is_array()) {
        refuse_type(fields.fields().path("events"), *events, "must be an array", context.source);
      }
      samples.events.back() = read_events(*events, fields.fields().path("events"), context.source);
    }
    count(request);
    samples.requests.push_back(std::move(request));
  }

  static RequestOutcome outcome(TakenFields& fields) {
    const auto outcome = request_outcome_of(fields.string("outcome").value_or("ok"));
    if (!outcome) {
      fields.fields().refuse("outcome", "must be \"ok\", \"failed\" or \"cancelled\"");
    }
    return *outcome;
  }

  void count(const RequestRecord& request) {
    if (request.phase == RequestPhase::kWarmUp) return;
    RequestCounts& counts = imported_.runs.back().points.back().requests;
    ++counts.attempted;
    if (request.outcome == RequestOutcome::kOk) ++counts.ok;
    if (request.outcome == RequestOutcome::kFailed) ++counts.failed;
    if (request.outcome == RequestOutcome::kCancelled) ++counts.cancelled;
  }

  Imported imported_;
};

}  // namespace

std::unique_ptr<LineImport> hadal_requests_import() { return std::make_unique<RequestsImport>(); }

}  // namespace hadal
