#include <immintrin.h>

#include "bench/kernels/probe_kernels.h"

namespace hadal::probe {
namespace {

constexpr size_t kLine = 64;
constexpr size_t kPage = 4096;
constexpr int kSums = 16;  // of 32 registers: enough to hide the latency on two ports

__m512i load_line(const std::byte* p) { return _mm512_loadu_si512(p); }

uint64_t total(__m512i sum) {
  alignas(64) uint64_t lanes[8];
  _mm512_store_si512(lanes, sum);
  uint64_t result = 0;
  for (const uint64_t lane : lanes) result += lane;
  return result;
}

uint64_t read_in_order(const std::byte* data, size_t bytes) {
  __m512i sums[4];
  for (__m512i& sum : sums) sum = _mm512_setzero_si512();
  for (size_t i = 0; i < bytes; i += 4 * kLine) {
    for (size_t k = 0; k < 4; ++k) {
      sums[k] = _mm512_add_epi64(sums[k], load_line(data + i + k * kLine));
    }
  }
  return total(sums[0]) + total(sums[1]) + total(sums[2]) + total(sums[3]);
}

uint64_t read_ahead(const std::byte* data, size_t bytes) {
  __m512i sums[4];
  for (__m512i& sum : sums) sum = _mm512_setzero_si512();
  for (size_t i = 0; i < bytes; i += 4 * kLine) {
    for (size_t k = 0; k < 4; ++k) {
      const std::byte* p = data + i + k * kLine;
      _mm_prefetch(reinterpret_cast<const char*>(p + kPage), _MM_HINT_T0);
      sums[k] = _mm512_add_epi64(sums[k], load_line(p));
    }
  }
  return total(sums[0]) + total(sums[1]) + total(sums[2]) + total(sums[3]);
}

uint64_t read_four_streams(const std::byte* data, size_t bytes) {
  __m512i sums[4];
  for (__m512i& sum : sums) sum = _mm512_setzero_si512();
  const size_t quarter = bytes / 4;
  for (size_t i = 0; i < quarter; i += kLine) {
    for (size_t k = 0; k < 4; ++k) {
      const std::byte* p = data + k * quarter + i;
      _mm_prefetch(reinterpret_cast<const char*>(p + kPage), _MM_HINT_T0);
      sums[k] = _mm512_add_epi64(sums[k], load_line(p));
    }
  }
  return total(sums[0]) + total(sums[1]) + total(sums[2]) + total(sums[3]);
}

float sum_of(__m512 v) {
  alignas(64) float lanes[16];
  _mm512_store_ps(lanes, v);
  float sum = 0;
  for (const float lane : lanes) sum += lane;
  return sum;
}

float fma_f32(int64_t rounds) {
  __m512 sums[kSums];
  for (__m512& sum : sums) sum = _mm512_setzero_ps();
  __m512 a = _mm512_set1_ps(0.5F);
  const __m512 b = _mm512_set1_ps(0.25F);
  for (int64_t round = 0; round < rounds; ++round) {
    asm volatile("" : "+v"(a));
    for (__m512& sum : sums) sum = _mm512_fmadd_ps(a, b, sum);
  }
  float result = 0;
  for (const __m512 sum : sums) result += sum_of(sum);
  return result;
}

float dpbusd(int64_t rounds) {
  __m512i sums[kSums];
  for (__m512i& sum : sums) sum = _mm512_setzero_si512();
  __m512i a = _mm512_set1_epi8(3);
  const __m512i b = _mm512_set1_epi8(-2);
  for (int64_t round = 0; round < rounds; ++round) {
    asm volatile("" : "+v"(a));
    for (__m512i& sum : sums) sum = _mm512_dpbusd_epi32(sum, a, b);
  }
  float result = 0;
  for (const __m512i sum : sums) result += sum_of(_mm512_cvtepi32_ps(sum));
  return result;
}

// Called only where the processor has AVX512_BF16.
__attribute__((target("avx512bf16"))) float dpbf16(int64_t rounds) {
  __m512 sums[kSums];
  for (__m512& sum : sums) sum = _mm512_setzero_ps();
  __m512 half = _mm512_set1_ps(0.5F);
  asm volatile("" : "+v"(half));
  const __m512bh a = _mm512_cvtne2ps_pbh(half, half);
  for (int64_t round = 0; round < rounds; ++round) {
    for (__m512& sum : sums) sum = _mm512_dpbf16_ps(sum, a, a);
  }
  float result = 0;
  for (const __m512 sum : sums) result += sum_of(sum);
  return result;
}

}  // namespace

const ProbeKernels& avx512_kernels() {
  static constexpr ProbeKernels kKernels = {.read = {{"in order", read_in_order},
                                                     {"with prefetch", read_ahead},
                                                     {"four streams", read_four_streams}},
                                            .dot = {{"vpdpbusd", "", 64 * kSums, dpbusd},
                                                    {"vdpbf16ps", "avx512bf16", 32 * kSums, dpbf16},
                                                    {"fma f32 (512)", "", 16 * kSums, fma_f32}}};
  return kKernels;
}

}  // namespace hadal::probe
