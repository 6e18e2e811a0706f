// The limits of the machine at hand, measured: how fast it reads memory and caches, how many
// multiply-adds per second each dot-product instruction gives, and what a fork-join costs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/thread_pool.h"
#include "bench/timing.h"
#include "bench/weight_arena.h"
#include "ops/isa.h"

namespace hadal {

namespace probe {
struct ReadKernel;
}

// Which unit a kernel multiplies with.
enum class Arithmetic { kInt8, kBf16, kFloat };

struct DotPeak {
  std::string instruction;
  double gmac_per_s = 0;
};

// With one number of threads.
struct MachineRates {
  int threads = 0;
  double read_gb_per_s = 0;   // of memory, the best of three read kernels
  std::string read_kernel;    // which one that was
  double cache_gb_per_s = 0;  // of 256 KiB for each thread, again and again
  double fork_join_us = 0;    // one parallel_for whose items do nothing
  std::vector<DotPeak> peaks;

  // Of an instruction in `peaks`; 0 when it is not there.
  double peak(std::string_view instruction) const;
};

// The instruction that kernels of `isa` use for this arithmetic.
std::string_view dot_instruction(Isa isa, Arithmetic arithmetic);

// Measures with all threads of the pool. Reads the values of `arena`: at least 1 GiB for figures
// that stand for memory and not for a cache. `peaks` holds the instructions of `isa` and of the
// lesser instruction sets.
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

// The better of two measurements of the same machine, limit by limit: a virtual machine may read
// half as fast a minute later, and a limit should not be what was measured in a bad moment.
MachineRates best_of(const MachineRates& a, const MachineRates& b);

// The processor's name as the system tells it, or "unknown".
std::string processor_name();

}  // namespace hadal
