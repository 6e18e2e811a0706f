// What every operation is given besides its arguments: the threads to run on, the kernels chosen
// for this machine, and scratch memory per thread. Not shared between concurrent callers.
#pragma once

#include <cstddef>
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
  // valid until the same thread asks again.
  float* thread_scratch(int thread, size_t count);
  // The same for the caller of an operation, who may share it with the threads.
  float* shared_scratch(size_t count) { return shared_scratch_.at_least(count); }

 private:
  ThreadPool& threads_;
  const KernelTable& kernels_;
  OpProfile* profile_ = nullptr;
  std::vector<AlignedBuffer<float>> scratch_;  // [threads]
  AlignedBuffer<float> shared_scratch_;
};

}  // namespace hadal
