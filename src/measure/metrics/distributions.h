// The distributions that intervals come from: binomial, beta, Student's t. Accurate to about 1e-10,
// far beyond what any sample deserves.
#pragma once

namespace hadal {

// The regularised incomplete beta function I_x(a, b), a and b above zero, x from 0 to 1. By its
// continued fraction (modified Lentz).
double incomplete_beta(double a, double b, double x);

// P(B <= k) for B binomial of n trials with probability p each. `n` may be fractional (an effective
// number of samples); beyond 10^6 trials by the normal distribution.
double binomial_at_most(double k, double n, double p);

// The value that a Student's t of so many degrees of freedom stays below with that probability,
// 0.5 to 1 exclusively. `degrees` above zero, fractional ones too.
double student_t_quantile(double probability, double degrees);

// The x with I_x(a, b) = probability.
double beta_quantile(double probability, double a, double b);

}  // namespace hadal
