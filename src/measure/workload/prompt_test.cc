#include "measure/workload/prompt.h"

#include <algorithm>
#include <gtest/gtest.h>

#include "base/error.h"
#include "measure/workload/prompt_text.h"
#include "measure/workload/words.h"

namespace hadal {
namespace {

int64_t words_in(std::string_view text) {
  return text.empty() ? 0 : 1 + std::count(text.begin(), text.end(), ' ');
}

TEST(Prompt, EqualPiecesGiveEqualTokensWhateverFollows) {
  const PromptStyle style;
  const Prompt a = make_prompt(std::vector<ContentPiece>{{1, 40}, {2, 24}}, style);
  const Prompt b = make_prompt(std::vector<ContentPiece>{{1, 40}, {3, 24}}, style);
  ASSERT_EQ(a.tokens.size(), 64U);
  const auto differ = std::mismatch(a.tokens.begin(), a.tokens.end(), b.tokens.begin());
  EXPECT_EQ(differ.first - a.tokens.begin(), 40);
  // A piece cut short is the beginning of the whole one.
  const Prompt cut = make_prompt(std::vector<ContentPiece>{{1, 17}}, style);
  EXPECT_TRUE(std::equal(cut.tokens.begin(), cut.tokens.end(), a.tokens.begin()));
}

TEST(Prompt, TextsShareBeginningsAsTokensDo) {
  const PromptStyle style{.form = PromptForm::kText, .text = {.tokens_per_word = 1.3}};
  const Prompt a = make_prompt(std::vector<ContentPiece>{{1, 64}, {2, 64}, {3, 9}}, style);
  const Prompt b = make_prompt(std::vector<ContentPiece>{{1, 64}, {2, 64}, {4, 700}}, style);
  const auto differ = std::mismatch(a.text.begin(), a.text.end(), b.text.begin(), b.text.end());
  const std::string shared(a.text.begin(), differ.first);
  EXPECT_GE(words_in(shared), 98);  // 128 / 1.3
  // Rounding does not add up over pieces.
  EXPECT_EQ(words_in(a.text), 105);  // 137 / 1.3
  EXPECT_EQ(words_in(b.text), 637);  // 828 / 1.3
}

TEST(Prompt, MessagesAreByRole) {
  const PromptStyle style{.form = PromptForm::kMessages, .text = {.overhead_tokens = 4}};
  const std::vector<ContentPiece> pieces = {
      {1, 10, PieceRole::kSystem}, {2, 5}, {3, 6, PieceRole::kAssistant}, {4, 7}, {5, 8}};
  const Prompt prompt = make_prompt(pieces, style);
  ASSERT_EQ(prompt.messages.size(), 4U);
  EXPECT_EQ(prompt.messages[0].role, "system");
  EXPECT_EQ(words_in(prompt.messages[0].content), 10);
  EXPECT_EQ(prompt.messages[2].role, "assistant");
  EXPECT_EQ(prompt.messages[3].role, "user");
  EXPECT_EQ(words_in(prompt.messages[3].content), 11);  // the template's share is taken off
}

// Computed once in Python.
TEST(Prompt, WordsStayWhatTheyAreForEver) {
  std::string text;
  append_random_words(text, 1, 6);
  append_random_words(text, 2, 2);
  EXPECT_EQ(text, "take best week own own power during next");
}

// A server that counts `per_word` tokens for each word of the list and some on top.
CountTokens counter(double per_word, int64_t overhead, int* calls = nullptr) {
  return [=](std::string_view text) {
    if (calls != nullptr) ++*calls;
    return overhead + static_cast<int64_t>(per_word * static_cast<double>(words_in(text)));
  };
}

TEST(PromptText, MeasuresWhatAWordCosts) {
  const TextMeasure measure = measure_text(counter(1.5, 12));
  EXPECT_NEAR(measure.tokens_per_word, 1.5, 0.01);
  EXPECT_NEAR(measure.overhead_tokens, 12, 1.5);
}

TEST(PromptText, RefusesAServerThatDoesNotCount) {
  const auto constant = [](std::string_view) { return int64_t{7}; };
  EXPECT_THROW(measure_text(constant), Error);
  const auto truncating = [](std::string_view text) {
    return std::min<int64_t>(400, words_in(text));
  };
  EXPECT_THROW(measure_text(truncating), Error);
}

TEST(PromptText, FindsATextOfTheLengthAskedFor) {
  for (const double per_word : {1.0, 1.37, 3.2}) {
    for (const int64_t overhead : {0, 3, 40}) {
      for (const int64_t tokens : {64, 500, 8192}) {
        int calls = 0;
        const CountTokens count = counter(per_word, overhead, &calls);
        const std::string text = text_of_length(tokens, 9, count);
        EXPECT_TRUE(is_close_length(tokens, count(text))) << per_word << ' ' << tokens;
        EXPECT_LE(calls, 6);
      }
    }
  }
  EXPECT_EQ(text_of_length(1, 9, counter(1, 0)), text_of_length(1, 9, counter(1, 0)));
}

TEST(PromptText, RefusesLengthsThatCannotBeHad) {
  EXPECT_THROW(text_of_length(10, 1, counter(1, 40)), Error);  // the template alone is more
  EXPECT_THROW(text_of_length(0, 1, counter(1, 0)), Error);
  EXPECT_THROW(text_of_length(1000, 1, [](std::string_view) { return int64_t{0}; }), Error);
  int64_t odd = 0;
  EXPECT_THROW(text_of_length(1000, 1, [&](std::string_view) { return ++odd % 2 * 5000; }), Error);
}

TEST(PromptText, TwoPercentIsTheLimit) {
  EXPECT_TRUE(is_close_length(1000, 1020));
  EXPECT_FALSE(is_close_length(1000, 1021));
  EXPECT_TRUE(is_close_length(1000, 980));
  EXPECT_FALSE(is_close_length(1000, 5128));
  EXPECT_TRUE(is_close_length(3, 4));
  EXPECT_FALSE(is_close_length(3, 5));
}

}  // namespace
}  // namespace hadal
