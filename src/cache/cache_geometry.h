// All that the cache knows of a model: how many tokens a page covers, how large its blocks are, how
// many of them hold the state of a sequence, and a number that names the layout inside. What the
// bytes of a block mean is the model's (model/v4/cache_layout.h).
#pragma once

#include <cstddef>
#include <cstdint>

namespace hadal {

struct CacheGeometry {
  int page_tokens = 0;
  size_t block_bytes = 0;  // of a page, and of a unit of a state slot; a multiple of 64
  int state_units = 0;     // blocks of one state slot
  uint64_t digest = 0;     // differs for layouts that differ anywhere

  int pages_for(int tokens) const { return (tokens + page_tokens - 1) / page_tokens; }
};

}  // namespace hadal
