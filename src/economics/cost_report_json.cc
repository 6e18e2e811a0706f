#include <cmath>

#include <nlohmann/json.hpp>

#include "economics/cost_report.h"
#include "economics/published_conversions.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

ordered_json json_of(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? ordered_json(*value) : ordered_json(nullptr);
}

ordered_json json_of(const InferenceXFigures& figures) {
  return {{"total", json_of(figures.total)},
          {"input", json_of(figures.input)},
          {"output", json_of(figures.output)}};
}

ordered_json json_of(const ByToken& figures) {
  return {{"total", json_of(figures.total)},
          {"computed_input", json_of(figures.computed_input)},
          {"cached_input", json_of(figures.cached_input)},
          {"output", json_of(figures.output)}};
}

constexpr const char* kUseKeys[kBillUses] = {"prefill", "cached_input", "decode", "shared", "idle"};

ordered_json json_of(const ByUse<MicroUsd>& uses) {
  ordered_json out = ordered_json::object();
  for (size_t use = 0; use < kBillUses; ++use) out[kUseKeys[use]] = uses.values[use];
  return out;
}

ordered_json json_of(const Bill& bill) {
  ordered_json rows = ordered_json::array();
  for (const BillRow& row : bill.rows) {
    rows.push_back({{"part", row.part}, {"total", row.total}, {"uses", json_of(row.uses)}});
  }
  return {{"phases", phase_basis_name(bill.basis)},
          {"hours", bill.hours},
          {"micro_usd",
           {{"total", bill.total},
            {"uses", json_of(bill.uses)},
            {"full", json_of(bill.full)},
            {"parts", std::move(rows)}}},
          {"usd_per_million", json_of(bill.usd_per_million)},
          {"full_usd_per_million", json_of(bill.full_usd_per_million)},
          {"tokens_per_usd", json_of(bill.tokens_per_usd)},
          {"full_joules_per_token", json_of(bill.full_joules)},
          {"cached_saving_usd", json_of(bill.cached_saving_usd)}};
}

ordered_json json_of(const InferenceXCosts& costs) {
  return {{"usd_per_million", json_of(costs.usd_per_million)},
          {"tokens_per_usd", json_of(costs.tokens_per_usd)},
          {"tokens_per_megawatt_second", json_of(costs.tokens_per_megawatt_second)},
          {"joules_per_token", json_of(costs.joules_per_token)}};
}

ordered_json json_of(const BreakEven& answer) {
  return {{"utilisation", answer.utilisation},
          {"own_usd_per_million", json_of(answer.own_usd_per_million)},
          {"api_usd_per_million", json_of(answer.api_usd_per_million)},
          {"rent_usd_per_million", json_of(answer.rent_usd_per_million)},
          {"own_beats_api_from", json_of(answer.own_beats_api_from)},
          {"own_beats_rent_from", json_of(answer.own_beats_rent_from)}};
}

// tok/s per MW and J per token in every era, by IT and by facility power.
ordered_json powers_of(const CostReportInput& input, const InferenceXFigures& rates) {
  ordered_json out = ordered_json::array();
  if (input.accelerator == nullptr) return out;
  for (const PowerFigure& power : input.accelerator->power) {
    for (const PowerScope scope : {PowerScope::kIt, PowerScope::kFacility}) {
      const auto kw = kw_per_gpu(power, scope, input.pue);
      const InferenceXCosts costs = inferencex_costs(rates, {.kw_per_gpu = kw});
      out.push_back({{"era", power.era},
                     {"counts", power_scope_name(scope)},
                     {"published", scope == power.counts},
                     {"kw_per_gpu", json_of(kw)},
                     {"tokens_per_megawatt_second", json_of(costs.tokens_per_megawatt_second)},
                     {"joules_per_token", json_of(costs.joules_per_token)}});
    }
  }
  return out;
}

}  // namespace

std::string cost_report_json(const CostReportInput& input) {
  const CostFigures figures = cost_figures(input);
  ordered_json out = {{"schema", "hadal.costs/1"},
                      {"about", input.about},
                      {"era", input.era},
                      {"tier", price_tier_name(input.tier)},
                      {"pue", input.pue},
                      {"gpus", input.gpus},
                      {"tokens_per_gpu_second", json_of(figures.rates)},
                      {"inferencex", json_of(figures.inferencex)},
                      {"bill", json_of(figures.bill)},
                      {"power", powers_of(input, figures.rates)},
                      {"warts", figures.warts}};
  if (figures.power) {
    out["bill"]["power"] = {{"it_kw", figures.power->it_kw},
                            {"basis", power_basis_name(figures.power->basis)}};
  }
  if (input.api) {
    out["api"] = {{"name", input.api_name},
                  {"usd_per_million",
                   {{"input", input.api->input},
                    {"cached_input", json_of(input.api->cached_input)},
                    {"output", input.api->output}}}};
  }
  if (figures.break_even) out["break_even"] = json_of(*figures.break_even);
  // Names of users' files may be any bytes.
  return out.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

std::string published_conversions_json() {
  ordered_json rows = ordered_json::array();
  for (const Conversion& row : published_conversions()) {
    rows.push_back({{"about", row.about},
                    {"given", row.given},
                    {"unit", row.unit},
                    {"published", row.published},
                    {"rounding", row.rounding},
                    {"inferencex", json_of(row.inferencex)},
                    {"bill", json_of(row.bill)},
                    {"reproduced", row.is_reproduced()},
                    {"note", row.note}});
  }
  const ordered_json out = {{"schema", "hadal.conversions/1"}, {"conversions", std::move(rows)}};
  return out.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace hadal
