#include "economics/api_offer.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <vector>

#include "base/error.h"
#include "base/suggest.h"

namespace hadal {
namespace {

[[noreturn]] void refuse(const std::string& where, std::string what, std::string remedy) {
  throw Error({.code = ErrorCode::kInvalidArgument,
               .where = where,
               .what = std::move(what),
               .remedy = std::move(remedy)});
}

// None unless all of them are numbers of at least 0.
std::optional<std::vector<double>> amounts_of(std::string_view text) {
  constexpr double kMost = 1e9;
  std::vector<double> amounts;
  while (true) {
    const std::string_view word = text.substr(0, text.find('/'));
    double amount = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), amount);
    const bool is_amount =
        error == std::errc() && end == word.data() + word.size() && amount >= 0 && amount < kMost;
    if (!is_amount) return std::nullopt;
    amounts.push_back(amount);
    if (word.size() == text.size()) return amounts;
    text.remove_prefix(word.size() + 1);
  }
}

std::string list_of(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + printable(name);
  return list;
}

}  // namespace

ApiOffer find_api_offer(const PriceCatalogue& catalogue, std::string_view text,
                        int64_t unix_seconds, const std::string& where) {
  if (const auto amounts = amounts_of(text)) {
    if (amounts->size() != 2 && amounts->size() != 3) {
      refuse(where, "must be two or three amounts", "give INPUT/OUTPUT or INPUT/OUTPUT/CACHED");
    }
    ApiOffer offer{.name = "the API",
                   .per_million = {.input = (*amounts)[0], .output = (*amounts)[1]}};
    if (amounts->size() == 3) offer.per_million.cached_input = (*amounts)[2];
    return offer;
  }
  std::set<std::string> known;
  std::set<std::string> meant;
  const ApiPrice* found = nullptr;
  for (const ApiPrice& price : catalogue.prices()) {
    const std::string name = price.provider + "/" + price.model;
    known.insert(name);
    if (text != name && text != price.model) continue;
    meant.insert(name);
    found = &price;
  }
  if (found == nullptr) {
    const std::vector<std::string> names(known.begin(), known.end());
    const std::string near = nearest(text, names);
    refuse(where, "cannot be '" + printable(text) + "'",
           near.empty() ? "give dollars per million tokens as INPUT/OUTPUT/CACHED, or one of " +
                              list_of(names)
                        : "did you mean " + printable(near) + "?");
  }
  if (meant.size() > 1) {
    refuse(where, "is a model that several providers have: '" + printable(text) + "'",
           "give one of " + list_of({meant.begin(), meant.end()}));
  }
  const auto prices = catalogue.mean_of_week(
      {.provider = found->provider, .model = found->model, .unix_seconds = unix_seconds});
  if (!prices) {
    refuse(where, "has no price in dollars now: '" + printable(text) + "'",
           "give dollars per million tokens as INPUT/OUTPUT/CACHED");
  }
  return {.name = *meant.begin(), .per_million = *prices};
}

}  // namespace hadal
