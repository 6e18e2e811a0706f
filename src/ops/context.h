// What every operation is given besides its arguments: the threads to run on, the kernels chosen
// for this machine, and scratch memory per thread. Not shared between concurrent callers.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/thread_pool.h"

namespace hadal {

struct KernelTable;
class OpProfile;

class OpContext {
 public:
  // Both must outlive the context.
  OpContext(ThreadPool& threads, const KernelTable& kernels);

  ThreadPool& threads() { return threads_; }
  const KernelTable& kernels() const { return kernels_; }

  // Where operations count their time (op_profile.h); nullptr, as at first: nowhere. Must outlive
  // its use here.
  OpProfile* profile() const { return profile_; }
  void set_profile(OpProfile* profile) { profile_ = profile; }

  // Scratch of one thread of the pool: `count` floats, 64-byte aligned, with unspecified contents,
  // valid until the same thread asks again. It grows by doubling, as needs do that grow with every
  // token of a context.
  float* thread_scratch(int thread, size_t count);
  // The same for the caller of an operation, who may share it with the threads: `bytes` of it.
  std::byte* shared_scratch(size_t bytes);

  // A context with the same kernels that computes on the calling thread alone, for the body of a
  // loop over rows (row_loop.h): one per thread of the pool.
  OpContext& of_thread(int thread) {
    return of_threads_.empty() ? *this : of_threads_[static_cast<size_t>(thread)];
  }

 private:
  ThreadPool& threads_;
  const KernelTable& kernels_;
  OpProfile* profile_ = nullptr;
  std::vector<AlignedBuffer<float>> scratch_;  // [threads]
  AlignedBuffer<std::byte> shared_scratch_;
  std::unique_ptr<ThreadPool> no_threads_;  // of `of_threads_`; null where this has no others
  std::vector<OpContext> of_threads_;
};

}  // namespace hadal
