// What summing up a point costs: few requests of many tokens, and many of few.
#include <benchmark/benchmark.h>
#include <random>

#include "measure/metrics/point_metrics.h"

namespace hadal {
namespace {

constexpr int kLanes = 64;

// A closed loop whose tokens come every 20 ms, give or take half of it.
PointSamples loop_of(int64_t requests, int64_t tokens) {
  std::mt19937_64 random(1);
  PointSamples out;
  std::vector<double> free_at(kLanes, 0);
  for (int64_t i = 0; i < requests; ++i) {
    double& lane = free_at[i % kLanes];
    RequestRecord r{.index = i, .sent = lane};
    std::vector<TokenStamp> events;
    for (int64_t t = 0; t < tokens; ++t) {
      lane += 0.01 + 0.02 * static_cast<double>(random() % 1000) / 1000;
      events.push_back({.seconds = lane});
    }
    r.first_token = r.first_answer_token = events.front().seconds;
    r.last_token = r.ended = lane;
    r.asked_input_tokens = 1000;
    r.input_tokens = 1000;
    r.asked_output_tokens = tokens;
    r.output_tokens = tokens;
    out.requests.push_back(r);
    out.events.push_back(std::move(events));
  }
  return out;
}

void summarise(benchmark::State& state) {
  const PointSamples samples = loop_of(state.range(0), state.range(1));
  for (auto _ : state) {
    benchmark::DoNotOptimize(summarise_point(samples, {.concurrency = kLanes}));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0) * state.range(1));
}
BENCHMARK(summarise)->Args({10'000, 1'000})->Args({1'000'000, 10})->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace hadal
