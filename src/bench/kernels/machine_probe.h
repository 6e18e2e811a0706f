// Measures the limits of the machine at hand (plan/machine_rates.h), and reads memory between other
// work for the rate of the moment.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/thread_pool.h"
#include "bench/kernels/weight_arena.h"
#include "bench/timing.h"
#include "ops/isa.h"
#include "plan/machine_rates.h"

namespace hadal {

namespace probe {
struct ReadKernel;
}

// What a kernel multiplies. FP4 values are so small that several products of bytes fit 16 bits. An
// FP8 weight that meets a single row of floats is converted for each product.
enum class Arithmetic { kFp4Int8, kInt8, kBf16, kFp8Float, kFloat };

// The instruction that kernels of `isa` use for this arithmetic.
std::string_view dot_instruction(Isa isa, Arithmetic arithmetic);

// What bounds a step that is computed with the kernels of `isa`.
RooflineLimits roofline_limits(const MachineRates& rates, Isa isa);

// Measures with all threads of the pool. Reads the values of `arena`: at least 1 GiB for figures
// that stand for memory and not for a cache. `peaks` holds the instructions of `isa` and of the
// lesser instruction sets, `used` names those of `isa`.
MachineRates measure_machine(ThreadPool& threads, Isa isa, const WeightArena& arena,
                             const TimingOptions& timing);

// Reads memory again with the kernel that was best: GB/s.
double measure_read_rate(ThreadPool& threads, Isa isa, const MachineRates& rates,
                         const WeightArena& arena, const TimingOptions& timing);

// Reads memory now and then between other work, a piece of the arena after the other, so that none
// lies in a cache when its turn comes. For the rate at that moment.
class ReadRateSampler {
 public:
  // `arena` outlives the sampler. The kernel is the one that `rates` found best.
  ReadRateSampler(ThreadPool& threads, Isa isa, const MachineRates& rates,
                  const WeightArena& arena);

  size_t sample_bytes() const;  // what one sample reads
  void sample();
  int samples() const { return static_cast<int>(rates_.size()); }
  double median_gb_per_s() const;  // of at least one sample

 private:
  ThreadPool& threads_;
  const probe::ReadKernel& kernel_;
  const WeightArena& arena_;
  size_t next_ = 0;
  std::vector<double> rates_ = {};
};

// The processor's name as the system tells it, or "unknown".
std::string processor_name();

}  // namespace hadal
