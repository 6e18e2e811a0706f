#include "cache/siphash.h"

#include <algorithm>
#include <bit>

#include "base/unaligned.h"

namespace hadal {

SipHash::SipHash(const SipKey& key)
    : v_{key.low ^ 0x736f6d6570736575, key.high ^ 0x646f72616e646f6d ^ 0xee,
         key.low ^ 0x6c7967656e657261, key.high ^ 0x7465646279746573} {}

void SipHash::rounds(int count) {
  for (int i = 0; i < count; ++i) {
    v_[0] += v_[1];
    v_[2] += v_[3];
    v_[1] = std::rotl(v_[1], 13) ^ v_[0];
    v_[3] = std::rotl(v_[3], 16) ^ v_[2];
    v_[0] = std::rotl(v_[0], 32);
    v_[2] += v_[1];
    v_[0] += v_[3];
    v_[1] = std::rotl(v_[1], 17) ^ v_[2];
    v_[3] = std::rotl(v_[3], 21) ^ v_[0];
    v_[2] = std::rotl(v_[2], 32);
  }
}

void SipHash::absorb(uint64_t word) {
  v_[3] ^= word;
  rounds(2);
  v_[0] ^= word;
}

SipHash& SipHash::update(std::span<const std::byte> bytes) {
  const size_t held = length_ % 8;
  length_ += bytes.size();
  if (held > 0) {
    const size_t taken = std::min(bytes.size(), 8 - held);
    std::copy_n(bytes.begin(), taken, pending_.begin() + static_cast<std::ptrdiff_t>(held));
    bytes = bytes.subspan(taken);
    if (held + taken < 8) return *this;
    absorb(load_unaligned<uint64_t>(pending_.data()));
  }
  for (; bytes.size() >= 8; bytes = bytes.subspan(8)) {
    absorb(load_unaligned<uint64_t>(bytes.data()));
  }
  std::ranges::copy(bytes, pending_.begin());
  return *this;
}

Hash128 SipHash::finish() {
  const size_t held = length_ % 8;
  std::fill(pending_.begin() + static_cast<std::ptrdiff_t>(held), pending_.end(), std::byte{0});
  absorb(load_unaligned<uint64_t>(pending_.data()) | length_ << 56);
  v_[2] ^= 0xee;
  rounds(4);
  Hash128 hash;
  hash.low = v_[0] ^ v_[1] ^ v_[2] ^ v_[3];
  v_[1] ^= 0xdd;
  rounds(4);
  hash.high = v_[0] ^ v_[1] ^ v_[2] ^ v_[3];
  return hash;
}

Hash128 siphash(const SipKey& key, std::span<const std::byte> bytes) {
  return SipHash(key).update(bytes).finish();
}

}  // namespace hadal
