#include "base/buffer_plan.h"

#include <algorithm>
#include <numeric>

#include "base/aligned_buffer.h"
#include "base/check.h"

namespace hadal {
namespace {

bool meet(const PlannedBuffer& a, const PlannedBuffer& b) {
  return a.first_use <= b.last_use && b.first_use <= a.last_use;
}

}  // namespace

size_t BufferPlan::add(const PlannedBuffer& buffer) {
  HADAL_CHECK(buffer.first_use <= buffer.last_use);
  buffers_.push_back(buffer);
  return buffers_.size() - 1;
}

void BufferPlan::place() {
  std::vector<PlannedBuffer*> by_size(buffers_.size());
  std::ranges::transform(buffers_, by_size.begin(), [](PlannedBuffer& buffer) { return &buffer; });
  std::ranges::stable_sort(by_size, std::ranges::greater{}, &PlannedBuffer::bytes);
  std::vector<const PlannedBuffer*> placed;  // by offset
  bytes_ = 0;
  for (PlannedBuffer* const buffer : by_size) {
    size_t offset = 0;
    for (const PlannedBuffer* const other : placed) {
      if (!meet(*buffer, *other)) continue;
      if (offset + buffer->bytes <= other->offset) break;
      offset = std::max(offset, round_up(other->offset + other->bytes, kCacheLine));
    }
    buffer->offset = offset;
    bytes_ = std::max(bytes_, offset + buffer->bytes);
    placed.insert(std::ranges::upper_bound(placed, offset, {}, &PlannedBuffer::offset), buffer);
  }
}

}  // namespace hadal
