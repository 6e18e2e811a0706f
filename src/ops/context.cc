#include "ops/context.h"

#include <bit>

namespace hadal {

OpContext::OpContext(ThreadPool& threads, const KernelTable& kernels)
    : threads_(threads), kernels_(kernels), scratch_(static_cast<size_t>(threads.threads())) {
  if (threads.threads() == 1) return;
  no_threads_ = std::make_unique<ThreadPool>(1);
  of_threads_.reserve(scratch_.size());
  for (int i = 0; i < threads.threads(); ++i) of_threads_.emplace_back(*no_threads_, kernels);
}

float* OpContext::thread_scratch(int thread, size_t count) {
  return scratch_[static_cast<size_t>(thread)].at_least(std::bit_ceil(count));
}

std::byte* OpContext::shared_scratch(size_t bytes) {
  return shared_scratch_.at_least(std::bit_ceil(bytes));
}

}  // namespace hadal
