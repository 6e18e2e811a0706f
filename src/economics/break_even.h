// Own, rent or buy tokens from an API: what a million tokens costs each way at the load there
// really is, and from which load on owning is the cheapest. The mix of tokens is that of the
// measured run.
#pragma once

#include <optional>

#include "economics/bill.h"
#include "economics/price_catalogue.h"

namespace hadal {

struct BreakEvenInput {
  // What the machine gives in an hour in which it works, at the speed that was measured.
  BillTokens tokens_per_busy_hour = {};
  // Of the owned machine, as hourly_costs gives them: paid at every hour.
  std::vector<CostPart> own = {};
  double utilisation = 1;  // share of hours in which it works, above 0
  std::optional<TokenPrices> api = {};
  // The same machine on demand, of which only busy hours are paid, all GPUs together.
  std::optional<double> rent_usd_per_hour = {};
};

struct BreakEven {
  double utilisation = 1;
  // Per million tokens of the mix, at that utilisation.
  std::optional<double> own_usd_per_million = {};
  std::optional<double> api_usd_per_million = {};
  std::optional<double> rent_usd_per_million = {};
  // From which utilisation on owning costs less; none: at no utilisation up to 1.
  std::optional<double> own_beats_api_from = {};
  std::optional<double> own_beats_rent_from = {};
};

// An hour at utilisation u costs idle + u · (busy - idle) when owned, u · price when bought by the
// token or by the busy hour. Throws Error kInvalidArgument for a utilisation that is not above 0
// and at most 1, for no tokens, and for negative prices.
BreakEven break_even(const BreakEvenInput& input);

}  // namespace hadal
