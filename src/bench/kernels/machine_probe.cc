#include "bench/kernels/machine_probe.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <fstream>

#include "base/aligned_buffer.h"
#include "base/as_size.h"
#include "base/check.h"
#include "base/statistics.h"
#include "base/units.h"
#include "bench/kernels/probe_kernels.h"
#include "bench/random_bits.h"

namespace hadal {
namespace {

// What kernels return goes here, so that none of them is optimised away.
std::atomic<uint64_t> sink{0};

const probe::ProbeKernels& read_kernels(Isa isa) {
  switch (isa) {
    case Isa::kRef:
      return probe::portable_kernels();
    case Isa::kAvx2:
    case Isa::kAvxVnni:
    case Isa::kAvxVnniInt8:
      return probe::avx2_kernels();
    case Isa::kAvx512:
    case Isa::kAvx512Bf16:
      return probe::avx512_kernels();
  }
  return probe::portable_kernels();
}

bool has_feature(std::string_view feature) {
  if (feature.empty()) return true;
  if (feature == "avxvnni") return isa_supported(Isa::kAvxVnni);
  return feature == "avx512bf16" && isa_supported(Isa::kAvx512Bf16);
}

constexpr size_t kProbePiece = size_t{1} << 20;

// Whole pieces with all threads.
void read_memory(ThreadPool& threads, const probe::ReadKernel& kernel, const std::byte* data,
                 size_t pieces) {
  // Long runs for each thread, short enough that none waits for the last.
  const int grain = std::max(1, static_cast<int>(pieces) / (threads.threads() * 16));
  threads.parallel_for(static_cast<int>(pieces), grain, [&](int begin, int end, int) {
    const uint64_t sum =
        kernel.read(data + as_size(begin) * kProbePiece, as_size(end - begin) * kProbePiece);
    sink.fetch_add(sum, std::memory_order_relaxed);
  });
}

double memory_read_rate(ThreadPool& threads, const probe::ReadKernel& kernel,
                        const WeightArena& arena, const TimingOptions& timing) {
  const size_t pieces = arena.size() / kProbePiece;
  const double seconds =
      median_call_seconds(timing, [&] { read_memory(threads, kernel, arena.data(), pieces); });
  return static_cast<double>(pieces * kProbePiece) / seconds / kGiga;
}

const probe::ReadKernel& named_read_kernel(Isa isa, std::string_view name) {
  const auto& kernels = read_kernels(isa).read;
  const auto found = std::find_if(std::begin(kernels), std::end(kernels),
                                  [&](const auto& kernel) { return name == kernel.name; });
  HADAL_CHECK(found != std::end(kernels));
  return *found;
}

double cache_read_rate(ThreadPool& threads, const probe::ReadKernel& kernel,
                       const TimingOptions& timing) {
  constexpr size_t kBytes = size_t{256} << 10;
  constexpr int kPasses = 64;
  std::vector<AlignedBuffer<std::byte>> buffers(as_size(threads.threads()));
  for (auto& buffer : buffers) fill_random_bits(buffer.at_least(kBytes), kBytes, {});
  const int items = threads.threads() * 8;
  const auto pass = [&] {
    threads.parallel_for(items, 1, [&](int begin, int end, int thread) {
      uint64_t sum = 0;
      for (int i = 0; i < (end - begin) * kPasses; ++i) {
        sum += kernel.read(buffers[as_size(thread)].data(), kBytes);
      }
      sink.fetch_add(sum, std::memory_order_relaxed);
    });
  };
  const double seconds = median_call_seconds(timing, pass);
  return static_cast<double>(kBytes) * kPasses * items / seconds / kGiga;
}

double dot_rate(ThreadPool& threads, const probe::DotKernel& kernel, const TimingOptions& timing) {
  constexpr int64_t kRounds = 100000;
  const int items = threads.threads() * 8;
  const auto pass = [&] {
    threads.parallel_for(items, 1, [&](int begin, int end, int) {
      const float result = kernel.run(kRounds * (end - begin));
      sink.fetch_add(std::isfinite(result) ? 1 : 0, std::memory_order_relaxed);
    });
  };
  const double seconds = median_call_seconds(timing, pass);
  return kernel.macs_per_round * static_cast<double>(kRounds) * items / seconds / kGiga;
}

void add_peaks(MachineRates& rates, ThreadPool& threads, const probe::ProbeKernels& kernels,
               const TimingOptions& timing) {
  for (const probe::DotKernel& kernel : kernels.dot) {
    if (kernel.run == nullptr || !has_feature(kernel.needs)) continue;
    rates.peaks.push_back(
        {.instruction = kernel.instruction, .gmac_per_s = dot_rate(threads, kernel, timing)});
  }
}

}  // namespace

std::string_view dot_instruction(Isa isa, Arithmetic arithmetic) {
  const bool bytes = arithmetic == Arithmetic::kInt8 || arithmetic == Arithmetic::kFp4Int8;
  const std::string_view float_instruction =
      arithmetic == Arithmetic::kFp8Float ? "e4m3 to f32, fma (256)" : "fma f32 (256)";
  switch (isa) {
    case Isa::kRef:
      return "multiply and add f32";
    case Isa::kAvx2:
      if (arithmetic == Arithmetic::kFp4Int8) return "vpmaddubsw, 16-bit sums";
      if (arithmetic == Arithmetic::kInt8) return "vpmaddubsw";
      return float_instruction;
    case Isa::kAvxVnni:
    case Isa::kAvxVnniInt8:
      return bytes ? "vpdpbusd (256)" : float_instruction;
    case Isa::kAvx512Bf16:
      if (arithmetic == Arithmetic::kBf16) return "vdpbf16ps";
      [[fallthrough]];
    case Isa::kAvx512:
      return bytes ? "vpdpbusd" : "fma f32 (512)";
  }
  return "";
}

MachineRates measure_machine(ThreadPool& threads, Isa isa, const WeightArena& arena,
                             const TimingOptions& timing) {
  MachineRates rates{.threads = threads.threads(),
                     .read_kernel = {},
                     .peaks = {},
                     .used = {.fp4_int8 = std::string(dot_instruction(isa, Arithmetic::kFp4Int8)),
                              .int8 = std::string(dot_instruction(isa, Arithmetic::kInt8)),
                              .floats = std::string(dot_instruction(isa, Arithmetic::kFloat))}};
  const probe::ProbeKernels& kernels = read_kernels(isa);
  for (const probe::ReadKernel& kernel : kernels.read) {
    const double rate = memory_read_rate(threads, kernel, arena, timing);
    if (rate <= rates.read_gb_per_s) continue;
    rates.read_gb_per_s = rate;
    rates.read_kernel = kernel.name;
  }
  rates.cache_gb_per_s = cache_read_rate(threads, kernels.read[0], timing);
  const int items = threads.threads();
  rates.fork_join_us =
      median_call_seconds(timing, [&] { threads.parallel_for(items, 1, [](int, int, int) {}); }) *
      1e6;
  const bool avx512 = isa == Isa::kAvx512 || isa == Isa::kAvx512Bf16;
  if (avx512) add_peaks(rates, threads, probe::avx512_kernels(), timing);
  if (isa != Isa::kRef) add_peaks(rates, threads, probe::avx2_kernels(), timing);
  if (isa == Isa::kRef) add_peaks(rates, threads, probe::portable_kernels(), timing);
  return rates;
}

double measure_read_rate(ThreadPool& threads, Isa isa, const MachineRates& rates,
                         const WeightArena& arena, const TimingOptions& timing) {
  return memory_read_rate(threads, named_read_kernel(isa, rates.read_kernel), arena, timing);
}

ReadRateSampler::ReadRateSampler(ThreadPool& threads, Isa isa, const MachineRates& rates,
                                 const WeightArena& arena)
    : threads_(threads), kernel_(named_read_kernel(isa, rates.read_kernel)), arena_(arena) {
  HADAL_CHECK(arena.size() >= kProbePiece);
}

size_t ReadRateSampler::sample_bytes() const {
  constexpr size_t kSampleBytes = size_t{128} << 20;
  return std::min(kSampleBytes, arena_.size()) / kProbePiece * kProbePiece;
}

void ReadRateSampler::sample() {
  const size_t bytes = sample_bytes();
  if (next_ + bytes > arena_.size()) next_ = 0;
  const double seconds = seconds_of(
      [&] { read_memory(threads_, kernel_, arena_.data() + next_, bytes / kProbePiece); });
  next_ += bytes;
  rates_.push_back(static_cast<double>(bytes) / seconds / kGiga);
}

double ReadRateSampler::median_gb_per_s() const { return median(rates_); }

RooflineLimits roofline_limits(const MachineRates& rates, Isa isa) {
  const auto macs_per_s = [&](Arithmetic arithmetic) {
    return rates.peak(dot_instruction(isa, arithmetic)) * kGiga;
  };
  return {.read_bytes_per_s = rates.read_gb_per_s * kGiga,
          .fp4_int8_macs_per_s = macs_per_s(Arithmetic::kFp4Int8),
          .int8_macs_per_s = macs_per_s(Arithmetic::kInt8),
          .bf16_macs_per_s = macs_per_s(Arithmetic::kBf16),
          .float_macs_per_s = macs_per_s(Arithmetic::kFloat)};
}

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("model name")) continue;
    const size_t colon = line.find(": ");
    if (colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

}  // namespace hadal
