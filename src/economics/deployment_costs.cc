#include "economics/deployment_costs.h"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "economics/catalogue_fields.h"
#include "json/known_keys.h"
#include "json/toml_document.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

constexpr size_t kMostCostsBytes = size_t{1} << 20;

struct Limits {
  double least = 0;
  double most = 1e12;
  const char* rule = "must be a number from 0 to 10^12";
};

constexpr Limits kAmount = {};

std::optional<double> number_at(const Fields& object, std::string_view key,
                                const Limits& limits = kAmount) {
  const auto value = object.number(key);
  if (value && !(*value >= limits.least && *value <= limits.most)) object.refuse(key, limits.rule);
  return value;
}

double required_at(const Fields& object, std::string_view key, const Limits& limits = kAmount) {
  object.at(key);
  return *number_at(object, key, limits);
}

// The object at `key`, none where it is absent.
template <typename Read>
void read_section(const Fields& document, std::string_view key,
                  std::initializer_list<std::string_view> known, Read read) {
  const ordered_json* section = document.object(key, "must be a table");
  if (section == nullptr) return;
  const Fields fields(*section, document.path(key), document.source());
  refuse_unknown_keys(fields, known);
  read(fields);
}

Purchase read_purchase(const Fields& section) {
  Purchase purchase{
      .usd = required_at(section, "usd"),
      .years = required_at(section, "years",
                           {.least = 0.1, .most = 50, .rule = "must be from 0.1 to 50"}),
      .residual_usd = number_at(section, "residual_usd").value_or(0),
      .interest_per_year = number_at(section, "interest_per_year",
                                     {.most = 1, .rule = "must be from 0 to 1: 0.06 is 6 % a year"})
                               .value_or(0)};
  if (purchase.residual_usd > purchase.usd) {
    section.refuse("residual_usd", "must not be above the price of purchase");
  }
  return purchase;
}

// "+02:00" as minutes.
int utc_offset_at(const Fields& section) {
  const std::string text = section.string("utc_offset").value_or("+00:00");
  const auto digit = [&](size_t i) {
    return text[i] >= '0' && text[i] <= '9' ? text[i] - '0' : 99;
  };
  const bool shaped = text.size() == 6 && (text[0] == '+' || text[0] == '-') && text[3] == ':';
  const int hours = shaped ? 10 * digit(1) + digit(2) : 99;
  const int minutes = shaped ? 10 * digit(4) + digit(5) : 99;
  if (hours > 14 || minutes > 59) section.refuse("utc_offset", "must be such as \"+02:00\"");
  return (text[0] == '-' ? -1 : 1) * (60 * hours + minutes);
}

Tariff read_tariff(const Fields& section) {
  Tariff tariff{.usd_per_kwh = required_at(section, "usd_per_kwh"),
                .utc_offset_minutes = utc_offset_at(section)};
  section.each("band", [&](const ordered_json& value, const std::string& path) {
    const Fields band(value, path, section.source());
    constexpr std::string_view kKnown[] = {"days", "hours", "usd_per_kwh"};
    refuse_unknown_keys(band, kKnown);
    std::vector<std::string> hours;
    read_texts_at(band, "hours", hours);
    try {
      tariff.bands.push_back({.hours = WeekHours(band.string("days").value_or("all"), hours),
                              .usd_per_kwh = required_at(band, "usd_per_kwh")});
    } catch (const FieldError&) {
      throw;
    } catch (const Error& error) {
      refuse_field(path, error.what(), FieldFault::kValue, section.source());
    }
  });
  return tariff;
}

double tariff_at(const Tariff& tariff, int minute) {
  for (const TariffBand& band : tariff.bands) {
    if (band.hours.contains(minute)) return band.usd_per_kwh;
  }
  return tariff.usd_per_kwh;
}

// Depreciation and interest of a year, in dollars.
std::pair<double, double> yearly_capital(const Purchase& purchase) {
  const double depreciation = (purchase.usd - purchase.residual_usd) / purchase.years;
  const double rate = purchase.interest_per_year;
  if (!(rate > 0)) return {depreciation, 0};
  // (1 + rate)^-years, and 1 less that, without losing small rates.
  const double log_growth = purchase.years * std::log1p(rate);
  const double payment = rate * (purchase.usd - purchase.residual_usd * std::exp(-log_growth)) /
                         -std::expm1(-log_growth);
  return {depreciation, payment - depreciation};
}

}  // namespace

double Tariff::mean_of_week() const { return mean(0, int64_t{60} * kMinutesPerWeek); }

double Tariff::mean(int64_t from, int64_t to) const {
  const int64_t week = int64_t{60} * kMinutesPerWeek;
  if (to - from > week) to = from + week;
  double sum = 0;
  double seconds = 0;
  for (int64_t at = from; at < to;) {
    const int64_t next = std::min(to, at + 60 - ((at % 60) + 60) % 60);
    const auto length = static_cast<double>(next - at);
    sum += length * tariff_at(*this, minute_of_week(at, utc_offset_minutes));
    seconds += length;
    at = next;
  }
  if (!(seconds > 0)) return tariff_at(*this, minute_of_week(from, utc_offset_minutes));
  return sum / seconds;
}

