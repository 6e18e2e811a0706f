// What choosing one token costs at the width of the released models' vocabulary.
#include <benchmark/benchmark.h>
#include <cmath>
#include <random>
#include <vector>

#include "engine/sampler.h"

namespace hadal {
namespace {

constexpr size_t kVocab = 129280;

// Shaped like a trained model's: a bell of the unlikely, 12 below a few likely ones. `spread` 0:
// all alike, the worst case of every filter.
std::vector<float> make_logits(float spread) {
  std::mt19937 random(1);
  std::normal_distribution<float> bell(0, spread);
  std::vector<float> logits(kVocab);
  for (float& logit : logits) logit = spread == 0 ? 1 : bell(random);
  for (size_t i = 0; i < 20 && spread > 0; ++i) {
    logits[i * 6000 + 7] = 18 - static_cast<float>(i) / 2;
  }
  return logits;
}

void measure(benchmark::State& state, const SamplingOptions& options, float spread = 2.5F) {
  const std::vector<float> logits = make_logits(spread);
  std::vector<int32_t> prompt;
  for (int32_t i = 0; i < 8000; ++i) prompt.push_back(i * 37 % static_cast<int32_t>(kVocab));
  SamplerState sampler_state(options, prompt);
  for (int32_t i = 0; i < 1000; ++i) sampler_state.advance(i * 11);
  Sampler sampler;
  uint64_t position = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(sampler.sample(logits, sampler_state, ++position));
  }
}

void Greedy(benchmark::State& state) { measure(state, {.temperature = 0}); }
void Temperature1(benchmark::State& state) { measure(state, {}); }
void Temperature1AllAlike(benchmark::State& state) { measure(state, {}, 0); }
void TopP(benchmark::State& state) { measure(state, {.top_p = 0.9F}); }
void TopPAllAlike(benchmark::State& state) { measure(state, {.top_p = 0.9F}, 0); }
void TopK(benchmark::State& state) { measure(state, {.top_k = 40}); }
void MinP(benchmark::State& state) { measure(state, {.min_p = 0.05F}); }
void AllPenalties(benchmark::State& state) {
  measure(state, {.top_p = 0.9F,
                  .repetition_penalty = 1.1F,
                  .presence_penalty = 0.5F,
                  .frequency_penalty = 0.5F,
                  .logit_bias = {{.token = 5, .bias = -100}, {.token = 9, .bias = 2}}});
}
void TopLogprobs(benchmark::State& state) {
  measure(state, {.temperature = 0, .top_logprobs = 20});
}

BENCHMARK(Greedy)->Unit(benchmark::kMillisecond);
BENCHMARK(Temperature1)->Unit(benchmark::kMillisecond);
BENCHMARK(Temperature1AllAlike)->Unit(benchmark::kMillisecond);
BENCHMARK(TopP)->Unit(benchmark::kMillisecond);
BENCHMARK(TopPAllAlike)->Unit(benchmark::kMillisecond);
BENCHMARK(TopK)->Unit(benchmark::kMillisecond);
BENCHMARK(MinP)->Unit(benchmark::kMillisecond);
BENCHMARK(AllPenalties)->Unit(benchmark::kMillisecond);
BENCHMARK(TopLogprobs)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace hadal
