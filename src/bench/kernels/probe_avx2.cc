#include <immintrin.h>

#include "bench/kernels/probe_kernels.h"

namespace hadal::probe {
namespace {

constexpr size_t kLine = 64;
constexpr size_t kPage = 4096;
constexpr int kSums = 10;  // of 16 registers: enough to hide the latency on two ports

__m256i load_half(const std::byte* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}

struct LineSums {
  __m256i low = _mm256_setzero_si256();
  __m256i high = _mm256_setzero_si256();
  void add(const std::byte* p) {
    low = _mm256_add_epi64(low, load_half(p));
    high = _mm256_add_epi64(high, load_half(p + 32));
  }
};

uint64_t total(__m256i sum) {
  alignas(32) uint64_t lanes[4];
  _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), sum);
  return lanes[0] + lanes[1] + lanes[2] + lanes[3];
}

uint64_t total(const LineSums& sums) { return total(_mm256_add_epi64(sums.low, sums.high)); }

uint64_t read_in_order(const std::byte* data, size_t bytes) {
  LineSums even;
  LineSums odd;
  for (size_t i = 0; i < bytes; i += 2 * kLine) {
    even.add(data + i);
    odd.add(data + i + kLine);
  }
  return total(even) + total(odd);
}

uint64_t read_ahead(const std::byte* data, size_t bytes) {
  LineSums even;
  LineSums odd;
  for (size_t i = 0; i < bytes; i += 2 * kLine) {
    const auto* ahead = reinterpret_cast<const char*>(data + i + kPage);
    _mm_prefetch(ahead, _MM_HINT_T0);
    _mm_prefetch(ahead + kLine, _MM_HINT_T0);
    even.add(data + i);
    odd.add(data + i + kLine);
  }
  return total(even) + total(odd);
}

uint64_t read_four_streams(const std::byte* data, size_t bytes) {
  LineSums sums[4];
  const size_t quarter = bytes / 4;
  for (size_t i = 0; i < quarter; i += kLine) {
    for (size_t stream = 0; stream < 4; ++stream) {
      const std::byte* p = data + stream * quarter + i;
      _mm_prefetch(reinterpret_cast<const char*>(p + kPage), _MM_HINT_T0);
      sums[stream].add(p);
    }
  }
  return total(sums[0]) + total(sums[1]) + total(sums[2]) + total(sums[3]);
}

float sum_of(__m256 v) {
  alignas(32) float lanes[8];
  _mm256_store_ps(lanes, v);
  float sum = 0;
  for (const float lane : lanes) sum += lane;
  return sum;
}

float fma_f32(int64_t rounds) {
  __m256 sums[kSums];
  for (__m256& sum : sums) sum = _mm256_setzero_ps();
  __m256 a = _mm256_set1_ps(0.5F);
  const __m256 b = _mm256_set1_ps(0.25F);
  for (int64_t round = 0; round < rounds; ++round) {
    asm volatile("" : "+x"(a));
    for (__m256& sum : sums) sum = _mm256_fmadd_ps(a, b, sum);
  }
  float result = 0;
  for (const __m256 sum : sums) result += sum_of(sum);
  return result;
}

// FP8 weights of one row: each code is moved into fp16 (ops/cpu/simd_avx2.h), widened and
// multiplied. Thirty-two codes at a time, which takes the fewest operations known here.
float fma_e4m3(int64_t rounds) {
  constexpr int kVectors = 3;  // of codes, so that sums, inputs and codes fit the registers
  __m256 sums[4 * kVectors];
  for (__m256& sum : sums) sum = _mm256_setzero_ps();
  __m256i codes = _mm256_set1_epi8(0x38);
  const __m256 x = _mm256_set1_ps(0.25F);
  const __m256i kept = _mm256_set1_epi16(static_cast<int16_t>(0xbfff));
  const __m256i zero = _mm256_setzero_si256();
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 3
    for (int i = 0; i < kVectors; ++i) {
      asm volatile("" : "+x"(codes));
      // Codes in the high byte, then arithmetic right by one: sign, a copy of it, the other bits.
      const auto halves = [&](__m256i high_bytes) {
        return _mm256_and_si256(_mm256_srai_epi16(high_bytes, 1), kept);
      };
      const __m256i low = halves(_mm256_unpacklo_epi8(zero, codes));
      const __m256i high = halves(_mm256_unpackhi_epi8(zero, codes));
      const auto add = [&](__m256& sum, __m128i half) {
        sum = _mm256_fmadd_ps(_mm256_cvtph_ps(half), x, sum);
      };
      add(sums[4 * i], _mm256_castsi256_si128(low));
      add(sums[4 * i + 1], _mm256_extracti128_si256(low, 1));
      add(sums[4 * i + 2], _mm256_castsi256_si128(high));
      add(sums[4 * i + 3], _mm256_extracti128_si256(high, 1));
    }
  }
  float result = 0;
  for (const __m256 sum : sums) result += sum_of(sum);
  return result;
}

