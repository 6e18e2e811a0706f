// ULIDs, the names of runs: 48 bits of time in milliseconds and 80 random bits as 26 characters of
// Crockford's base 32. They sort by time as text, and two machines never make the same one.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hadal {

constexpr size_t kUlidLength = 26;

// `unix_ms` from 0 to 2^48 - 1.
std::string encode_ulid(int64_t unix_ms, const std::array<uint8_t, 10>& random);

// A new one of now. Those that a process makes ascend, also within a millisecond. Any thread.
std::string make_ulid();

// Milliseconds since 1970 of a well-formed ULID; nothing for other texts. Lower case is none here,
// because ids are compared as text.
std::optional<int64_t> ulid_time(std::string_view text);

}  // namespace hadal
