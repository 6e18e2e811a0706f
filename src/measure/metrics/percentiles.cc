#include "measure/metrics/percentiles.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "measure/metrics/distributions.h"

namespace hadal {
namespace {

constexpr double kTail = 0.025;  // on each side of a 95 % interval

// The chance that fewer than two of n samples lie beyond the percentile.
double too_few_beyond(double n, double share) {
  return std::pow(share, n) + n * (1 - share) * std::pow(share, n - 1);
}

// The least k with P(B <= k) > bound, from 0 to n.
int64_t first_above(double bound, double n, double share) {
  int64_t low = 0;
  int64_t high = static_cast<int64_t>(std::floor(n));
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (binomial_at_most(static_cast<double>(middle), n, share) > bound) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

// Ranks l and u, from 1, between whose values the percentile lies with at least 95 %: the number of
// samples below it is binomial, and must be at least l and less than u. A rank past n: none.
struct Ranks {
  double low = 0;
  double high = 0;
};

Ranks interval_ranks(double n, double share) {
  // P(B < l) <= tail: the greatest such l is the first k whose P(B <= k) exceeds the tail.
  const auto low = static_cast<double>(first_above(kTail, n, share));
  // P(B >= u) <= tail, that is P(B <= u - 1) >= 1 - tail.
  const auto high = static_cast<double>(first_above(1 - kTail, n, share)) + 1;
  return {.low = low, .high = high};
}

}  // namespace

int64_t sample_floor(double share) {
  HADAL_CHECK(share > 0 && share < 1);
  int64_t high = 2;
  while (too_few_beyond(static_cast<double>(high), share) > 0.01) high *= 2;
  int64_t low = 1;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (too_few_beyond(static_cast<double>(middle), share) <= 0.01) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

std::optional<Percentile> percentile(std::span<const double> ascending, double share,
                                     double effective_count) {
  const auto n = static_cast<int64_t>(ascending.size());
  if (n < sample_floor(share)) return std::nullopt;
  const auto count = static_cast<double>(n);
  // Of 100 samples, 0.95 · 100 is a little more than 95 in binary; the rank is still 95.
  const auto rank = static_cast<int64_t>(std::ceil(share * count * (1 - 1e-12)));
  Percentile out{.value = ascending[std::clamp<int64_t>(rank, 1, n) - 1]};

  const double worth = std::clamp(effective_count, 1.0, count);
  const Ranks ranks = interval_ranks(worth, share);
  // Ranks among fewer, independent samples stand for ranks among all, rounded outwards.
  const auto low = static_cast<int64_t>(std::floor(ranks.low * count / worth));
  const auto high = static_cast<int64_t>(std::ceil(ranks.high * count / worth));
  if (ranks.low >= 1 && high <= n) {
    out.ci95 = {.low = std::min(ascending[low - 1], out.value),
                .high = std::max(ascending[high - 1], out.value)};
  }
  return out;
}

std::optional<Percentile> percentile(std::span<const double> ascending, double share) {
  return percentile(ascending, share, static_cast<double>(ascending.size()));
}

Interval share_interval(int64_t hits, int64_t total) {
  HADAL_CHECK(total > 0 && hits >= 0 && hits <= total);
  const auto k = static_cast<double>(hits);
  const auto n = static_cast<double>(total);
  return {.low = hits == 0 ? 0 : beta_quantile(kTail, k, n - k + 1),
          .high = hits == total ? 1 : beta_quantile(1 - kTail, k + 1, n - k)};
}

}  // namespace hadal
