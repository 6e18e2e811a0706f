#include "measure/meters/energy_metrics.h"

#include <fmt/format.h>

#include "measure/metrics/told_usage.h"

namespace hadal {
namespace {

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

}  // namespace

WorkDone work_of_requests(std::span<const RequestRecord> requests) {
  WorkDone work = {.input_tokens = 0, .output_tokens = 0, .ok_requests = 0};
  const auto add = [](std::optional<double>& sum, const std::optional<int64_t>& tokens) {
    if (!tokens) sum.reset();
    if (sum) *sum += static_cast<double>(*tokens);
  };
  UsageFaults ignored;  // the point's warnings count them
  for (RequestRecord request : requests) {
    if (request.phase != RequestPhase::kMeasured || request.outcome != RequestOutcome::kOk) {
      continue;
    }
    drop_impossible_usage(request, request.first_token.has_value(), ignored);
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

}  // namespace hadal
