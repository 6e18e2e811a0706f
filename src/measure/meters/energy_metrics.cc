#include "measure/meters/energy_metrics.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "json/python_json.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

class MetricList {
 public:
  explicit MetricList(const ClassEnergy& group)
      : count_(group.samples),
        suffix_(group.device_class + (group.is_provisioned ? ".provisioned/1" : "/1")) {}

  void add(std::string_view stem, const std::string& unit, std::optional<double> value) {
    if (!value) return;
    metrics_.push_back(
        {.id = fmt::format("{}.{}", stem, suffix_), .unit = unit, .count = count_, .mean = value});
  }
  std::vector<MetricValue> take() { return std::move(metrics_); }

 private:
  int64_t count_;
  std::string suffix_;
  std::vector<MetricValue> metrics_;
};

std::optional<double> over(std::optional<double> joules, std::optional<double> units) {
  if (!joules || !units || *units <= 0) return std::nullopt;
  return *joules / *units;
}

ordered_json optional_json(std::optional<double> value) {
  return value ? ordered_json(*value) : ordered_json();
}

std::string label(bool provisioned, const std::string& meter) {
  return provisioned ? "provisioned" : fmt::format("measured({})", meter);
}

}  // namespace

WorkDone work_of_requests(std::span<const RequestRecord> requests) {
  WorkDone work = {.input_tokens = 0, .output_tokens = 0, .ok_requests = 0};
  const auto add = [](std::optional<double>& sum, const std::optional<int64_t>& tokens) {
    if (!tokens) sum.reset();
    if (sum) *sum += static_cast<double>(*tokens);
  };
  for (const RequestRecord& request : requests) {
    if (request.phase != RequestPhase::kMeasured || request.outcome != RequestOutcome::kOk) {
      continue;
    }
    *work.ok_requests += 1;
    add(work.input_tokens, request.input_tokens);
    add(work.output_tokens, request.output_tokens);
  }
  return work;
}

std::vector<MetricValue> energy_metrics(const EnergyReport& report, const WorkDone& work) {
  std::optional<double> total_tokens;
  if (work.input_tokens && work.output_tokens) {
    total_tokens = *work.input_tokens + *work.output_tokens;
  }
  std::vector<MetricValue> metrics;
  for (const ClassEnergy& group : report.classes) {
    if (!group.is_chosen || !group.joules) continue;
    MetricList list(group);
    list.add("power.mean", "W", group.mean_watts);
    list.add("energy.total", "J", group.joules);
    list.add("energy.per_output_token", "J", over(group.joules, work.output_tokens));
    list.add("energy.per_total_token", "J", over(group.joules, total_tokens));
    list.add("energy.per_ok_request", "J", over(group.joules, work.ok_requests));
    if (!group.is_provisioned) {
      const std::optional<double> above = group.above_idle(report.seconds);
      list.add("power.idle", "W", group.idle_watts);
      list.add("energy.above_idle", "J", above);
      list.add("energy.above_idle_per_total_token", "J", over(above, total_tokens));
    }
    for (MetricValue& metric : list.take()) metrics.push_back(std::move(metric));
  }
  return metrics;
}

std::string energy_report_json(const EnergyReport& report) {
  ordered_json document = {{"seconds", report.seconds}};
  document["classes"] = ordered_json::array();
  for (const ClassEnergy& group : report.classes) {
    document["classes"].push_back(
        {{"class", group.device_class},
         {"label", label(group.is_provisioned, group.meter)},
         {"chosen", group.is_chosen},
         {"valid", group.joules.has_value()},
         {"devices", group.devices},
         {"joules", optional_json(group.joules)},
         {"mean_watts", optional_json(group.mean_watts)},
         {"idle_watts", optional_json(group.idle_watts)},
         {"above_idle_joules", optional_json(group.above_idle(report.seconds))},
         {"faults", group.faults},
         {"doubts", group.doubts}});
  }
  document["devices"] = ordered_json::array();
  for (const DeviceEnergy& device : report.devices) {
    document["devices"].push_back({{"device", device.device},
                                   {"meter", device.meter},
                                   {"method", energy_method_name(device.method)},
                                   {"joules", optional_json(device.joules)},
                                   {"counted_joules", optional_json(device.counted_joules)},
                                   {"integrated_joules", optional_json(device.integrated_joules)},
                                   {"least_watts", optional_json(device.least_watts)},
                                   {"greatest_watts", optional_json(device.greatest_watts)},
                                   {"samples", device.samples},
                                   {"greatest_gap_seconds", device.greatest_gap}});
  }
  document["agreements"] = ordered_json::array();
  for (const MeterAgreement& agreement : report.agreements) {
    document["agreements"].push_back({{"first", agreement.first},
                                      {"second", agreement.second},
                                      {"ratio", agreement.ratio},
                                      {"contradiction", agreement.is_contradiction},
                                      {"text", agreement.text}});
  }
  document["warnings"] = report.warnings();
  return dump_json(document);
}

}  // namespace hadal
