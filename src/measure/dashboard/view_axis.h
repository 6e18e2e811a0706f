// What stands on an axis of a view, by an id that carries the version of its definition, and what a
// throughput is in money and energy under the prices that a query names. The rules of the page
// (web/dashboard/src: axes.ts, prices.ts).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "economics/frontier.h"
#include "economics/hardware_catalogue.h"
#include "measure/dashboard/view_query.h"
#include "measure/dashboard/view_runs.h"

namespace hadal {

enum class ViewUnit { kMeasured, kUsdPerMillion, kTokensPerUsd, kTokensPerMegawatt, kJoules };

struct ViewAxis {
  std::string id = {};
  std::string metric = {};  // that it is made of
  ViewUnit unit = ViewUnit::kMeasured;
  Better better = Better::kHigher;
  bool single = false;  // one value a point
};

// What the query names, or the fallback. Throws Error kInvalidArgument for an unknown id.
ViewAxis view_axis(const ViewQuery& query, std::string_view name, std::string_view fallback);

class ViewPrices {
 public:
  // tier, era, scope, rent, tariff, kw, pue, util, as in the page's address. A purchase is the
  // page's business: Error kInvalidArgument.
  explicit ViewPrices(const ViewQuery& query);

  // Of an hour in which it works, the idle ones paid with it. None: there is no price.
  std::optional<double> usd_per_gpu_hour(const std::string& hardware) const;
  std::optional<double> kw_per_gpu_of(const std::string& hardware) const;
  // A figure of the axis' metric on the axis; none without price or power.
  std::optional<ViewFigure> convert(const ViewAxis& axis, const ViewFigure& raw,
                                    const std::string& hardware) const;

 private:
  std::optional<double> kw_of(const std::string& hardware, PowerScope scope) const;

  std::string era_;
  PriceTier tier_ = PriceTier::kRental;
  PowerScope scope_ = PowerScope::kIt;
  std::optional<double> rent_;
  std::optional<double> kw_;
  double tariff_ = 0;
  double pue_ = 1;
  double utilisation_ = 1;
};

}  // namespace hadal
