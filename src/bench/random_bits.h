// Fast reproducible filling of memory with bits that a mask keeps within valid values of a format.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hadal {

struct RandomBits {
  uint64_t seed = 1;
  uint64_t keep = ~uint64_t{0};  // of each 8 bytes: which bits are random …
  uint64_t set = 0;              // … and which are always one
};

// [data, data + bytes), any alignment. The same seed gives the same bytes.
void fill_random_bits(std::byte* data, size_t bytes, const RandomBits& bits);

// A word that depends on `value` alone: splitmix64.
uint64_t scrambled(uint64_t value);

}  // namespace hadal
