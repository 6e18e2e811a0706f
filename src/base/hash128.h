// A hash of 128 bits as a value: compared, printed, and used as a key of a map. Whoever makes one
// says by what function.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace hadal {

struct Hash128 {
  uint64_t low = 0;
  uint64_t high = 0;
  auto operator<=>(const Hash128&) const = default;
};

// 32 hexadecimal digits: the bytes of `low`, then of `high`, least significant first.
std::string to_hex(const Hash128& hash);

}  // namespace hadal

template <>
struct std::hash<hadal::Hash128> {
  size_t operator()(const hadal::Hash128& value) const noexcept { return value.low; }
};
