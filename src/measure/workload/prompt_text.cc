#include "measure/workload/prompt_text.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/error.h"
#include "measure/workload/words.h"

namespace hadal {
namespace {

constexpr uint64_t kProbeKey = 0x70726f6265;  // "probe"

std::string words(uint64_t key, int64_t count) {
  std::string text;
  append_random_words(text, key, count);
  return text;
}

[[noreturn]] void refuse_counts(const std::string& what) {
  throw Error({.code = ErrorCode::kUnavailable,
               .where = "token counts",
               .what = what,
               .remedy = "send token ids (--api completions), or measure with shorter prompts"});
}

}  // namespace

bool is_close_length(int64_t wanted, int64_t counted) {
  const auto difference = static_cast<double>(std::abs(counted - wanted));
  return difference <= std::max(1.0, kLengthTolerance * static_cast<double>(wanted));
}

TextMeasure measure_text(const CountTokens& count_tokens, int64_t most_words) {
  HADAL_CHECK(most_words >= 16);
  const int64_t few = most_words / 8;
  const int64_t some = most_words / 2;
  const auto tokens_of = [&](int64_t count) {
    // Other words in each, so that the line is of the list and not of one text.
    return count_tokens(words(kProbeKey + static_cast<uint64_t>(count), count));
  };
  const int64_t tokens_of_few = tokens_of(few);
  const int64_t tokens_of_most = tokens_of(most_words);
  TextMeasure measure{.tokens_per_word = static_cast<double>(tokens_of_most - tokens_of_few) /
                                         static_cast<double>(most_words - few)};
  // No word of the list is less than half a token or more than its letters.
  if (measure.tokens_per_word < 0.5 || measure.tokens_per_word > 16) {
    refuse_counts(std::to_string(few) + " words count as " + std::to_string(tokens_of_few) +
                  " tokens and " + std::to_string(most_words) + " as " +
                  std::to_string(tokens_of_most));
  }
  measure.overhead_tokens = std::max(
      0.0, static_cast<double>(tokens_of_few) - static_cast<double>(few) * measure.tokens_per_word);
  const auto expected = static_cast<int64_t>(
      std::lround(measure.overhead_tokens + static_cast<double>(some) * measure.tokens_per_word));
  const int64_t counted = tokens_of(some);
  if (!is_close_length(expected, counted)) {
    refuse_counts(std::to_string(some) + " words should be " + std::to_string(expected) +
                  " tokens by the counts of other texts and are " + std::to_string(counted));
  }
  return measure;
}

std::string text_of_length(int64_t tokens, uint64_t key, const CountTokens& count_tokens) {
  if (tokens < 1) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "text_of_length",
                 .what = "a prompt of " + std::to_string(tokens) + " tokens was asked for",
                 .remedy = "ask for at least 1"});
  }
  constexpr int kProbes = 8;
  int64_t count = tokens;
  int64_t best_count = 0;  // words of the closest text so far
  int64_t best_tokens = 0;
  for (int probe = 0; probe < kProbes; ++probe) {
    std::string text = words(key, count);
    const int64_t counted = count_tokens(text);
    if (is_close_length(tokens, counted)) return text;
    int64_t next = 0;
    if (probe == 0 || counted == best_tokens) {
      // In proportion.
      next = counted < 1 ? count * 2 : count * tokens / counted;
    } else {
      // Along the line through the last two texts, which knows what each prompt costs on top.
      const double slope =
          static_cast<double>(counted - best_tokens) / static_cast<double>(count - best_count);
      next = count + std::lround(static_cast<double>(tokens - counted) / slope);
    }
    best_count = count;
    best_tokens = counted;
    next = std::clamp<int64_t>(next, 1, 4 * tokens + 16);
    if (next == count) next += counted < tokens ? 1 : -1;
    if (next < 1) break;
    count = next;
  }
  refuse_counts("no text of " + std::to_string(tokens) + " tokens was found; the last had " +
                std::to_string(best_count) + " words and counted as " +
                std::to_string(best_tokens));
}

}  // namespace hadal
