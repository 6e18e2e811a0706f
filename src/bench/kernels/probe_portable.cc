#include <cstring>

#include "bench/kernels/probe_kernels.h"

namespace hadal::probe {
namespace {

constexpr size_t kPage = 4096;

template <int words>
uint64_t sum_words(const std::byte* p, uint64_t (&sums)[words]) {
  uint64_t loaded[words];
  std::memcpy(loaded, p, sizeof(loaded));
  for (int i = 0; i < words; ++i) sums[i] += loaded[i];
  return loaded[0];
}

template <int words>
uint64_t total(const uint64_t (&sums)[words]) {
  uint64_t sum = 0;
  for (const uint64_t s : sums) sum += s;
  return sum;
}

uint64_t read_in_order(const std::byte* data, size_t bytes) {
  uint64_t sums[8] = {};
  for (size_t i = 0; i < bytes; i += sizeof(sums)) sum_words(data + i, sums);
  return total(sums);
}

uint64_t read_ahead(const std::byte* data, size_t bytes) {
  uint64_t sums[8] = {};
  for (size_t i = 0; i < bytes; i += sizeof(sums)) {
    __builtin_prefetch(data + i + kPage);
    sum_words(data + i, sums);
  }
  return total(sums);
}

uint64_t read_four_streams(const std::byte* data, size_t bytes) {
  uint64_t sums[8] = {};
  const size_t quarter = bytes / 4;
  for (size_t i = 0; i < quarter; i += sizeof(sums)) {
    for (size_t stream = 0; stream < 4; ++stream) sum_words(data + stream * quarter + i, sums);
  }
  return total(sums);
}

float multiply_add(int64_t rounds) {
  float sums[16] = {};
  float a = 1.0F;
  for (int64_t round = 0; round < rounds; ++round) {
    asm volatile("" : "+x"(a));
    for (float& sum : sums) sum = sum * 0.5F + a;
  }
  float result = 0;
  for (const float sum : sums) result += sum;
  return result;
}

}  // namespace

const ProbeKernels& portable_kernels() {
  static constexpr ProbeKernels kKernels = {
      .read = {{"in order", read_in_order},
               {"with prefetch", read_ahead},
               {"four streams", read_four_streams}},
      .dot = {{"multiply and add f32", "", 16, multiply_add}}};
  return kKernels;
}

}  // namespace hadal::probe
