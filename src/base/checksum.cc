#include "base/checksum.h"

#include <xxhash.h>

#include "base/check.h"

namespace hadal {
namespace {

Hash128 as_hash(const XXH128_hash_t& hash) { return {.low = hash.low64, .high = hash.high64}; }

}  // namespace

struct Checksum::State {
  XXH3_state_t* xxh3 = XXH3_createState();

  State() { HADAL_CHECK(xxh3 != nullptr && XXH3_128bits_reset(xxh3) == XXH_OK); }
  ~State() { XXH3_freeState(xxh3); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
};

Hash128 checksum(std::span<const std::byte> bytes) {
  return as_hash(XXH3_128bits(bytes.data(), bytes.size()));
}

Checksum::Checksum() : state_(std::make_unique<State>()) {}
Checksum::~Checksum() = default;
Checksum& Checksum::operator=(Checksum&&) noexcept = default;

Checksum& Checksum::update(std::span<const std::byte> bytes) {
  HADAL_CHECK(XXH3_128bits_update(state_->xxh3, bytes.data(), bytes.size()) == XXH_OK);
  return *this;
}

Hash128 Checksum::value() const { return as_hash(XXH3_128bits_digest(state_->xxh3)); }

}  // namespace hadal
