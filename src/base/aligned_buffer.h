// Memory aligned to a cache line that grows on demand and never shrinks. Contents are unspecified
// after growth: for scratch that is written before it is read. Large memory gets huge pages.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <type_traits>

#include "base/huge_pages.h"

namespace hadal {

constexpr size_t kCacheLine = 64;

constexpr size_t round_up(size_t value, size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

template <typename T>
class AlignedBuffer {
  static_assert(std::is_trivial_v<T>);

 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(size_t count) { at_least(count); }

  // Returns memory for `count` elements; the old contents are lost when it has to grow.
  T* at_least(size_t count) {
    if (count > count_) {
      memory_.reset();
      count_ = 0;
      const size_t bytes = round_up(count * sizeof(T), kCacheLine);
      const bool large = bytes >= 2 * kHugePage;
      void* memory = nullptr;
      if (posix_memalign(&memory, large ? kHugePage : kCacheLine, bytes) != 0) {
        throw std::bad_alloc();
      }
      if (large) advise_huge_pages(memory, bytes);
      memory_.reset(static_cast<T*>(memory));
      count_ = count;
    }
    return memory_.get();
  }

  T* data() { return memory_.get(); }
  const T* data() const { return memory_.get(); }
  size_t size() const { return count_; }

 private:
  struct Free {
    void operator()(T* memory) const { std::free(memory); }
  };
  std::unique_ptr<T, Free> memory_;
  size_t count_ = 0;
};

}  // namespace hadal
