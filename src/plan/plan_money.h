// The money side of an answer: own, rent or API at the load there is, electricity by hour and
// season, and whether to wait. Rates come from the planner; prices from the catalogues or the user.
#pragma once

#include <optional>
#include <string>

#include "economics/break_even.h"
#include "economics/hardware_catalogue.h"
#include "economics/price_catalogue.h"
#include "plan/load_year.h"
#include "plan/waiting.h"

namespace hadal {

struct ErrorBand;
struct PlanOption;
struct PlanQuestion;

// Of the boards of a kind of hardware, by the line of least squares through the published
// measurements without cached input; none where there are fewer than three, or the rate (tokens per
// second and device) lies outside of them.
struct BoardPower {
  double watts = 0;
  double idle_watts = 0;
  double idle_share() const;  // from 0 to 1
};
std::optional<BoardPower> measured_boards(const std::string& key, double rate);

struct PlanMoney {
  std::optional<BreakEven> break_even = {};
  std::string api = {};                          // that it compares with
  std::optional<double> idle_usd_per_hour = {};  // paid while nothing is asked for, at the use
  // Where the question has a curve, a tariff or seasons, and the hardware a power.
  std::optional<YearBill> year = {};
  double busy_kw = 0;  // that it is of
  std::optional<double> electricity_usd_per_million = {};
  std::optional<WaitingInput> waiting_input = {};  // where there is an API to wait with
  WaitingValue waiting = {};
};

PlanMoney plan_money(const PlanQuestion& question, const PlanOption& option, const ErrorBand& error,
                     const HardwareCatalogue& catalogue, const PriceCatalogue& prices);

}  // namespace hadal
