// Random numbers for plans, the same on every machine, compiler and library for ever: the
// distributions of <random> are left to each library. Every draw comes from a key, so that a plan
// can be made in any order. No secret is safe in them.
#pragma once

#include <cstdint>
#include <initializer_list>

namespace hadal {

// A key that depends on each part and on their order.
uint64_t stream_key(std::initializer_list<uint64_t> parts);

class RandomStream {
 public:
  explicit RandomStream(uint64_t key) : state_(key) {}

  // 64 random bits: splitmix64 (Steele, Lea, Flood, 2014).
  uint64_t bits();
  // Uniform in [0, bound), without bias; `bound` is at least 1.
  uint64_t below(uint64_t bound);
  // Uniform over the integers of [low, high].
  int64_t between(int64_t low, int64_t high);
  // Uniform in (0, 1), never 0 and never 1.
  double unit();
  // Mean 1.
  double exponential();
  // Mean 0, variance 1: Marsaglia's polar method.
  double normal();
  // Mean `shape`, variance `shape`: Marsaglia and Tsang, 2000. `shape` is above 0 and finite.
  double gamma(double shape);

 private:
  uint64_t state_;
};

}  // namespace hadal
