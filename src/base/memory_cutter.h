// Cuts typed arrays from one block, one after the other, each at a multiple of a cache line.
// Without a block it only counts, so that the same code says how large the block must be.
#pragma once

#include <cstddef>
#include <span>
#include <type_traits>

#include "base/aligned_buffer.h"

namespace hadal {

class MemoryCutter {
 public:
  // `block` is aligned to a cache line and as long as what will be taken; null: only count.
  explicit MemoryCutter(std::byte* block) : block_(block) {}

  // Contents are unspecified. Null while counting.
  template <typename T>
  T* take(size_t count) {
    static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= kCacheLine);
    const size_t offset = used_;
    used_ = round_up(used_ + count * sizeof(T), kCacheLine);
    return block_ == nullptr ? nullptr : reinterpret_cast<T*>(block_ + offset);
  }
  template <typename T>
  std::span<T> take_span(size_t count) {
    T* const first = take<T>(count);
    return first == nullptr ? std::span<T>() : std::span<T>(first, count);
  }

  size_t used() const { return used_; }  // bytes

 private:
  std::byte* block_;
  size_t used_ = 0;
};

}  // namespace hadal
