// How a machine is used and what its electricity costs over the hours of a day and the seasons of a
// year: load, tariff and PUE that differ by hour and month. Knows nothing of what it computes.
#pragma once

#include <vector>

namespace hadal {

struct LoadYear {
  // What is asked for in each hour of the day (UTC), in any unit; empty: the same at all hours.
  std::vector<double> load = {};
  // Dollars per kWh: one, or one for each hour of the day (UTC); empty: not known.
  std::vector<double> usd_per_kwh = {};
  // One, or one for each season (4) or month (12); empty: as it is otherwise said.
  std::vector<double> pue = {};

  bool asked() const { return !load.empty() || !usd_per_kwh.empty() || !pue.empty(); }
  // Mean over peak: a machine that serves the peak is used so much.
  double use() const;
  double mean_pue(double otherwise) const;
  double worst_pue(double otherwise) const;
};

// Of a machine that draws `busy_kw` when it is at its peak and `idle_kw` when nothing is asked for.
struct YearBill {
  double use = 1;
  double mean_kw = 0;  // IT
  double mean_pue = 1;
  double worst_pue = 1;
  double kwh_per_year = 0;  // with PUE
  // Electricity with PUE, dollars per hour: the mean over the year, and the least and dearest hour
  // of a day in the mean season; 0 without a tariff.
  double usd_per_hour = 0;
  double least_usd_per_hour = 0;
  double dearest_usd_per_hour = 0;
};

// `use`: of all hours where the year has no curve. `pue`: where it has no seasons.
YearBill year_bill(const LoadYear& year, double busy_kw, double idle_kw, double use, double pue);

}  // namespace hadal
