// The price of an API as a user names it, for "own or API": an entry of the price catalogue, or
// numbers of the user's own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "economics/price_catalogue.h"

namespace hadal {

struct ApiOffer {
  std::string name = {};
  TokenPrices per_million = {};  // dollars
};

// `text`: "PROVIDER/MODEL" or just "MODEL" of the catalogue, whose price is the mean of the week
// that begins at `unix_seconds`, for a load that is the same at all hours; or "INPUT/OUTPUT" or
// "INPUT/OUTPUT/CACHED" in dollars per million tokens. Throws Error kInvalidArgument that names
// `where`: for names that the catalogue lacks, for a model that several providers have, and for a
// model without a price in dollars at that time.
ApiOffer find_api_offer(const PriceCatalogue& catalogue, std::string_view text,
                        int64_t unix_seconds, const std::string& where);

}  // namespace hadal
