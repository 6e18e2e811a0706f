// Time to tokenise and to detokenise about ten thousand tokens, and the pathological cases.
// Names the tokenizer with the environment variable HADAL_BENCH_TOKENIZER; nano's otherwise.
#include <benchmark/benchmark.h>
#include <cstdlib>
#include <string>
#include <vector>

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

void append_utf8(std::string& text, char32_t character) {
  const auto put = [&](char32_t lead, int shift) {
    text += static_cast<char>(lead | character >> shift);
    for (shift -= 6; shift >= 0; shift -= 6) {
      text += static_cast<char>(0x80 | (character >> shift & 0x3F));
    }
  };
  if (character < 0x80) {
    put(0, 0);
  } else if (character < 0x800) {
    put(0xC0, 6);
  } else if (character < 0x10000) {
    put(0xE0, 12);
  } else {
    put(0xF0, 18);
  }
}

// Words of random letters: they hardly repeat, so that the cache of equal pieces does not help, and
// they take more merges than the words of a language.
std::string random_words(size_t tokens) {
  std::string text;
  uint32_t state = 1;
  const auto draw = [&](uint32_t below) {
    state = state * 1664525 + 1013904223;
    return (state >> 8) % below;
  };
  while (tokenizer().encode(text).size() < tokens) {
    for (int word = 0; word < 200; ++word) {
      for (uint32_t n = 2 + draw(8); n > 0; --n) text += static_cast<char>('a' + draw(26));
      text += draw(9) == 0 ? ". " : draw(17) == 0 ? "(42);\n  " : " ";
    }
  }
  return text;
}

void tokenize(benchmark::State& state) {
  const std::string text = random_words(static_cast<size_t>(state.range(0)));
  size_t tokens = 0;
  for (auto _ : state) tokens += tokenizer().encode(text).size();
  state.SetItemsProcessed(static_cast<int64_t>(tokens));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * text.size()));
}
BENCHMARK(tokenize)->Arg(100)->Arg(10'000)->Unit(benchmark::kMillisecond);

// Ten thousand words in scripts and symbols of many kinds, so that most characters are past U+00FF.
void tokenize_many_scripts(benchmark::State& state) {
  const std::vector<std::u32string> alphabets = {U"абвгдежзиклмнопрст",
                                                 U"αβγδεζηθικλμνξ",
                                                 U"אבגדהוזחט",
                                                 U"ابتثجحخدذرز",
                                                 U"अआइईउऊएऐओऔकखग\u093e\u093f",
                                                 U"一二三四五六七八九十",
                                                 U"ひらがなカタカナ",
                                                 U"가나다라마바사",
                                                 U"éèüßñøåçœ",
                                                 U"🩷🐋🌊👍🎉",
                                                 U"«»“”…—¿¡",
                                                 U"٠١٢٣४५६"};
  std::string text;
  uint32_t drawn = 1;
  const auto draw = [&](size_t below) {
    drawn = drawn * 1664525 + 1013904223;
    return (drawn >> 8) % below;
  };
  for (int word = 0; word < 10'000; ++word) {
    const std::u32string& alphabet = alphabets[draw(alphabets.size())];
    for (size_t n = 1 + draw(8); n > 0; --n) append_utf8(text, alphabet[draw(alphabet.size())]);
    text += ' ';
  }
  size_t tokens = 0;
  for (auto _ : state) tokens += tokenizer().encode(text).size();
  state.SetItemsProcessed(static_cast<int64_t>(tokens));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * text.size()));
}
BENCHMARK(tokenize_many_scripts)->Unit(benchmark::kMillisecond);

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
  const auto ids = tokenizer().encode(random_words(10'000));
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
