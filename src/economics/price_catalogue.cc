#include "economics/price_catalogue.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "economics/catalogue_fields.h"
#include "economics/catalogue_files.h"
#include "json/known_keys.h"
#include "json/toml_document.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view kPricesSchema = "hadal.prices/1";

std::optional<int64_t> time_at(const Fields& entry, std::string_view key) {
  const auto text = entry.string(key);
  if (!text) return std::nullopt;
  const auto time = unix_time(*text);
  if (!time) entry.refuse(key, "must be a date such as \"2026-08-16\" or \"2026-08-16T16:00Z\"");
  return time;
}

double required_price(const Fields& entry, std::string_view key) {
  entry.at(key);
  const double price = entry.number(key).value_or(0);
  if (!(price >= 0 && price < 1e9)) entry.refuse(key, "must be a price of at least 0");
  return price;
}

PricePeriod period_at(const Fields& entry) {
  const std::string name = entry.string("period").value_or("all");
  if (name == "all") return PricePeriod::kAll;
  if (name == "peak") return PricePeriod::kPeak;
  if (name != "off-peak") entry.refuse("period", "must be \"all\", \"peak\" or \"off-peak\"");
  return PricePeriod::kOffPeak;
}

ApiPrice read_api_price(const Fields& entry) {
  constexpr std::string_view kKnown[] = {"provider", "model",  "currency",    "period",
                                         "input",    "output", "from",        "to",
                                         "source",   "note",   "cached_input"};
  refuse_unknown_keys(entry, kKnown);
  ApiPrice price{.provider = entry.required_string("provider"),
                 .model = entry.required_string("model"),
                 .currency = entry.string("currency").value_or("USD"),
                 .period = period_at(entry),
                 .per_million = {.input = required_price(entry, "input"),
                                 .output = required_price(entry, "output")},
                 .from = time_at(entry, "from"),
                 .to = time_at(entry, "to"),
                 .source = entry.string("source").value_or(entry.source().file),
                 .note = entry.string("note").value_or("")};
  if (entry.has("cached_input")) {
    price.per_million.cached_input = required_price(entry, "cached_input");
  }
  return price;
}

PeakHours read_peak_hours(const Fields& entry) {
  constexpr std::string_view kKnown[] = {"provider", "utc", "days", "from", "to", "source", "note"};
  refuse_unknown_keys(entry, kKnown);
  std::vector<std::string> hours;
  read_texts_at(entry, "utc", hours);
  try {
    return {.provider = entry.required_string("provider"),
            .utc = WeekHours(entry.string("days").value_or("all"), hours),
            .from = time_at(entry, "from"),
            .to = time_at(entry, "to"),
            .note = entry.string("note").value_or("")};
  } catch (const FieldError&) {
    throw;
  } catch (const Error& error) {
    refuse_field(entry.path(), error.what(), FieldFault::kValue, entry.source());
  }
}

bool holds_at(const std::optional<int64_t>& from, const std::optional<int64_t>& to, int64_t time) {
  return (!from || *from <= time) && (!to || time < *to);
}

}  // namespace

const PriceCatalogue& PriceCatalogue::built_in() {
  static const PriceCatalogue catalogue = [] {
    PriceCatalogue made;
    made.read(built_in_prices(), "prices.json");
    return made;
  }();
  return catalogue;
}

void PriceCatalogue::read(std::string_view text, const std::string& where) {
  const ordered_json json = parse_settings(text, where);
  const FieldsSource source = catalogue_source(where);
  const Fields document(json, "", source);
  constexpr std::string_view kKnown[] = {"schema", "about", "sources", "peak_hours", "prices"};
  refuse_unknown_keys(document, kKnown);
  check_schema(document, kPricesSchema);
  PriceCatalogue next = *this;
  document.each("peak_hours", [&](const ordered_json& value, const std::string& path) {
    next.peak_hours_.push_back(read_peak_hours(Fields(value, path, source)));
  });
  document.each("prices", [&](const ordered_json& value, const std::string& path) {
    next.prices_.push_back(read_api_price(Fields(value, path, source)));
  });
  *this = std::move(next);
}

bool PriceCatalogue::is_peak(std::string_view provider, int64_t unix_seconds) const {
  const int minute = minute_of_week(unix_seconds, 0);
  return std::ranges::any_of(peak_hours_, [&](const PeakHours& hours) {
    return hours.provider == provider && holds_at(hours.from, hours.to, unix_seconds) &&
           hours.utc.contains(minute);
  });
}

const ApiPrice* PriceCatalogue::price_at(const ApiPriceQuery& query) const {
  const PricePeriod now =
      is_peak(query.provider, query.unix_seconds) ? PricePeriod::kPeak : PricePeriod::kOffPeak;
  const ApiPrice* found = nullptr;
  const auto begin = [](const ApiPrice& price) {
    return price.from.value_or(std::numeric_limits<int64_t>::min());
  };
  for (const ApiPrice& price : prices_) {
    if (price.provider != query.provider || price.model != query.model ||
        price.currency != query.currency ||
        (price.period != PricePeriod::kAll && price.period != now) ||
        !holds_at(price.from, price.to, query.unix_seconds)) {
      continue;
    }
    if (found == nullptr || begin(price) >= begin(*found)) found = &price;
  }
  return found;
}

std::optional<TokenPrices> PriceCatalogue::mean_of_week(
    const ApiPriceQuery& query, std::span<const double> load_by_utc_hour) const {
  std::vector<double> load(load_by_utc_hour.begin(), load_by_utc_hour.end());
  if (load.empty()) load.assign(24, 1.0);
  double sum = 0;
  for (const double weight : load) sum += weight >= 0 && std::isfinite(weight) ? weight : -1e300;
  if (load.size() != 24 || !(sum > 0) || !std::isfinite(sum)) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "load by hour",
                 .what = "must be 24 weights of at least 0, not all of them 0"});
  }
  TokenPrices mean{.cached_input = 0};
  ApiPriceQuery at = query;
  const double all = sum * 60 * 7;
  for (int minute = 0; minute < kMinutesPerWeek; ++minute) {
    at.unix_seconds = query.unix_seconds + int64_t{60} * minute;
    const ApiPrice* price = price_at(at);
    if (price == nullptr) return std::nullopt;
    const int hour = minute_of_week(at.unix_seconds, 0) / 60 % 24;
    const double share = load[static_cast<size_t>(hour)] / all;
    mean.input += share * price->per_million.input;
    mean.output += share * price->per_million.output;
    if (!price->per_million.cached_input) mean.cached_input.reset();
    if (mean.cached_input) *mean.cached_input += share * *price->per_million.cached_input;
  }
  return mean;
}

double api_cost(const TokenPrices& prices, double computed_input_tokens, double cached_input_tokens,
                double output_tokens) {
  return (computed_input_tokens * prices.input +
          cached_input_tokens * prices.cached_input.value_or(prices.input) +
          output_tokens * prices.output) /
         1e6;
}

}  // namespace hadal
