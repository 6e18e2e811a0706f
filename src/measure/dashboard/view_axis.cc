#include "measure/dashboard/view_axis.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "economics/unit_costs.h"
#include "measure/metrics/metric_catalogue.h"

namespace hadal {
namespace {

constexpr const char* kTotal = "rate.total_tokens_per_gpu/1";
constexpr const char* kOutput = "rate.output_tokens_per_gpu/1";
constexpr const char* kInputIx = "rate.input_tokens_per_gpu.inferencex/1";
constexpr const char* kOutputIx = "rate.output_tokens_per_gpu.inferencex/1";

struct Derived {
  std::string_view id;
  const char* metric;
  ViewUnit unit;
};
constexpr Derived kDerived[] = {
    {"cost.tokens_per_usd.total/1", kTotal, ViewUnit::kTokensPerUsd},
    {"cost.tokens_per_usd.output/1", kOutput, ViewUnit::kTokensPerUsd},
    {"cost.usd_per_million.total/1", kTotal, ViewUnit::kUsdPerMillion},
    {"cost.usd_per_million.input.inferencex/1", kInputIx, ViewUnit::kUsdPerMillion},
    {"cost.usd_per_million.output.inferencex/1", kOutputIx, ViewUnit::kUsdPerMillion},
    {"cost.usd_per_million.output/1", kOutput, ViewUnit::kUsdPerMillion},
    {"power.tokens_per_mw.total/1", kTotal, ViewUnit::kTokensPerMegawatt},
    {"power.tokens_per_mw.output/1", kOutput, ViewUnit::kTokensPerMegawatt},
    {"energy.joules_per_token.provisioned/1", kTotal, ViewUnit::kJoules},
    {"energy.joules_per_output_token.provisioned/1", kOutput, ViewUnit::kJoules}};

const Accelerator* accelerator_of(const std::string& key) {
  for (const Accelerator& accelerator : HardwareCatalogue::built_in().accelerators()) {
    if (accelerator.key == key) return &accelerator;
  }
  return nullptr;
}

}  // namespace

ViewAxis view_axis(const ViewQuery& query, std::string_view name, std::string_view fallback) {
  const auto found = query.find(name);
  const std::string id(found == query.end() ? fallback : std::string_view(found->second));
  for (const Derived& derived : kDerived) {
    if (derived.id != id) continue;
    const bool lower =
        derived.unit == ViewUnit::kUsdPerMillion || derived.unit == ViewUnit::kJoules;
    return {.id = id,
            .metric = derived.metric,
            .unit = derived.unit,
            .better = lower ? Better::kLower : Better::kHigher,
            .single = true};
  }
  for (const MetricDefinition& metric : metric_catalogue()) {
    if (metric.id != id) continue;
    return {.id = id,
            .metric = id,
            .better = metric.better == MetricDirection::kLower ? Better::kLower : Better::kHigher,
            .single = metric.level == MetricLevel::kPoint};
  }
  refuse_query(name, "'" + printable(id, 60) + "' is no figure that is known here",
               "docs/measuring/metrics.md lists those that are measured");
}

ViewPrices::ViewPrices(const ViewQuery& query) {
  const auto text = [&](std::string_view name) { return query_text(query, name); };
  const HardwareCatalogue& catalogue = HardwareCatalogue::built_in();
  era_ = catalogue.era(text("era")).key;
  if (const std::string tier = text("tier"); !tier.empty()) {
    const auto known = price_tier_of(tier);
    if (!known) refuse_query("tier", "must be hyperscaler, neocloud or rental");
    tier_ = *known;
  }
  if (text("scope") == power_scope_name(PowerScope::kFacility)) scope_ = PowerScope::kFacility;
  if (text("price") == "purchase") {
    refuse_query("price", "of a purchase is worked out on the page alone",
                 "give what an hour costs: price=rent&rent=DOLLARS");
  }
  constexpr double kMostRent = 1e4;
  if (text("price") == "rent") rent_ = query_number(query, "rent", 0, kMostRent).value_or(3);
  kw_ = query_number(query, "kw", 0.001, 1000);
  tariff_ = rent_ ? query_number(query, "tariff", 0, 10).value_or(0) : 0;
  pue_ = query_number(query, "pue", 1, 5).value_or(catalogue.default_pue());
  utilisation_ = query_number(query, "util", 0.01, 1).value_or(1);
}

std::optional<double> ViewPrices::kw_of(const std::string& hardware, PowerScope scope) const {
  if (kw_) return scope == PowerScope::kIt ? *kw_ : *kw_ * pue_;
  const Accelerator* accelerator = accelerator_of(hardware);
  const PowerFigure* power = accelerator == nullptr ? nullptr : accelerator->power_of(era_);
  return power == nullptr ? std::nullopt : kw_per_gpu(*power, scope, pue_);
}

std::optional<double> ViewPrices::kw_per_gpu_of(const std::string& hardware) const {
  return kw_of(hardware, scope_);
}

std::optional<double> ViewPrices::usd_per_gpu_hour(const std::string& hardware) const {
  if (rent_) {
    if (tariff_ <= 0) return *rent_ / utilisation_;
    const auto kw = kw_of(hardware, PowerScope::kFacility);
    return kw ? std::optional((*rent_ + *kw * tariff_) / utilisation_) : std::nullopt;
  }
  const Accelerator* accelerator = accelerator_of(hardware);
  const PriceFigure* price = accelerator == nullptr ? nullptr : accelerator->price_of(era_, tier_);
  if (price == nullptr || !price->usd_per_gpu_hour.value) return std::nullopt;
  return *price->usd_per_gpu_hour.value / utilisation_;
}

std::optional<ViewFigure> ViewPrices::convert(const ViewAxis& axis, const ViewFigure& raw,
                                              const std::string& hardware) const {
  if (axis.unit == ViewUnit::kMeasured) return raw;
  const bool is_money =
      axis.unit == ViewUnit::kUsdPerMillion || axis.unit == ViewUnit::kTokensPerUsd;
  const auto constant = is_money ? usd_per_gpu_hour(hardware) : kw_per_gpu_of(hardware);
  if (!constant) return std::nullopt;
  const auto of = [&](const std::optional<double>& rate) -> std::optional<double> {
    if (!rate) return std::nullopt;
    switch (axis.unit) {
      case ViewUnit::kUsdPerMillion:
        return usd_per_million_tokens(*rate, *constant);
      case ViewUnit::kTokensPerUsd:
        return tokens_per_usd(*rate, *constant);
      case ViewUnit::kTokensPerMegawatt:
        return tokens_per_megawatt_second(*rate, *constant);
      default:
        return joules_per_token(*rate, *constant);
    }
  };
  const std::optional<double> value = of(raw.value);
  if (!value) return std::nullopt;
  ViewFigure figure{
      .value = *value, .low = of(raw.low), .high = of(raw.high), .statistic = raw.statistic};
  if (axis.better == Better::kLower) std::swap(figure.low, figure.high);
  return figure;
}

}  // namespace hadal
