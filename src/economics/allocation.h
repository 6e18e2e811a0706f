// Dividing an amount of money so that the shares add up to it, to the last millionth of a dollar.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace hadal {

// Millionths of a dollar.
using MicroUsd = int64_t;

// The amount nearest to `usd`. Throws Error kInvalidArgument for what is negative, not finite, or
// above 9 · 10^9 dollars, where a double no longer tells millionths apart.
MicroUsd micro_usd(double usd);

inline double usd_of(MicroUsd amount) { return static_cast<double>(amount) / 1e6; }

// Shares of `total` (not negative) as near to the weights as whole millionths allow: each is
// rounded down, and what is left goes to those that lost most by it (the method of largest
// remainders; of equals to the first; a weight of zero gets nothing). Weights are finite and not
// negative; where all are zero the first takes the total. No weights: no shares.
std::vector<MicroUsd> allocate(MicroUsd total, std::span<const double> weights);

}  // namespace hadal
