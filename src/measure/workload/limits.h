// How much of anything a plan may have. Files come from strangers; what goes beyond is refused by
// name before memory is taken for it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hadal {

inline constexpr int64_t kMostTokens = int64_t{1} << 24;  // of a prompt or an answer
inline constexpr double kMostSeconds = 1e9;               // of any instant or duration
inline constexpr size_t kLongestTraceLine = size_t{64} << 20;
inline constexpr size_t kMostRequestsOfSession = 16384;
inline constexpr size_t kMostSessions = size_t{1} << 20;
inline constexpr size_t kMostRequests = size_t{1} << 22;
inline constexpr size_t kMostBlockRuns = size_t{1} << 26;  // of a whole trace
inline constexpr int kDeepestAgent = 8;                    // helpers of helpers

}  // namespace hadal
