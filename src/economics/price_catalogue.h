// What APIs ask for a million tokens: by provider and model, with the history of a price and the
// hours of the week in which it holds. The built-in catalogue is data/prices.json; a user's file
// adds to it. Knows list prices only, no discounts and no taxes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "economics/week_hours.h"

namespace hadal {

// Per million tokens, in the currency of its entry.
struct TokenPrices {
  double input = 0;                         // computed
  std::optional<double> cached_input = {};  // read from the provider's cache; none: not recorded
  double output = 0;                        // reasoning included
};

enum class PricePeriod { kAll, kPeak, kOffPeak };

struct ApiPrice {
  std::string provider = {};
  std::string model = {};
  std::string currency = "USD";
  PricePeriod period = PricePeriod::kAll;
  TokenPrices per_million = {};
  // Holds in [from, to), seconds since 1970; none: not recorded, or the last one known.
  std::optional<int64_t> from = {};
  std::optional<int64_t> to = {};
  std::string source = {};
  std::string note = {};
};

struct PeakHours {
  std::string provider = {};
  WeekHours utc;
  std::optional<int64_t> from = {};
  std::optional<int64_t> to = {};
  std::string note = {};
};

struct ApiPriceQuery {
  std::string provider = {};
  std::string model = {};
  int64_t unix_seconds = 0;
  std::string currency = "USD";
};

class PriceCatalogue {
 public:
  static const PriceCatalogue& built_in();

  // Adds the prices in `text`; of those that hold at the same time the last begun wins, and of
  // equals the last read. Throws Error kInvalidFile as HardwareCatalogue::read does.
  void read(std::string_view text, const std::string& where);

  std::span<const ApiPrice> prices() const { return prices_; }

  // The price at that minute; nullptr where none is recorded.
  const ApiPrice* price_at(const ApiPriceQuery& query) const;

  // The mean over the week that begins at query.unix_seconds, for a load that is the same at all
  // hours or, with `load_by_utc_hour` (24 weights, not all zero), follows the day. A cached price
  // is none if it is at any time. None where a minute of the week has no price. Throws Error
  // kInvalidArgument for weights that are not 24, negative, or all zero.
  std::optional<TokenPrices> mean_of_week(const ApiPriceQuery& query,
                                          std::span<const double> load_by_utc_hour = {}) const;

 private:
  bool is_peak(std::string_view provider, int64_t unix_seconds) const;

  std::vector<ApiPrice> prices_;
  std::vector<PeakHours> peak_hours_;
};

// What so many tokens cost. Cached input without a price of its own is charged as input.
double api_cost(const TokenPrices& prices, double computed_input_tokens, double cached_input_tokens,
                double output_tokens);

}  // namespace hadal
