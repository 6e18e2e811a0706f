#include "engine/simulated_acceptance.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fmt/format.h>

#include "base/as_size.h"
#include "base/error.h"
#include "engine/speculation.h"

namespace hadal {
namespace {

// 1 + p + p² + … + p^drafts.
double mean_length(double p, int drafts) {
  double sum = 1;
  double survival = 1;
  for (int i = 0; i < drafts; ++i) sum += survival *= p;
  return sum;
}

uint64_t mix(uint64_t x) {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9ULL;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebULL;
  return x ^ x >> 31;
}

}  // namespace

double SimulatedAcceptance::probability(int depth, int drafts) const {
  if (length == 0) {
    if (as_size(depth) >= survival.size()) return 0;
    const double before = depth == 0 ? 1 : survival[as_size(depth - 1)];
    return before == 0 ? 0 : survival[as_size(depth)] / before;
  }
  double low = 0;
  double high = 1;
  constexpr int kRounds = 50;
  for (int i = 0; i < kRounds; ++i) {
    const double middle = (low + high) / 2;
    (mean_length(middle, drafts) < length ? low : high) = middle;
  }
  return high;
}

bool SimulatedAcceptance::keeps(uint64_t seed, uint64_t position, int depth, int drafts) const {
  const uint64_t hash = mix(mix(seed + 0x9e3779b97f4a7c15ULL) + position * 0x9e3779b97f4a7c15ULL);
  return static_cast<double>(hash >> 11) * 0x1p-53 < probability(depth, drafts);
}

SimulatedAcceptance parse_simulated_acceptance(std::string_view text, const std::string& where) {
  SimulatedAcceptance simulated;
  const auto refuse = [&]() -> SimulatedAcceptance {
    constexpr size_t kShown = 60;
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = where,
                 .what = "is " + printable(text, kShown),
                 .remedy = "give the mean number of tokens a step, such as 2.27, or with what "
                           "probability the first, the first two, ... guesses are kept, such as "
                           "0.79,0.48,0.22"});
  };
  std::vector<double> values;
  std::string rest(text);
  while (true) {
    char* end = nullptr;
    const double value = std::strtod(rest.c_str(), &end);
    if (end == rest.c_str() || !std::isfinite(value) || values.size() == kMostDrafts) {
      return refuse();
    }
    values.push_back(value);
    if (*end == '\0') break;
    if (*end != ',') return refuse();
    rest.erase(0, as_size(static_cast<int>(end - rest.c_str())) + 1);
  }
  if (values.size() == 1 && values[0] >= 1 && values[0] <= 1 + kMostDrafts) {
    simulated.length = values[0];
    return simulated;
  }
  const bool sound =
      std::ranges::is_sorted(values, std::greater<>()) && values.front() <= 1 && values.back() >= 0;
  if (!sound) return refuse();
  simulated.survival = std::move(values);
  return simulated;
}

std::string simulated_acceptance_text(const SimulatedAcceptance& simulated) {
  if (simulated.length > 0) return fmt::format("{:g}", simulated.length);
  std::string text;
  for (const double value : simulated.survival) {
    text += fmt::format("{}{:g}", text.empty() ? "" : ",", value);
  }
  return text;
}

}  // namespace hadal
