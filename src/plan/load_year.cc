#include "plan/load_year.h"

#include <algorithm>
#include <numeric>

namespace hadal {
namespace {

constexpr size_t kHours = 24;
constexpr double kHoursPerYear = 8760;

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double at_hour(const std::vector<double>& values, size_t hour) {
  return values.size() == 1 ? values.front() : values[hour];
}

}  // namespace

double LoadYear::use() const {
  if (load.empty()) return 1;
  return mean(load) / *std::max_element(load.begin(), load.end());
}

double LoadYear::mean_pue(double otherwise) const { return pue.empty() ? otherwise : mean(pue); }

double LoadYear::worst_pue(double otherwise) const {
  return pue.empty() ? otherwise : *std::max_element(pue.begin(), pue.end());
}

YearBill year_bill(const LoadYear& year, double busy_kw, double idle_kw, double use, double pue) {
  YearBill bill{.use = year.load.empty() ? use : year.use(),
                .mean_pue = year.mean_pue(pue),
                .worst_pue = year.worst_pue(pue)};
  const double peak = year.load.empty() ? 1 : *std::max_element(year.load.begin(), year.load.end());
  std::vector<double> costs;
  for (size_t hour = 0; hour < kHours; ++hour) {
    const double busy = year.load.empty() ? use : year.load[hour] / peak;
    const double kw = idle_kw + (busy_kw - idle_kw) * busy;
    bill.mean_kw += kw / kHours;
    const double price = year.usd_per_kwh.empty() ? 0 : at_hour(year.usd_per_kwh, hour);
    costs.push_back(kw * price * bill.mean_pue);
  }
  bill.kwh_per_year = bill.mean_kw * bill.mean_pue * kHoursPerYear;
  bill.usd_per_hour = mean(costs);
  bill.least_usd_per_hour = *std::min_element(costs.begin(), costs.end());
  bill.dearest_usd_per_hour = *std::max_element(costs.begin(), costs.end());
  return bill;
}

}  // namespace hadal
