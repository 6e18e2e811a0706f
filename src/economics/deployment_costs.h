// What an hour of one's own machine costs, in named parts: bought or rented, with electricity by
// the hour of the week, the building's overhead, hosting, staff. Read from a file of the user
// (docs/measuring/costs.md). Knows no tokens; bill.h divides these costs among them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "economics/hardware_catalogue.h"
#include "economics/week_hours.h"

namespace hadal {

inline constexpr double kHoursPerYear = 8760;
inline constexpr double kHoursPerMonth = kHoursPerYear / 12;

// One part of what the whole machine costs, in dollars per hour.
struct CostPart {
  std::string name = {};
  double usd_per_hour = 0;       // while it works
  double usd_per_idle_hour = 0;  // while it waits
};

struct Purchase {
  double usd = 0;  // the whole machine
  double years = 0;
  double residual_usd = 0;       // what it is still worth after them
  double interest_per_year = 0;  // of the money in it: 0.06 is 6 %
};

struct TariffBand {
  WeekHours hours;
  double usd_per_kwh = 0;
};

struct Tariff {
  double usd_per_kwh = 0;              // outside the bands
  std::vector<TariffBand> bands = {};  // the first that contains a minute counts
  int utc_offset_minutes = 0;          // of the clock that the bands speak of

  // The mean price from one time to another (seconds since 1970), minute by minute; for a week and
  // longer the mean of a week.
  double mean(int64_t from, int64_t to) const;
  double mean_of_week() const;
};

struct DeploymentCosts {
  std::string name = {};
  int gpus = 0;
  std::optional<double> rent_usd_per_gpu_hour = {};  // this or a purchase
  std::optional<Purchase> purchase = {};
  std::optional<Tariff> tariff = {};   // none: electricity is in the rent or the hosting
  std::optional<double> it_kw = {};    // of the whole machine at work, provisioned
  std::optional<double> idle_kw = {};  // while it waits; none: as at work
  double pue = 1;
  double hosting_usd_per_month = 0;
  double staff_usd_per_month = 0;
  double maintenance_usd_per_year = 0;
  double utilisation = 1;  // share of the paid hours in which it works
};

// Reads TOML, or JSON where `where` does not end in .toml. Throws Error kInvalidFile that names the
// key and says what it must be; unknown keys are refused with the nearest known one.
DeploymentCosts read_deployment_costs(std::string_view text, const std::string& where);
DeploymentCosts load_deployment_costs(const std::filesystem::path& path);

// Where a number of kW comes from.
enum class PowerBasis {
  kProvisioned,      // a constant, what the machine may take
  kMeasuredBoards,   // meters of the accelerators alone: host, network and losses are missing
  kMeasuredMachine,  // a meter of the whole machine
};

// "provisioned", "measured, accelerators alone", "measured, whole machine".
std::string_view power_basis_name(PowerBasis basis);

struct PowerDraw {
  double it_kw = 0;  // of the whole machine
  std::optional<double> idle_kw = {};
  PowerBasis basis = PowerBasis::kProvisioned;
};

// A time for which electricity is paid, seconds since 1970.
struct PaidTime {
  int64_t from = 0;
  int64_t to = 0;
};

// The parts of an hour: "depreciation" and "interest" (annuity: the yearly payment that returns
// purchase less residual over the years at that interest, compounded yearly), or "rent";
// "electricity" and "facility overhead" (the same times PUE - 1); "hosting", "staff",
// "maintenance". Parts that cost nothing are left out. `measured` replaces the provisioned power;
// without `when` electricity has the mean price of a week. Throws Error kInvalidArgument where
// there is a tariff and no power.
std::vector<CostPart> hourly_costs(const DeploymentCosts& costs,
                                   const std::optional<PowerDraw>& measured = {},
                                   const std::optional<PaidTime>& when = {});

// The one part that a published price per GPU and hour is.
std::vector<CostPart> hourly_costs(const Accelerator& accelerator, const PriceFigure& price,
                                   int gpus);

double usd_per_hour(const std::vector<CostPart>& parts);

}  // namespace hadal
