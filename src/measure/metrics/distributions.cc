#include "measure/metrics/distributions.h"

#include <algorithm>
#include <cmath>

namespace hadal {
namespace {

// Beyond these a beta or a t cannot be told from its normal limit by what is asked of it here.
constexpr double kManyTrials = 1e6;
constexpr double kManyDegrees = 1e6;

// std::lgamma writes to a global; this one may run on several threads.
double log_gamma(double x) {
  int sign = 0;
  return ::lgamma_r(x, &sign);
}

double normal_at_most(double z) { return 0.5 * std::erfc(-z / std::sqrt(2.0)); }

// The continued fraction of I_x(a, b), which converges fast for x < (a + 1) / (a + b + 2).
double beta_fraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300;
  constexpr int kMostTerms = 100'000;  // about sqrt(max(a, b)) are needed
  const auto away_from_zero = [](double v) { return std::fabs(v) < kTiny ? kTiny : v; };
  double c = 1;
  double d = 1 / away_from_zero(1 - (a + b) * x / (a + 1));
  double value = d;
  for (int m = 1; m < kMostTerms; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away_from_zero(1 + even * d);
    c = away_from_zero(1 + even / c);
    value *= d * c;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away_from_zero(1 + odd * d);
    c = away_from_zero(1 + odd / c);
    value *= d * c;
    if (std::fabs(d * c - 1) < 1e-14) break;
  }
  return value;
}

// The place where a rising function passes `target`, between `low` and `high`.
template <typename Function>
double bisect(const Function& rising, double target, double low, double high) {
  for (int i = 0; i < 200 && low < high; ++i) {
    const double middle = low + (high - low) / 2;
    if (middle == low || middle == high) break;
    (rising(middle) < target ? low : high) = middle;
  }
  return low + (high - low) / 2;
}

double student_t_at_most(double t, double degrees) {  // t >= 0
  return 1 - 0.5 * incomplete_beta(degrees / 2, 0.5, degrees / (degrees + t * t));
}

}  // namespace

double incomplete_beta(double a, double b, double x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const double front = std::exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * std::log(x) +
                                b * std::log1p(-x));
  if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(a, b, x) / a;
  return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double binomial_at_most(double k, double n, double p) {
  if (k < 0) return 0;
  if (k >= n) return 1;
  if (n > kManyTrials) return normal_at_most((k + 0.5 - n * p) / std::sqrt(n * p * (1 - p)));
  return incomplete_beta(n - k, k + 1, 1 - p);
}

double student_t_quantile(double probability, double degrees) {
  if (degrees > kManyDegrees) return bisect(normal_at_most, probability, 0, 40);
  double high = 2;
  while (student_t_at_most(high, degrees) < probability && high < 1e12) high *= 2;
  return bisect([&](double t) { return student_t_at_most(t, degrees); }, probability, 0, high);
}

double beta_quantile(double probability, double a, double b) {
  return bisect([&](double x) { return incomplete_beta(a, b, x); }, probability, 0, 1);
}

}  // namespace hadal
