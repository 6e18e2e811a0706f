// The handle of one sequence's cached state: which blocks of the pool it holds and how many tokens
// are committed. The cache owns the blocks; the model reads them and writes them on commit only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hadal {

// The memory that block ids refer to: block `id` begins at base + id · block_bytes.
struct CachePoolView {
  std::byte* base = nullptr;  // 64-byte aligned
  size_t block_bytes = 0;

  std::byte* block(int32_t id) const { return base + static_cast<size_t>(id) * block_bytes; }
};

struct SequenceCache {
  std::vector<int32_t> pages = {};  // page i covers tokens [i · page_tokens, (i + 1) · page_tokens)
  std::vector<int32_t> state_units = {};  // [CacheGeometry::state_units]
  int length = 0;                         // tokens committed by the main layers
  // So many of the last tokens the state of the model's drafter knows without a gap; at most
  // `length`. 0 where nobody fed it.
  int drafter_rows = 0;

  bool operator==(const SequenceCache&) const = default;
};

}  // namespace hadal
