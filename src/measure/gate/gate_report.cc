#include "measure/gate/gate_report.h"

#include <fmt/format.h>
#include <iterator>

#include <nlohmann/json.hpp>

namespace hadal {
namespace {

using Json = nlohmann::ordered_json;

const char* verdict_name(GateVerdict verdict) {
  switch (verdict) {
    case GateVerdict::kPassed:
      return "passed";
    case GateVerdict::kFailed:
      return "failed";
    case GateVerdict::kNotRun:
      return "not_run";
  }
  return "not_run";
}

const char* outcome_name(CheckOutcome outcome) {
  switch (outcome) {
    case CheckOutcome::kPassed:
      return "passed";
    case CheckOutcome::kFailed:
      return "failed";
    case CheckOutcome::kNoted:
      return "noted";
    case CheckOutcome::kNotChecked:
      return "not_checked";
  }
  return "not_checked";
}

Json optional_number(const std::optional<double>& value) {
  return value ? Json(*value) : Json(nullptr);
}

std::string figure(const std::optional<double>& value) {
  return value ? fmt::format("{:.4g}", *value) : "-";
}

}  // namespace

std::string gate_report_json(const GateReport& report, int indent) {
  Json checks = Json::array();
  for (const GateCheck& check : report.checks) {
    checks.push_back({{"id", check.id},
                      {"outcome", outcome_name(check.outcome)},
                      {"value", optional_number(check.value)},
                      {"bound", optional_number(check.bound)},
                      {"text", check.text}});
  }
  Json groups = Json::array();
  for (const GateGroup& group : report.groups) {
    groups.push_back({{"name", group.name},
                      {"canaries", group.canaries},
                      {"answered", group.answered},
                      {"positions", group.positions},
                      {"median_nats", optional_number(group.median_nats)},
                      {"mean_nats", optional_number(group.mean_nats)},
                      {"divergence", optional_number(group.divergence)},
                      {"same_top", optional_number(group.same_top)},
                      {"honest_nats", optional_number(group.honest_nats)},
                      {"departing", group.departing},
                      {"first_bad_median",
                       group.first_bad_median < 0 ? Json(nullptr) : Json(group.first_bad_median)}});
  }
  const EndpointTraits& traits = report.traits;
  const Json document = {
      {"schema", "hadal.gate/1"},
      {"verdict", verdict_name(report.verdict)},
      {"endpoint",
       {{"url", report.endpoint},
        {"model", traits.model},
        {"engine", traits.engine},
        {"engine_version", traits.version},
        {"takes_ids", traits.takes_ids},
        {"echoes", traits.echoes},
        {"tells_logprobs", traits.tells_logprobs || traits.chat_tells_logprobs}}},
      {"reference",
       {{"model", report.reference_model},
        {"checkpoint", report.reference_checkpoint},
        {"recorded_unix", report.reference_recorded_unix},
        {"nearest_variant", report.nearest_variant},
        {"same_engine", report.same_engine},
        {"assumed_spread", report.assumed_spread}}},
      {"checks", checks},
      {"groups", groups},
      {"diagnosis", report.diagnosis},
      {"warnings", report.warnings}};
  // What endpoints say may be no UTF-8 in places; a report is always JSON.
  return document.dump(indent, ' ', false, Json::error_handler_t::replace);
}

std::string gate_report_text(const GateReport& report) {
  std::string text;
  const auto line = [&](const std::string& words) { text += words + "\n"; };
  switch (report.verdict) {
    case GateVerdict::kPassed:
      line(fmt::format("passed: {} answers as the reference does", report.traits.model));
      break;
    case GateVerdict::kFailed:
      line(fmt::format("FAILED: {} does not answer as the reference does", report.traits.model));
      break;
    case GateVerdict::kNotRun:
      line("not judged: the endpoint tells too little");
      break;
  }
  for (const GateCheck& check : report.checks) {
    if (check.outcome == CheckOutcome::kFailed) line("  wrong: " + check.text);
  }
  for (const std::string& guess : report.diagnosis) line("  looks like: " + guess);
  for (const std::string& warning : report.warnings) line("  note: " + warning);
  for (const GateCheck& check : report.checks) {
    if (check.outcome == CheckOutcome::kNotChecked) line("  not checked: " + check.text);
  }
  if (!report.nearest_variant.empty()) {
    line(fmt::format("  nearest of the reference's variants: {}", report.nearest_variant));
  }
  line(fmt::format("  {:<10} {:>8} {:>9} {:>11} {:>11} {:>9} {:>9}", "group", "answered",
                   "positions", "median nats", "honest nats", "same top", "departing"));
  for (const GateGroup& group : report.groups) {
    line(fmt::format("  {:<10} {:>4}/{:<3} {:>9} {:>11} {:>11} {:>9} {:>9}", group.name,
                     group.answered, group.canaries, group.positions, figure(group.median_nats),
                     figure(group.honest_nats), figure(group.same_top), group.departing));
  }
  for (const GateCheck& check : report.checks) {
    if (check.outcome == CheckOutcome::kPassed || check.outcome == CheckOutcome::kNoted) {
      line(fmt::format("  {}: {} ({}{})", outcome_name(check.outcome), check.text,
                       figure(check.value),
                       check.bound ? fmt::format(", bound {}", figure(check.bound)) : ""));
    }
  }
  return text;
}

}  // namespace hadal
