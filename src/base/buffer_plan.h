// Lays buffers of known size and lifetime into one block: two of them share memory only where their
// lifetimes do not meet. Owns no memory.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace hadal {

struct PlannedBuffer {
  std::string_view name;  // a literal
  size_t bytes = 0;
  // The first and the last stage that touch it. Stages are numbered in the order they run in.
  int first_use = 0;
  int last_use = 0;
  size_t offset = 0;  // in the block, a multiple of a cache line; after place()
};

class BufferPlan {
 public:
  // Returns the buffer's index.
  size_t add(const PlannedBuffer& buffer);
  // Gives every buffer its offset: the largest first, each at the lowest place that is free as long
  // as it is needed.
  void place();

  size_t offset(size_t index) const { return buffers_[index].offset; }
  size_t bytes() const { return bytes_; }  // of the block
  const std::vector<PlannedBuffer>& buffers() const { return buffers_; }

 private:
  std::vector<PlannedBuffer> buffers_;
  size_t bytes_ = 0;
};

}  // namespace hadal
