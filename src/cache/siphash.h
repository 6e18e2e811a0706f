// SipHash-2-4 with a 128-bit result: a keyed hash (Aumasson and Bernstein, 2012). Without the key
// nobody can construct two inputs with one hash, nor guess the hash of an input.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/hash128.h"

namespace hadal {

struct SipKey {
  uint64_t low = 0;
  uint64_t high = 0;
};

// Hashes a message given in pieces of any size; how it is cut does not matter.
class SipHash {
 public:
  explicit SipHash(const SipKey& key);
  SipHash& update(std::span<const std::byte> bytes);
  // Once; the object is spent afterwards.
  Hash128 finish();

 private:
  void absorb(uint64_t word);
  void rounds(int count);

  std::array<uint64_t, 4> v_;
  uint64_t length_ = 0;
  std::array<std::byte, 8> pending_ = {};  // the last length_ % 8 bytes
};

Hash128 siphash(const SipKey& key, std::span<const std::byte> bytes);

}  // namespace hadal
