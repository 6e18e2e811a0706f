#include "bench/random_bits.h"

#include <algorithm>
#include <cstring>

namespace hadal {

uint64_t scrambled(uint64_t value) {
  value += 0x9e3779b97f4a7c15U;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9U;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebU;
  return value ^ (value >> 31);
}

void fill_random_bits(std::byte* data, size_t bytes, const RandomBits& bits) {
  uint64_t state = scrambled(bits.seed);
  for (size_t i = 0; i < bytes; i += sizeof(uint64_t)) {
    // xorshift64: never zero, and cheaper than the memory it is written to.
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    const uint64_t word = (state & bits.keep) | bits.set;
    std::memcpy(data + i, &word, std::min(sizeof(word), bytes - i));
  }
}

}  // namespace hadal