DeploymentCosts read_deployment_costs(std::string_view text, const std::string& where) {
  const ordered_json json = parse_settings(text, where);
  const FieldsSource source{.code = ErrorCode::kInvalidFile,
                            .file = where,
                            .remedy = "docs/measuring/costs.md lists the keys of this file",
                            .tells_values = true};
  const Fields document(json, "", source);
  constexpr std::string_view kKnown[] = {"name",     "gpus",        "utilisation", "rent",
                                         "power",    "electricity", "hosting",     "staff",
                                         "purchase", "maintenance"};
  refuse_unknown_keys(document, kKnown);
  document.at("gpus");
  DeploymentCosts costs{
      .name = document.string("name").value_or(where),
      .gpus = *document.count("gpus", 1),
      .utilisation =
          number_at(document, "utilisation",
                    {.least = 0.001, .most = 1, .rule = "must be from 0.001 to 1: 0.4 is 40 %"})
              .value_or(1)};
  read_section(document, "rent", {"usd_per_gpu_hour"}, [&](const Fields& section) {
    costs.rent_usd_per_gpu_hour = required_at(section, "usd_per_gpu_hour");
  });
  read_section(document, "purchase", {"usd", "years", "residual_usd", "interest_per_year"},
               [&](const Fields& section) { costs.purchase = read_purchase(section); });
  if (costs.purchase.has_value() == costs.rent_usd_per_gpu_hour.has_value()) {
    document.refuse(costs.purchase ? "rent" : "purchase",
                    costs.purchase ? "has no place beside a purchase"
                                   : "is missing, and so is rent: one of them must be given",
                    costs.purchase ? FieldFault::kValue : FieldFault::kMissing);
  }
  read_section(document, "power", {"it_kw", "idle_kw", "pue"}, [&](const Fields& section) {
    costs.it_kw = number_at(section, "it_kw");
    costs.idle_kw = number_at(section, "idle_kw");
    costs.pue = number_at(section, "pue", {.least = 1, .most = 10, .rule = "must be from 1 to 10"})
                    .value_or(1);
  });
  read_section(document, "electricity", {"usd_per_kwh", "utc_offset", "band"},
               [&](const Fields& section) { costs.tariff = read_tariff(section); });
  read_section(document, "hosting", {"usd_per_month"}, [&](const Fields& section) {
    costs.hosting_usd_per_month = required_at(section, "usd_per_month");
  });
  read_section(document, "staff", {"usd_per_month"}, [&](const Fields& section) {
    costs.staff_usd_per_month = required_at(section, "usd_per_month");
  });
  read_section(document, "maintenance", {"usd_per_year"}, [&](const Fields& section) {
    costs.maintenance_usd_per_year = required_at(section, "usd_per_year");
  });
  return costs;
}

DeploymentCosts load_deployment_costs(const std::filesystem::path& path) {
  return read_deployment_costs(read_text_file(path, kMostCostsBytes), path.string());
}

std::string_view power_basis_name(PowerBasis basis) {
  switch (basis) {
    case PowerBasis::kProvisioned:
      return "provisioned";
    case PowerBasis::kMeasuredBoards:
      return "measured, accelerators alone";
    case PowerBasis::kMeasuredMachine:
      break;
  }
  return "measured, whole machine";
}

std::vector<CostPart> hourly_costs(const DeploymentCosts& costs,
                                   const std::optional<PowerDraw>& measured,
                                   const std::optional<PaidTime>& when) {
  std::vector<CostPart> parts;
  const auto add = [&](const char* name, double at_work, double idle) {
    if (at_work > 0 || idle > 0) parts.push_back({name, at_work, idle});
  };
  const auto add_fixed = [&](const char* name, double usd) { add(name, usd, usd); };
  if (costs.rent_usd_per_gpu_hour) {
    add_fixed("rent", *costs.rent_usd_per_gpu_hour * costs.gpus);
  } else if (costs.purchase) {
    const auto [depreciation, interest] = yearly_capital(*costs.purchase);
    add_fixed("depreciation", depreciation / kHoursPerYear);
    add_fixed("interest", interest / kHoursPerYear);
  }
  if (costs.tariff) {
    const std::optional<double> kw = measured ? std::optional(measured->it_kw) : costs.it_kw;
    if (!kw) {
      throw Error({.code = ErrorCode::kInvalidArgument,
                   .where = costs.name,
                   .what = "has a price of electricity, but no power",
                   .remedy = "give power.it_kw in the file of costs, or measure it"});
    }
    std::optional<double> idle_kw = costs.idle_kw;
    if (measured && measured->idle_kw) idle_kw = measured->idle_kw;
    const double price =
        when ? costs.tariff->mean(when->from, when->to) : costs.tariff->mean_of_week();
    const double at_work = *kw * price;
    const double idle = idle_kw.value_or(*kw) * price;
    add("electricity", at_work, idle);
    add("facility overhead", at_work * (costs.pue - 1), idle * (costs.pue - 1));
  }
  add_fixed("hosting", costs.hosting_usd_per_month / kHoursPerMonth);
  add_fixed("staff", costs.staff_usd_per_month / kHoursPerMonth);
  add_fixed("maintenance", costs.maintenance_usd_per_year / kHoursPerYear);
  return parts;
}

std::vector<CostPart> hourly_costs(const Accelerator& accelerator, const PriceFigure& price,
                                   int gpus) {
  if (!price.usd_per_gpu_hour.value || gpus < 1) return {};
  const double usd = *price.usd_per_gpu_hour.value * gpus;
  std::string name = std::string(price_tier_name(price.tier)) + " price of " + accelerator.key;
  if (!price.era.empty()) name += ", " + price.era;
  return {{.name = std::move(name), .usd_per_hour = usd, .usd_per_idle_hour = usd}};
}

double usd_per_hour(const std::vector<CostPart>& parts) {
  double sum = 0;
  for (const CostPart& part : parts) sum += part.usd_per_hour;
  return sum;
}

}  // namespace hadal
