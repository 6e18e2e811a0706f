// Time to tokenise and to detokenise prose and source code of about ten thousand tokens.
// Names the tokenizer with the environment variable HADAL_BENCH_TOKENIZER; nano's otherwise.
#include <benchmark/benchmark.h>
#include <cstdlib>
#include <string>

#include "text/detokenizer.h"
#include "text/tokenizer.h"

namespace hadal {
namespace {

const Tokenizer& tokenizer() {
  static const Tokenizer kTokenizer = [] {
    const char* path = std::getenv("HADAL_BENCH_TOKENIZER");
    return Tokenizer::load(path != nullptr ? path : HADAL_SOURCE_DIR "/models/nano/tokenizer.json");
  }();
  return kTokenizer;
}

// Words that hardly repeat, so that the cache of equal pieces helps no more than in real text.
std::string prose(size_t tokens) {
  constexpr const char* kSyllables[] = {"ka", "lo", "mer", "ti", "sun", "ra", "pel", "vo"};
  std::string text;
  uint32_t state = 1;
  while (tokenizer().encode(text).size() < tokens) {
    for (int word = 0; word < 500; ++word) {
      for (uint32_t n = 1 + state % 3; n > 0; --n) {
        state = state * 1664525 + 1013904223;
        text += kSyllables[state >> 29];
      }
      text += state % 11 == 0 ? ". " : state % 13 == 0 ? "(42);\n  " : " ";
    }
  }
  return text;
}

void tokenize(benchmark::State& state) {
  const std::string text = prose(static_cast<size_t>(state.range(0)));
  size_t tokens = 0;
  for (auto _ : state) tokens += tokenizer().encode(text).size();
  state.SetItemsProcessed(static_cast<int64_t>(tokens));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * text.size()));
}
BENCHMARK(tokenize)->Arg(100)->Arg(10'000)->Unit(benchmark::kMillisecond);

void tokenize_one_long_word(benchmark::State& state) {
  const std::string text(static_cast<size_t>(state.range(0)), 'a');
  for (auto _ : state) benchmark::DoNotOptimize(tokenizer().encode(text));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * text.size()));
}
BENCHMARK(tokenize_one_long_word)->Arg(1 << 16)->Arg(1 << 20)->Unit(benchmark::kMillisecond);

void tokenize_white_space(benchmark::State& state) {
  const std::string text = std::string(static_cast<size_t>(state.range(0)), ' ') + "x";
  for (auto _ : state) benchmark::DoNotOptimize(tokenizer().encode(text));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * text.size()));
}
BENCHMARK(tokenize_white_space)->Arg(1 << 16)->Arg(1 << 20)->Unit(benchmark::kMillisecond);

void detokenize(benchmark::State& state) {
  const auto ids = tokenizer().encode(prose(10'000));
  for (auto _ : state) {
    Detokenizer detokenizer(tokenizer());
    for (const int32_t id : ids) benchmark::DoNotOptimize(detokenizer.push(id));
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * ids.size()));
}
BENCHMARK(detokenize)->Unit(benchmark::kMillisecond);

void load(benchmark::State& state) {
  tokenizer();
  const char* path = std::getenv("HADAL_BENCH_TOKENIZER");
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        Tokenizer::load(path != nullptr ? path : HADAL_SOURCE_DIR "/models/nano/tokenizer.json"));
  }
}
BENCHMARK(load)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace hadal
