// Checksums that find damage: XXH3 with 128 bits, about as fast as memory is read. They need no key
// and withstand nobody who means to forge one; what must is keyed (cache/siphash.h).
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "base/hash128.h"

namespace hadal {

Hash128 checksum(std::span<const std::byte> bytes);

// The same of bytes given in pieces of any size; how they are cut does not matter.
class Checksum {
 public:
  Checksum();
  ~Checksum();
  Checksum& operator=(Checksum&&) noexcept;

  Checksum& update(std::span<const std::byte> bytes);
  // Of all bytes so far; more may follow.
  Hash128 value() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hadal
