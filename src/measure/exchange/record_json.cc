#include "measure/exchange/record_json.h"

#include "json/python_json.h"
#include "measure/exchange/point_builder.h"
#include "measure/metrics/metric_catalogue.h"
#include "measure/store/run_words.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

ordered_json interval_json(const Interval& interval) {
  return ordered_json::array({interval.low, interval.high});
}

Interval read_interval(const ordered_json& json, const std::string& path,
                       const FieldsSource& source) {
  if (!json.is_array() || json.size() != 2 || !json[0].is_number() || !json[1].is_number()) {
    refuse_type(path, json, "must be an array of two numbers", source);
  }
  return {.low = json[0].get<double>(), .high = json[1].get<double>()};
}

}  // namespace

bool is_text_of_run(std::string_view name, const std::string& text) {
  return !name.ends_with("_json") || text.empty() || (text.front() == '{' && is_json(text));
}

ordered_json metric_to_json(const MetricValue& value) {
  ordered_json json = {{"id", value.id}};
  if (!value.unit.empty()) json["unit"] = value.unit;
  if (value.count != 0) json["count"] = value.count;
  for (const MetricFigure& figure : kMetricFigures) {
    const std::string name(figure.name);
    if ((value.*figure.figure).has_value()) json[name] = *(value.*figure.figure);
    if ((value.*figure.interval).has_value()) {
      json[name + "_ci95"] = interval_json(*(value.*figure.interval));
    }
  }
  return json;
}

MetricValue metric_from_json(const ordered_json& json, const std::string& path,
                             const FieldsSource& source) {
  TakenFields fields(json, path, source);
  MetricValue value;
  value.id = fields.fields().required_string("id");
  if (!is_metric_id(value.id)) {
    fields.fields().refuse("id", "must be an id such as ttft.first_token/1");
  }
  value.unit = fields.string("unit").value_or("");
  value.count = fields.count("count").value_or(0);
  for (const MetricFigure& figure : kMetricFigures) {
    const std::string name(figure.name);
    value.*figure.figure = fields.number(name);
    if (const ordered_json* interval = fields.value(name + "_ci95"); interval != nullptr) {
      value.*figure.interval =
          read_interval(*interval, fields.fields().path(name + "_ci95"), source);
    }
  }
  return value;
}

ordered_json window_to_json(const Window& window) {
  return {
      {"kind", window.kind}, {"rule", window.rule}, {"begin", window.begin}, {"end", window.end}};
}

Window window_from_json(const ordered_json& json, const std::string& path,
                        const FieldsSource& source) {
  TakenFields fields(json, path, source);
  return {.kind = fields.string("kind").value_or("full"),
          .rule = fields.string("rule").value_or(""),
          .begin = fields.number("begin").value_or(0),
          .end = fields.number("end").value_or(0)};
}

std::vector<std::string> texts_from_json(const Fields& fields, std::string_view key) {
  constexpr size_t kLongest = 4096;
  std::vector<std::string> texts;
  fields.each(key, [&](const ordered_json& text, const std::string&) {
    if (text.is_string()) texts.push_back(printable(text.get<std::string>(), kLongest));
  });
  return texts;
}

ordered_json load_to_json(const Load& load) {
  ordered_json json = {{"arrivals", load.arrivals}};
  if (load.concurrency) json["concurrency"] = *load.concurrency;
  if (load.rate) json["rate"] = *load.rate;
  return json;
}

Load load_from_json(const ordered_json& json, const std::string& path, const FieldsSource& source) {
  TakenFields fields(json, path, source);
  Load load;
  load.arrivals = fields.string("arrivals").value_or("closed");
  load.rate = fields.amount("rate");
  if (const auto concurrency = fields.count("concurrency"); concurrency.has_value()) {
    if (*concurrency > 100'000'000) fields.fields().refuse("concurrency", "is too large");
    load.concurrency = static_cast<int>(*concurrency);
  }
  return load;
}

ordered_json client_to_json(const ClientLoad& client) {
  ordered_json json = ordered_json::object();
  if (!client.lag_counts.empty()) json["lag_counts"] = client.lag_counts;
  if (client.lag_p99 != 0) json["lag_p99"] = client.lag_p99;
  if (client.cpu_share != 0) json["cpu_share"] = client.cpu_share;
  if (client.schedule_delay_p99) json["schedule_delay_p99"] = *client.schedule_delay_p99;
  if (client.limited) json["limited"] = true;
  if (!client.reasons.empty()) json["reasons"] = client.reasons;
  return json;
}

ClientLoad client_from_json(const ordered_json& json, const std::string& path,
                            const FieldsSource& source) {
  TakenFields fields(json, path, source);
  ClientLoad client;
  fields.fields().each("lag_counts", [&](const ordered_json& count, const std::string& at) {
    if (!count.is_number_unsigned() && !(count.is_number_integer() && count.get<int64_t>() >= 0)) {
      refuse_type(at, count, "must be a count", source);
    }
    client.lag_counts.push_back(count.get<int64_t>());
  });
  client.lag_p99 = fields.number("lag_p99").value_or(0);
  client.cpu_share = fields.number("cpu_share").value_or(0);
  client.schedule_delay_p99 = fields.number("schedule_delay_p99");
  client.limited = fields.flag("limited").value_or(false);
  fields.fields().each("reasons", [&](const ordered_json& reason, const std::string& at) {
    if (!reason.is_string()) refuse_type(at, reason, "must be a string", source);
    client.reasons.push_back(reason.get<std::string>());
  });
  return client;
}

ordered_json stored_object(const std::string& text) {
  if (text.empty()) return ordered_json::object();
  ordered_json value = parse_json(text, "a stored record");
  return value.is_object() ? value : ordered_json::object();
}

ordered_json run_object(const RunRecord& run) {
  ordered_json json = ordered_json::object();
  for (const RunText& text : kRunTexts) {
    if (!(run.*text.text).empty()) json[std::string(text.name)] = run.*text.text;
  }
  for (const RunCount& count : kRunCounts) {
    if (run.*count.count != 0) json[std::string(count.name)] = run.*count.count;
  }
  json["created_unix"] = run.created_unix;
  json["state"] = run_state_word(run.state);
  json["gate"] = gate_verdict_word(run.gate);
  return json;
}

RunRecord run_of_object(const ordered_json& json, const std::string& path,
                        const FieldsSource& source) {
  TakenFields fields(json, path, source);
  RunRecord run;
  for (const RunText& text : kRunTexts) {
    run.*text.text = fields.string(text.name).value_or("");
    if (!is_text_of_run(text.name, run.*text.text)) {
      fields.fields().refuse(text.name, "must be a JSON object as text");
    }
  }
  for (const RunCount& count : kRunCounts) {
    const int64_t value = fields.count(count.name).value_or(0);
    if (value > 10'000'000) fields.fields().refuse(count.name, "is too large");
    run.*count.count = static_cast<int>(value);
  }
  run.created_unix = fields.amount("created_unix").value_or(0);
  const std::string state = fields.string("state").value_or("complete");
  if (!run_state_of(state)) fields.fields().refuse("state", "is no state of a run");
  run.state = *run_state_of(state);
  const std::string gate = fields.string("gate").value_or("not_run");
  if (!gate_verdict_of(gate)) fields.fields().refuse("gate", "is no verdict of a gate");
  run.gate = *gate_verdict_of(gate);
  return run;
}

}  // namespace hadal
