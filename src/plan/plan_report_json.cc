#include <cmath>
#include <utility>

#include <nlohmann/json.hpp>

#include "json/python_json.h"
#include "plan/plan_report.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

ordered_json number(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? ordered_json(*value) : ordered_json(nullptr);
}

ordered_json role_json(const Role& role) {
  return {{"tp", role.spread.tp}, {"dp", role.spread.dp},    {"cp", role.spread.cp},
          {"pp", role.spread.pp}, {"workers", role.workers}, {"devices", role.devices()}};
}

ordered_json option_json(const PlanOption& o) {
  const PlanCandidate& c = o.candidate;
  const Prediction& p = c.prediction;
  const PlanModel& model = c.deployment.model;
  ordered_json parts = ordered_json::object();
  for (size_t i = 0; i < kTimeParts; ++i) {
    parts[std::string(time_part_name(static_cast<TimePart>(i)))] = p.decode.seconds[i];
  }
  return {{"hardware", c.deployment.device.key},
          {"devices", o.devices},
          {"replicas", o.replicas},
          {"layout", deployment_text(c.deployment)},
          {"serve", role_json(c.deployment.serve)},
          {"prefill", c.deployment.prefill ? role_json(*c.deployment.prefill) : ordered_json()},
          {"requests_at_a_time", o.users},
          {"interactivity_tok_s", p.interactivity()},
          {"ttft_s", p.ttft_s},
          {"longest_gap_s", p.longest_gap_s},
          {"chunk_rows", c.deployment.engine.chunk},
          {"total_tok_s", o.total_rate},
          {"output_tok_s", o.output_rate},
          {"total_tok_s_per_device", o.total_rate / o.devices},
          {"usd_per_hour", number(o.usd_per_hour)},
          {"usd_per_million_total", number(o.usd_per_million_total)},
          {"usd_per_million_output_inferencex", number(o.usd_per_million_output)},
          {"usd_per_million_input_by_time", number(o.bill_input)},
          {"usd_per_million_output_by_time", number(o.bill_output)},
          {"it_kw", number(o.it_kw)},
          {"tok_s_per_mw_it", number(o.tokens_per_mw_it)},
          {"tok_s_per_mw_facility", number(o.tokens_per_mw_facility)},
          {"joules_per_token_provisioned", number(o.joules_per_token)},
          {"board_watts_measured_curve", number(o.board_watts)},
          {"memory_bytes",
           {{"device", o.memory.device_bytes},
            {"weights", o.memory.weights},
            {"engine", o.memory.context},
            {"links", o.memory.links},
            {"workspace", o.memory.workspace},
            {"kept_free", o.memory.kept_free},
            {"keys", o.memory.cache},
            {"of_a_token", pool_token_bytes(model, o.memory.layout, o.memory.setting)},
            {"of_a_request", pool_request_bytes(model, o.memory.layout, o.memory.setting, 0)}}},
          {"binds", o.binds},
          {"decode_step_s", p.step_s},
          {"decode_parts_s", std::move(parts)},
          {"prefill_share", p.prefill_share}};
}

}  // namespace

std::string plan_json(const PlanQuestion& question, const PlanAnswer& answer) {
  ordered_json picks = ordered_json::array();
  for (const PlanAnswer::Pick& pick : answer.picks) {
    ordered_json row = option_json(pick.option);
    row["objective"] = pick.objective;
    picks.push_back(std::move(row));
  }
  ordered_json frontier = ordered_json::array();
  for (const PlanOption& option : answer.frontier) frontier.push_back(option_json(option));
  ordered_json sensitivity = ordered_json::array();
  for (const Sensitivity& row : answer.sensitivity) {
    sensitivity.push_back({{"assumption", row.assumption},
                           {"low_factor", row.low_factor},
                           {"high_factor", row.high_factor}});
  }
  ordered_json money = nullptr;
  if (answer.money.break_even) {
    const BreakEven& b = *answer.money.break_even;
    money = {{"utilisation", b.utilisation},
             {"own_usd_per_million", number(b.own_usd_per_million)},
             {"idle_usd_per_hour", number(answer.money.idle_usd_per_hour)},
             {"rent_usd_per_million", number(b.rent_usd_per_million)},
             {"api_usd_per_million", number(b.api_usd_per_million)},
             {"own_beats_api_from", number(b.own_beats_api_from)},
             {"own_beats_rent_from", number(b.own_beats_rent_from)}};
  }
  ordered_json waiting = ordered_json::array();
  for (const int weeks : kWaitingWeeks) {
    const DeviceFamily family = answer.picks.front().option.candidate.deployment.device.family;
    waiting.push_back(
        {{"weeks", weeks}, {"time_factor", youth_factor(question.constants, family, 7.0 * weeks)}});
  }
  if (answer.money.year) {
    const YearBill& year = *answer.money.year;
    money["year"] = {
        {"use", year.use},
        {"mean_it_kw", year.mean_kw},
        {"mean_pue", year.mean_pue},
        {"worst_pue", year.worst_pue},
        {"kwh", year.kwh_per_year},
        {"electricity_usd_per_hour", year.usd_per_hour},
        {"least_usd_per_hour", year.least_usd_per_hour},
        {"dearest_usd_per_hour", year.dearest_usd_per_hour},
        {"electricity_usd_per_million", number(answer.money.electricity_usd_per_million)}};
  }
  ordered_json deciding = ordered_json::array();
  for (const WaitingRow& row : answer.money.waiting.rows) {
    deciding.push_back({{"weeks", row.weeks},
                        {"usd_per_million", row.usd_per_million},
                        {"chance_of_owning", row.probability},
                        {"option_value", row.option_value}});
  }
  ordered_json hits = nullptr;
  if (answer.trace_hits) {
    hits = {{"tokens", answer.trace_hits->tokens},
            {"low", answer.trace_hits->low},
            {"high", answer.trace_hits->high}};
  }
  const ordered_json document = {{"schema", "hadal.plan/1"},
                                 {"model", question.model.name},
                                 {"workload",
                                  {{"name", question.workload},
                                   {"input", question.shape.input},
                                   {"output", question.shape.output},
                                   {"hit", question.shape.hit}}},
                                 {"assumptions", answer.assumptions},
                                 {"picks", std::move(picks)},
                                 {"frontier", std::move(frontier)},
                                 {"sensitivity", std::move(sensitivity)},
                                 {"error",
                                  {{"points", answer.error.points},
                                   {"of", answer.error.of},
                                   {"median", answer.error.median_error},
                                   {"low_factor", answer.error.low},
                                   {"high_factor", answer.error.high}}},
                                 {"money", std::move(money)},
                                 {"waiting", std::move(waiting)},
                                 {"option_value",
                                  {{"own_today", answer.money.waiting.own_today},
                                   {"decided_today", answer.money.waiting.committed},
                                   {"after", std::move(deciding)}}},
                                 {"trace_hits", std::move(hits)},
                                 {"left_out", answer.left_out},
                                 {"next_questions", answer.next_questions}};
  return dump_json(document) + "\n";
}

}  // namespace hadal
