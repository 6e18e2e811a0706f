// Loops that find the limits of a machine: reading memory and multiplying in registers, for one
// instruction set each. Plain data only: the files that define them are compiled with ISA flags and
// share no inline function with the rest of the program.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hadal::probe {

struct ReadKernel {
  const char* name = "";
  // Reads all of [data, data + bytes), bytes a multiple of 4096 and data of 64, and returns a value
  // that depends on every byte.
  uint64_t (*read)(const std::byte* data, size_t bytes) = nullptr;
};

struct DotKernel {
  const char* instruction = "";
  const char* needs = "";  // a feature beyond the instruction set, "" for none
  double macs_per_round = 0;
  // Runs `rounds` rounds of independent multiply-adds in registers, conversions of weights included
  // where the name says so.
  float (*run)(int64_t rounds) = nullptr;
};

constexpr int kReadKernels = 3;
constexpr int kMostDotKernels = 5;

struct ProbeKernels {
  ReadKernel read[kReadKernels];
  DotKernel dot[kMostDotKernels];  // those after the last have no run
};

const ProbeKernels& portable_kernels();
const ProbeKernels& avx2_kernels();    // AVX2, FMA, F16C
const ProbeKernels& avx512_kernels();  // AVX-512 F, BW, VNNI; BF16 where a kernel needs it

}  // namespace hadal::probe
