#include "plan/plan_money.h"

#include <algorithm>
#include <chrono>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <span>

#include "base/units.h"
#include "economics/published_points.h"
#include "plan/planner.h"

namespace hadal {
namespace {

constexpr double kHour = 3600;

// DeepSeek's own prices of the model in the first week of the newest entry of the catalogue; none
// for another model. `name` is what they are.
std::optional<TokenPrices> newest_api_prices(const std::string& model, const PriceCatalogue& prices,
                                             std::span<const double> load, std::string& name) {
  const std::string wanted = "deepseek-" + (model.starts_with("v4") ? model : "v4-" + model);
  ApiPriceQuery query{.provider = "DeepSeek", .model = wanted};
  for (const ApiPrice& price : prices.prices()) {
    if (price.provider != query.provider || price.model != wanted || !price.from) continue;
    query.unix_seconds = std::max(query.unix_seconds, *price.from);
  }
  const std::optional<TokenPrices> mean = prices.mean_of_week(query, load);
  if (mean) {
    const std::chrono::sys_seconds from{std::chrono::seconds(query.unix_seconds)};
    name = fmt::format("DeepSeek's {} at the list price from {:%F} on, mean of a week{}", wanted,
                       std::chrono::time_point_cast<std::chrono::seconds>(from),
                       load.empty() ? "" : " by the load curve");
  }
  return mean;
}

// One's own machine with the question's tariff and seasons in place of its own, and with the
// catalogue's power where it says none.
DeploymentCosts own_machine(const PlanQuestion& question, const PlanOption& option) {
  DeploymentCosts own = *question.own;
  const LoadYear& year = question.year;
  if (!year.pue.empty()) own.pue = year.mean_pue(own.pue);
  if (year.usd_per_kwh.empty()) return own;
  if (!own.it_kw && option.it_kw) own.it_kw = *option.it_kw / option.devices * own.gpus;
  if (!own.it_kw) return own;
  // What an hour costs by the curve is what this price a kWh makes it.
  const double idle = own.idle_kw.value_or(*own.it_kw);
  const YearBill bill = year_bill(year, *own.it_kw, idle, question.utilisation, own.pue);
  if (!(bill.mean_kw > 0)) return own;
  own.tariff = Tariff{.usd_per_kwh = bill.usd_per_hour / (bill.mean_kw * bill.mean_pue)};
  return own;
}

// What an hour of all devices costs; none where nothing is known.
std::vector<CostPart> owned_hour(const PlanQuestion& question, const PlanOption& option,
                                 const std::optional<double>& published) {
  if (question.own) {
    // As many of that machine as the devices make.
    std::vector<CostPart> parts = hourly_costs(own_machine(question, option));
    for (CostPart& part : parts) {
      part.usd_per_hour *= option.devices / std::max(1, question.own->gpus);
      part.usd_per_idle_hour *= option.devices / std::max(1, question.own->gpus);
    }
    return parts;
  }
  if (!published) return {};
  const double hourly = *published * option.devices;
  return {{.name = "machine", .usd_per_hour = hourly, .usd_per_idle_hour = hourly}};
}

// Of all devices: the catalogue's power, or that of one's own machine.
std::optional<double> busy_kw(const PlanQuestion& question, const PlanOption& option) {
  if (option.it_kw) return option.it_kw;
  if (!question.own || !question.own->it_kw) return std::nullopt;
  return *question.own->it_kw * option.devices / std::max(1, question.own->gpus);
}

void add_year(const PlanQuestion& question, const PlanOption& option, PlanMoney& money) {
  const std::optional<double> busy = busy_kw(question, option);
  if (!question.year.asked() || !busy) return;
  money.busy_kw = *busy;
  money.year = year_bill(question.year, *busy, *busy * option.idle_share, question.utilisation,
                         question.pue);
  const double tokens = option.total_rate * kHour * money.year->use / kMega;
  if (!question.year.usd_per_kwh.empty() && tokens > 0) {
    money.electricity_usd_per_million = money.year->usd_per_hour / tokens;
  }
}

void add_waiting(const PlanQuestion& question, const PlanOption& option, const ErrorBand& error,
                 PlanMoney& money) {
  const BreakEven& b = *money.break_even;
  if (!b.own_usd_per_million || !b.api_usd_per_million) return;
  const DeviceFamily family = option.candidate.deployment.device.family;
  const auto& spec = constant_table()[static_cast<size_t>(Constant::kYouthExcess)];
  const double excess = question.constants.get(Constant::kYouthExcess, family);
  money.waiting_input = {.own = *b.own_usd_per_million,
                         .elsewhere = *b.api_usd_per_million,
                         .days = question.days,
                         .excess = question.engine.floor > 0 ? excess : 0,
                         .youth_days = question.constants.get(Constant::kYouthDays, family),
                         .excess_low = spec.low,
                         .excess_high = spec.high,
                         .cost_low = 1 / error.high,
                         .cost_high = 1 / error.low,
                         .horizon_weeks = question.horizon_weeks};
  money.waiting = waiting_value(*money.waiting_input);
}

}  // namespace

double BoardPower::idle_share() const {
  return watts > 0 ? std::clamp(idle_watts / watts, 0.0, 1.0) : 1;
}

std::optional<BoardPower> measured_boards(const std::string& key, double rate) {
  double n = 0;
  double x = 0;
  double y = 0;
  double xx = 0;
  double xy = 0;
  double low = 1e300;
  double high = 0;
  for (const PublishedPoint& point : published_points()) {
    if (point.hardware != key || point.workload != "fixed" || !point.power_w_per_gpu ||
        !point.total_rate_per_gpu) {
      continue;
    }
    const double at = *point.total_rate_per_gpu;
    n += 1;
    x += at;
    y += *point.power_w_per_gpu;
    xx += at * at;
    xy += at * *point.power_w_per_gpu;
    low = std::min(low, at);
    high = std::max(high, at);
  }
  const double spread = n * xx - x * x;
  if (n < 3 || !(spread > 0) || rate < 0.7 * low || rate > 1.5 * high) return std::nullopt;
  const double slope = (n * xy - x * y) / spread;
  const double idle = (y - slope * x) / n;
  return BoardPower{.watts = idle + slope * rate, .idle_watts = idle};
}

PlanMoney plan_money(const PlanQuestion& question, const PlanOption& option, const ErrorBand& error,
                     const HardwareCatalogue& catalogue, const PriceCatalogue& prices) {
  PlanMoney money;
  add_year(question, option, money);
  const std::optional<TokenPrices> api =
      newest_api_prices(question.model.name, prices, question.year.load, money.api);
  const double requests = option.candidate.prediction.requests_per_s * option.replicas * kHour;
  BreakEvenInput input{.utilisation = question.utilisation, .api = api};
  input.tokens_per_busy_hour = {
      .computed_input =
          static_cast<int64_t>(requests * question.shape.input * (1 - question.shape.hit)),
      .cached_input = static_cast<int64_t>(requests * question.shape.input * question.shape.hit),
      .output = static_cast<int64_t>(requests * question.shape.output)};
  const auto accelerators = catalogue.accelerators();
  const auto accelerator = std::find_if(
      accelerators.begin(), accelerators.end(),
      [&](const Accelerator& a) { return a.key == option.candidate.deployment.device.key; });
  const std::string era = catalogue.era(question.era).key;
  const auto price_of = [&](PriceTier tier) -> std::optional<double> {
    if (accelerator == accelerators.end()) return std::nullopt;
    const PriceFigure* price = accelerator->price_of(era, tier);
    if (price == nullptr) return std::nullopt;
    return price->usd_per_gpu_hour.value;
  };
  const std::optional<double> owned = price_of(PriceTier::kHyperscaler);
  const std::optional<double> rent = price_of(PriceTier::kRental);
  input.own = owned_hour(question, option, owned ? owned : rent);
  if (input.own.empty()) return money;
  if (rent) input.rent_usd_per_hour = *rent * option.devices;
  money.break_even = break_even(input);
  money.idle_usd_per_hour = 0;
  for (const CostPart& part : input.own) {
    *money.idle_usd_per_hour += part.usd_per_idle_hour * (1 - question.utilisation);
  }
  add_waiting(question, option, error, money);
  return money;
}

}  // namespace hadal
