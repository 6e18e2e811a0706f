#include <optional>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "json/python_json.h"
#include "measure/exchange/export.h"
#include "measure/exchange/record_json.h"
#include "measure/exchange/request_json.h"
#include "measure/store/run_words.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

ordered_json request_json(const RequestRecord& request, const std::vector<TokenStamp>& events) {
  ordered_json json = {{"index", request.index}};
  for (const RequestTime& time : kRequestTimes) {
    if ((request.*time.value).has_value()) json[std::string(time.name)] = *(request.*time.value);
  }
  json["sent"] = request.sent;
  json["ended"] = request.ended;
  for (const RequestTokens& tokens : kRequestTokens) {
    if ((request.*tokens.value).has_value()) {
      json[std::string(tokens.name)] = *(request.*tokens.value);
    }
  }
  for (const RequestAsked& asked : kRequestAsked) {
    if (request.*asked.value != 0) json[std::string(asked.name)] = request.*asked.value;
  }
  for (const RequestText& text : kRequestTexts) {
    if (!(request.*text.value).empty()) json[std::string(text.name)] = request.*text.value;
  }
  if (request.phase == RequestPhase::kWarmUp) json["phase"] = request_phase_word(request.phase);
  if (request.session >= 0) json["session"] = request.session;
  if (request.turn != 0) json["turn"] = request.turn;
  if (request.tokens_estimated) json["tokens_estimated"] = true;
  if (request.done_missing) json["done_missing"] = true;
  if (request.http_status != 0) json["http_status"] = request.http_status;
  json["outcome"] = request_outcome_word(request.outcome);
  if (!events.empty()) {
    ordered_json list = ordered_json::array();
    for (const TokenStamp& event : events) {
      list.push_back(event.tokens_so_far < 0
                         ? ordered_json::array({event.seconds})
                         : ordered_json::array({event.seconds, event.tokens_so_far}));
    }
    json["events"] = std::move(list);
  }
  return json;
}

ordered_json power_json(const PowerSample& sample) {
  ordered_json json = {{"power", sample.watts},
                       {"seconds", sample.seconds},
                       {"meter", sample.meter},
                       {"device", sample.device}};
  if (sample.joules) json["joules"] = *sample.joules;
  if (sample.watts_from_joules) json["watts_from_joules"] = true;
  return json;
}

}  // namespace

void export_requests(const RunRecord& run, const PointRecord& point, const PointSamples& samples,
                     FunctionRef<void(std::string_view)> write) {
  ordered_json head = {
      {"schema", kRequestsSchema},        {"run", run_object(run)},
      {"load", load_to_json(point.load)}, {"repeat", point.repeat},
      {"duration", samples.duration},     {"window", window_to_json(point.window)}};
  const auto add_metrics = [&](const char* key, const std::vector<MetricValue>& metrics) {
    if (metrics.empty()) return;
    ordered_json list = ordered_json::array();
    for (const MetricValue& value : metrics) list.push_back(metric_to_json(value));
    head[key] = std::move(list);
  };
  add_metrics("metrics", point.metrics);
  add_metrics("full_run_metrics", point.full_run_metrics);
  if (!point.warnings.empty()) head["warnings"] = point.warnings;
  if (!point.extra_json.empty()) head["extra"] = parse_json(point.extra_json, "extra");
  if (ordered_json client = client_to_json(samples.client); !client.empty()) {
    head["client"] = std::move(client);
  }
  write(dump_json(head) + "\n");
  for (const PowerSample& power : samples.power) {
    write(dump_json(power_json(power)) + "\n");
  }
  static const std::vector<TokenStamp> kNoEvents;
  for (size_t i = 0; i < samples.requests.size(); ++i) {
    const std::vector<TokenStamp>& events =
        i < samples.events.size() ? samples.events[i] : kNoEvents;
    write(dump_json(request_json(samples.requests[i], events)) + "\n");
  }
}

}  // namespace hadal
