#include "economics/break_even.h"

#include <cmath>

#include "base/error.h"

namespace hadal {
namespace {

void require(bool condition, const char* where, const char* rule) {
  if (condition) return;
  throw Error({.code = ErrorCode::kInvalidArgument, .where = where, .what = rule});
}

// The utilisation from which idle + u (busy - idle) is no more than u · price.
std::optional<double> cheaper_from(double idle, double busy, double price) {
  const double gain = price - (busy - idle);
  if (!(gain > 0)) return std::nullopt;
  const double from = idle / gain;
  if (from > 1) return std::nullopt;
  return from;
}

}  // namespace

BreakEven break_even(const BreakEvenInput& input) {
  const double u = input.utilisation;
  require(u > 0 && u <= 1, "utilisation", "must be above 0 and at most 1");
  const auto computed = static_cast<double>(input.tokens_per_busy_hour.computed_input);
  const auto cached = static_cast<double>(input.tokens_per_busy_hour.cached_input);
  const auto output = static_cast<double>(input.tokens_per_busy_hour.output);
  require(computed >= 0 && cached >= 0 && output >= 0 && computed + cached + output > 0, "a load",
          "must have tokens");
  double busy = 0;
  double idle = 0;
  for (const CostPart& part : input.own) {
    busy += part.usd_per_hour;
    idle += part.usd_per_idle_hour;
  }
  require(std::isfinite(busy) && busy >= 0 && std::isfinite(idle) && idle >= 0, "costs",
          "must be finite and at least 0");
  const double millions = u * (computed + cached + output) / 1e6;
  BreakEven out{.utilisation = u, .own_usd_per_million = (idle + u * (busy - idle)) / millions};
  if (input.api) {
    const double price = api_cost(*input.api, computed, cached, output);
    require(std::isfinite(price) && price >= 0, "prices of an API", "must be at least 0");
    out.api_usd_per_million = u * price / millions;
    out.own_beats_api_from = cheaper_from(idle, busy, price);
  }
  if (input.rent_usd_per_hour) {
    const double price = *input.rent_usd_per_hour;
    require(std::isfinite(price) && price >= 0, "rent", "must be at least 0");
    out.rent_usd_per_million = u * price / millions;
    out.own_beats_rent_from = cheaper_from(idle, busy, price);
  }
  return out;
}

}  // namespace hadal
