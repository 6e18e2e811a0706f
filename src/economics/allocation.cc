#include "economics/allocation.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/check.h"
#include "base/error.h"

namespace hadal {
namespace {

constexpr double kLargestUsd = 9e9;

}  // namespace

MicroUsd micro_usd(double usd) {
  if (!(usd >= 0 && usd <= kLargestUsd)) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "a bill",
                 .what = "must lie between 0 and 9,000,000,000 dollars"});
  }
  return std::llround(usd * 1e6);
}

std::vector<MicroUsd> allocate(MicroUsd total, std::span<const double> weights) {
  HADAL_CHECK(total >= 0);
  std::vector<MicroUsd> shares(weights.size(), 0);
  if (weights.empty()) return shares;
  // Divided by the largest first, so that sums of huge weights stay finite.
  const double largest = *std::ranges::max_element(weights);
  if (!(largest > 0)) {
    shares.front() = total;
    return shares;
  }
  double sum = 0;
  for (const double weight : weights) {
    HADAL_CHECK(std::isfinite(weight) && weight >= 0);
    sum += weight / largest;
  }
  std::vector<double> lost(weights.size());
  MicroUsd left = total;
  for (size_t i = 0; i < weights.size(); ++i) {
    const double exact = static_cast<double>(total) * (weights[i] / largest / sum);
    shares[i] = std::min(static_cast<MicroUsd>(exact), left);
    lost[i] = exact - static_cast<double>(shares[i]);
    left -= shares[i];
  }
  std::vector<size_t> order(weights.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, [&](size_t a, size_t b) { return lost[a] > lost[b]; });
  // Fewer than there are weights, but for the rounding of the products.
  for (size_t i = 0; left > 0; i = (i + 1) % order.size()) {
    if (!(weights[order[i]] > 0)) continue;
    ++shares[order[i]];
    --left;
  }
  return shares;
}

}  // namespace hadal
