// What a parallel_for costs beyond its work. Medians of single calls are reported as p50_us next to
// the mean, which a busy machine inflates.
#include <algorithm>
#include <atomic>
#include <benchmark/benchmark.h>
#include <chrono>
#include <thread>
#include <vector>

#include "base/thread_pool.h"

namespace hadal {
namespace {

using Clock = std::chrono::steady_clock;

double percentile(std::vector<double>& values, double share) {
  const auto at = static_cast<size_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at), values.end());
  return values[at];
}

template <typename Call>
void measure_calls(benchmark::State& state, const Call& call,
                   std::chrono::milliseconds pause = std::chrono::milliseconds{0}) {
  std::vector<double> microseconds;
  for (auto _ : state) {
    if (pause.count() > 0) std::this_thread::sleep_for(pause);
    const auto start = Clock::now();
    call();
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    state.SetIterationTime(seconds);
    microseconds.push_back(seconds * 1e6);
  }
  state.counters["p50_us"] = percentile(microseconds, 0.5);
  state.counters["p90_us"] = percentile(microseconds, 0.9);
}

// A body that does nothing: the caller need not wait for threads that find no item left.
void EmptyForkJoin(benchmark::State& state) {
  ThreadPool pool(static_cast<int>(state.range(0)));
  pool.pin();
  measure_calls(state, [&] { pool.parallel_for(pool.threads(), 1, [](int, int, int) {}); });
}
BENCHMARK(EmptyForkJoin)->Arg(1)->Arg(2)->UseManualTime();

// Every thread runs an item: no item ends before all have begun.
void meet_all_threads(ThreadPool& pool) {
  std::atomic<int> begun{0};
  pool.parallel_for(pool.threads(), 1, [&](int, int, int) {
    begun.fetch_add(1, std::memory_order_relaxed);
    while (begun.load(std::memory_order_relaxed) < pool.threads()) {
    }
  });
}

// The round trip that a kernel pays when its work is well spread.
void FullForkJoin(benchmark::State& state) {
  ThreadPool pool(static_cast<int>(state.range(0)));
  pool.pin();
  measure_calls(state, [&] { meet_all_threads(pool); });
}
BENCHMARK(FullForkJoin)->Arg(2)->UseManualTime();

// The same after a pause in which the workers fall asleep.
void WakingForkJoin(benchmark::State& state) {
  ThreadPool pool(static_cast<int>(state.range(0)));
  pool.pin();
  measure_calls(
      state, [&] { meet_all_threads(pool); }, std::chrono::milliseconds{2});
}
BENCHMARK(WakingForkJoin)->Arg(2)->UseManualTime()->Iterations(200);

// The cost of handing out one item, as seen by a loop of many items that do nothing.
void HandOut(benchmark::State& state) {
  ThreadPool pool(static_cast<int>(state.range(0)));
  pool.pin();
  constexpr int kItems = 10000;
  for (auto _ : state) {
    pool.parallel_for(kItems, 1, [](int begin, int, int) { benchmark::DoNotOptimize(begin); });
  }
  state.SetItemsProcessed(state.iterations() * kItems);
}
BENCHMARK(HandOut)->Arg(1)->Arg(2)->UseRealTime();

}  // namespace
}  // namespace hadal
