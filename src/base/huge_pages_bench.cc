// What huge pages are worth: one thread reads anonymous memory larger than the translation caches
// reach, with and without them.
#include <benchmark/benchmark.h>
#include <cstdint>
#include <cstring>
#include <new>
#include <sys/mman.h>

#include "base/huge_pages.h"

namespace hadal {
namespace {

constexpr size_t kBytes = size_t{512} << 20;

class Mapping {
 public:
  explicit Mapping(bool huge)
      : memory_(mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
    if (memory_ == MAP_FAILED) throw std::bad_alloc();
    if (huge) advise_huge_pages(memory_, kBytes);
    std::memset(memory_, 1, kBytes);
  }
  ~Mapping() { munmap(memory_, kBytes); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  const uint64_t* words() const { return static_cast<const uint64_t*>(memory_); }

 private:
  void* memory_;
};

void report(benchmark::State& state, const Mapping& mapping, size_t bytes_read) {
  const MemoryAdvice advice = memory_advice(mapping.words(), kBytes);
  state.counters["huge_share"] =
      static_cast<double>(advice.huge_bytes) / static_cast<double>(kBytes);
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes_read));
}

void StreamRead(benchmark::State& state) {
  const Mapping mapping(state.range(0) != 0);
  constexpr size_t kWords = kBytes / sizeof(uint64_t);
  for (auto _ : state) {
    uint64_t sums[8] = {};
    for (size_t i = 0; i < kWords; i += 8) {
      for (size_t lane = 0; lane < 8; ++lane) sums[lane] += mapping.words()[i + lane];
    }
    benchmark::DoNotOptimize(sums);
  }
  report(state, mapping, kBytes);
}
BENCHMARK(StreamRead)->ArgName("huge")->Arg(0)->Arg(1)->UseRealTime();

// Entries of 576 bytes in scattered places, as attention gathers them from the cache.
void GatherEntries(benchmark::State& state) {
  const Mapping mapping(state.range(0) != 0);
  constexpr size_t kEntryWords = 576 / sizeof(uint64_t);
  constexpr size_t kEntries = kBytes / 576;
  constexpr int kGathered = 4096;
  uint64_t place = 1;
  for (auto _ : state) {
    uint64_t sum = 0;
    for (int entry = 0; entry < kGathered; ++entry) {
      place = place * 6364136223846793005U + 1442695040888963407U;
      const uint64_t* const words = mapping.words() + (place >> 33) % kEntries * kEntryWords;
      for (size_t i = 0; i < kEntryWords; ++i) sum += words[i];
    }
    benchmark::DoNotOptimize(sum);
  }
  report(state, mapping, kGathered * 576);
}
BENCHMARK(GatherEntries)->ArgName("huge")->Arg(0)->Arg(1)->UseRealTime();

}  // namespace
}  // namespace hadal
