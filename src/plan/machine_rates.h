// The limits of a machine as data: how fast it reads memory and caches, how many multiply-adds per
// second each dot-product instruction gives, and what a fork-join costs. Who measured them, or
// looked them up, does not matter here (bench/kernels/machine_probe.h measures).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hadal {

struct DotPeak {
  std::string instruction;
  double gmac_per_s = 0;
};

// What kernels multiply with, under integer activations: names among the peaks.
struct UsedInstructions {
  std::string fp4_int8;
  std::string int8;
  std::string floats;
};

// With one number of threads.
struct MachineRates {
  int threads = 0;
  double read_gb_per_s = 0;   // of memory, the best of three read kernels
  std::string read_kernel;    // which one that was
  double cache_gb_per_s = 0;  // of 256 KiB for each thread, again and again
  double fork_join_us = 0;    // one parallel_for whose items do nothing
  std::vector<DotPeak> peaks;
  UsedInstructions used = {};  // by the kernels whose instruction set was measured

  // Of an instruction in `peaks`; 0 when it is not there.
  double peak(std::string_view instruction) const;
};

// The better of two measurements of the same machine, limit by limit: a virtual machine may read
// half as fast a minute later, and a limit should not be what was measured in a bad moment.
MachineRates best_of(const MachineRates& a, const MachineRates& b);

// What bounds a step: bytes per second, and multiply-adds per second of each arithmetic.
struct RooflineLimits {
  double read_bytes_per_s = 0;
  double fp4_int8_macs_per_s = 0;  // FP4 times int8
  double int8_macs_per_s = 0;
  double bf16_macs_per_s = 0;
  double float_macs_per_s = 0;
};

}  // namespace hadal
