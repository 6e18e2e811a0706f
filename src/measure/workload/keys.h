// What the keys of random streams are told apart by: no two uses of a seed may meet.
#pragma once

#include <cstdint>

#include "measure/workload/workload.h"

namespace hadal {

enum class StreamUse : uint64_t {
  kLengths = 1,
  kPrompt,
  kSystemPrompt,
  kUserTurn,
  kAnswer,
  kThinking,
  kBlock,
  kOwnTail,
  kMarker,
  kStart,
  kArrivals,
  kSynthetic,
};

// The key of a stream of contents: another one for every seed, salt and space.
inline uint64_t content_key(const ContentSeed& content, RequestPhase space, StreamUse use,
                            uint64_t first, uint64_t second = 0) {
  return stream_key({content.seed, content.salt, static_cast<uint64_t>(space),
                     static_cast<uint64_t>(use), first, second});
}

// The key of a stream of lengths, times and choices: the same in every repeat.
inline uint64_t shape_key(const ContentSeed& content, RequestPhase space, StreamUse use,
                          uint64_t first, uint64_t second = 0) {
  return stream_key(
      {content.seed, static_cast<uint64_t>(space), static_cast<uint64_t>(use), first, second});
}

}  // namespace hadal
