#include "ops/context.h"

namespace hadal {

OpContext::OpContext(ThreadPool& threads, const KernelTable& kernels)
    : threads_(threads), kernels_(kernels), scratch_(static_cast<size_t>(threads.threads())) {}

float* OpContext::thread_scratch(int thread, size_t count) {
  return scratch_[static_cast<size_t>(thread)].at_least(count);
}

}  // namespace hadal
