#include "measure/workload/random_stream.h"

#include <cmath>

#include "base/check.h"
#include "numeric/elementary.h"

namespace hadal {
namespace {

constexpr uint64_t kGolden = 0x9e3779b97f4a7c15U;

uint64_t scrambled(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9U;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebU;
  return value ^ (value >> 31);
}

}  // namespace

uint64_t stream_key(std::initializer_list<uint64_t> parts) {
  uint64_t key = 0;
  for (const uint64_t part : parts) key = scrambled((key ^ part) + kGolden);
  return key;
}

uint64_t RandomStream::bits() {
  state_ += kGolden;
  return scrambled(state_);
}

uint64_t RandomStream::below(uint64_t bound) {
  HADAL_CHECK(bound >= 1);
  if (bound > UINT32_MAX) {
    // The values below 2^64 mod bound would make some results likelier than others.
    const uint64_t uneven = (0 - bound) % bound;
    uint64_t value = bits();
    while (value < uneven) value = bits();
    return value % bound;
  }
  // Lemire, 2019: prompts draw millions of tokens, and this divides hardly ever.
  const auto small = static_cast<uint32_t>(bound);
  uint64_t product = (bits() >> 32) * bound;
  if (static_cast<uint32_t>(product) < small) {
    const uint32_t uneven = (0U - small) % small;
    while (static_cast<uint32_t>(product) < uneven) product = (bits() >> 32) * bound;
  }
  return product >> 32;
}

int64_t RandomStream::between(int64_t low, int64_t high) {
  HADAL_CHECK(low <= high);
  const uint64_t span = static_cast<uint64_t>(high) - static_cast<uint64_t>(low);
  const uint64_t offset = span == UINT64_MAX ? bits() : below(span + 1);
  return static_cast<int64_t>(static_cast<uint64_t>(low) + offset);
}

double RandomStream::unit() { return (static_cast<double>(bits() >> 12) + 0.5) * 0x1p-52; }

double RandomStream::exponential() { return -elementary::log(unit()); }

double RandomStream::normal() {
  while (true) {
    const double x = 2 * unit() - 1;
    const double y = 2 * unit() - 1;
    const double square = x * x + y * y;
    // std::sqrt is rounded correctly everywhere.
    if (square < 1) return x * std::sqrt(-2 * elementary::log(square) / square);
  }
}

double RandomStream::gamma(double shape) {
  HADAL_CHECK(shape > 0 && std::isfinite(shape));
  if (shape < 1) {
    const double larger = gamma(shape + 1);
    // A float's precision is plenty for a random factor.
    return larger * static_cast<double>(
                        elementary::pow(static_cast<float>(unit()), static_cast<float>(1 / shape)));
  }
  const double d = shape - 1.0 / 3;
  const double c = 1 / std::sqrt(9 * d);
  while (true) {
    const double x = normal();
    const double root = 1 + c * x;
    if (root <= 0) continue;
    const double v = root * root * root;
    if (elementary::log(unit()) < 0.5 * x * x + d - d * v + d * elementary::log(v)) return d * v;
  }
}

}  // namespace hadal