// Byte products are written as instructions: compilers compute many before they add the first, run
// out of registers, and the loop would measure the stack.
template <typename Step>
inline float byte_products(int64_t rounds, Step step) {
  __m256i sums[kSums];
  for (__m256i& sum : sums) sum = _mm256_setzero_si256();
  const __m256i a = _mm256_set1_epi8(3);
  const __m256i b = _mm256_set1_epi8(-2);
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 16
    for (__m256i& sum : sums) sum = step(sum, a, b);
  }
  float result = 0;
#pragma GCC unroll 16
  for (const __m256i sum : sums) result += sum_of(_mm256_cvtepi32_ps(sum));
  return result;
}

// u8 · s8 pairs to s16, pairs of those to s32: what takes the place of a dot product here.
float maddubs(int64_t rounds) {
  const __m256i ones = _mm256_set1_epi16(1);
  return byte_products(rounds, [&](__m256i sum, __m256i a, __m256i b) {
    __m256i products;
    asm volatile(
        "vpmaddubsw %3, %2, %1\n\t"
        "vpmaddwd %4, %1, %1\n\t"
        "vpaddd %1, %0, %0"
        : "+x"(sum), "=&x"(products)
        : "x"(a), "x"(b), "x"(ones));
    return sum;
  });
}

// The same left in s16, which overflows after some products: the rate while they are few or small.
float maddubs_in_words(int64_t rounds) {
  return byte_products(rounds, [](__m256i sum, __m256i a, __m256i b) {
    __m256i products;
    asm volatile(
        "vpmaddubsw %3, %2, %1\n\t"
        "vpaddw %1, %0, %0"
        : "+x"(sum), "=&x"(products)
        : "x"(a), "x"(b));
    return sum;
  });
}

// Called only where the processor has AVX-VNNI.
__attribute__((target("avxvnni"))) float dpbusd(int64_t rounds) {
  __m256i sums[kSums];
  for (__m256i& sum : sums) sum = _mm256_setzero_si256();
  __m256i a = _mm256_set1_epi8(3);
  const __m256i b = _mm256_set1_epi8(-2);
  for (int64_t round = 0; round < rounds; ++round) {
    asm volatile("" : "+x"(a));
    for (__m256i& sum : sums) sum = _mm256_dpbusd_avx_epi32(sum, a, b);
  }
  float result = 0;
  for (const __m256i sum : sums) result += sum_of(_mm256_cvtepi32_ps(sum));
  return result;
}

}  // namespace

const ProbeKernels& avx2_kernels() {
  static constexpr ProbeKernels kKernels = {
      .read = {{"in order", read_in_order},
               {"with prefetch", read_ahead},
               {"four streams", read_four_streams}},
      .dot = {{"vpdpbusd (256)", "avxvnni", 32 * kSums, dpbusd},
              {"vpmaddubsw", "", 32 * kSums, maddubs},
              {"vpmaddubsw, 16-bit sums", "", 32 * kSums, maddubs_in_words},
              {"fma f32 (256)", "", 8 * kSums, fma_f32},
              {"e4m3 to f32, fma (256)", "", 96, fma_e4m3}}};
  return kKernels;
}

}  // namespace hadal::probe
