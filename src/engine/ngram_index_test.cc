#include "engine/ngram_index.h"

#include <gtest/gtest.h>
#include <random>
#include <vector>

namespace hadal {
namespace {

using Tokens = std::vector<int32_t>;

TEST(NgramIndex, FindsTheLongestMatchAndAmongEqualsTheLatest) {
  NgramIndex index;
  //                     0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15
  const Tokens tokens = {9, 1, 2, 3, 4, 7, 1, 2, 3, 5, 8, 1, 2, 3, 4, 6, 0, 9, 1, 2, 3};
  const NgramIndex::Match longest = index.find(tokens);
  EXPECT_EQ(longest.length, 4);  // 9 1 2 3
  EXPECT_EQ(longest.next, 4);
  EXPECT_EQ(NgramIndex::follow(tokens, longest, 3), (Tokens{4, 7, 1}));

  NgramIndex other;
  const Tokens three(tokens.begin() + 1, tokens.end() - 3);  // ends 6 0: no match
  EXPECT_EQ(other.find(three).length, 0);
  Tokens again = three;
  again.insert(again.end(), {1, 2, 3});
  EXPECT_EQ(other.find(again).length, 3);
  EXPECT_EQ(other.find(again).next, 13);  // the latest of the three
}

TEST(NgramIndex, ShortSequencesHaveNone) {
  NgramIndex index;
  EXPECT_EQ(index.find(Tokens{}).length, 0);
  EXPECT_EQ(index.find(Tokens{5}).length, 0);
  EXPECT_EQ(index.find(Tokens{5, 5, 5}).length, 0);
  EXPECT_EQ(index.find(Tokens{5, 5, 5, 5}).length, 3);
  EXPECT_TRUE(NgramIndex::follow(Tokens{5, 6}, {}, 4).empty());
}

TEST(NgramIndex, ARepetitionGoesOnWithItself) {
  NgramIndex index;
  const Tokens tokens = {1, 2, 3, 1, 2, 3};
  const NgramIndex::Match match = index.find(tokens);
  EXPECT_EQ(match.next, 3);
  EXPECT_EQ(NgramIndex::follow(tokens, match, 8), (Tokens{1, 2, 3, 1, 2, 3, 1, 2}));
}

// A text that says the same again and again, each time in another order: a quotation goes on where
// it is, though what was said last stood elsewhere since, and more often than can be looked at.
TEST(NgramIndex, AQuotationOfRepetitionsGoesOn) {
  std::mt19937 random(3);
  Tokens text;
  constexpr int kPhrases = 12;
  constexpr int kPhraseTokens = 40;
  for (int i = 0; i < 500; ++i) {
    const auto phrase = static_cast<int32_t>(random() % kPhrases);
    for (int32_t j = 0; j < kPhraseTokens; ++j) text.push_back(1000 * phrase + j);
    // Hardly ever tells where it is.
    text.push_back(i % 10 == 9 ? 100000 + i : 500 + static_cast<int32_t>(random() % 3));
  }
  const size_t size = text.size();
  NgramIndex index;
  int right = 0;
  int guesses = 0;
  for (size_t quoted = 0; quoted < size; quoted += 4) {
    const NgramIndex::Match match = index.find(text);
    const Tokens follows = NgramIndex::follow(text, match, 4);
    for (size_t i = 0; i < 4 && quoted + i < size; ++i) {
      if (quoted >= 600 && !follows.empty()) {
        ++guesses;
        if (follows[i] == text[quoted + i]) ++right;
      }
      text.push_back(text[quoted + i]);
    }
  }
  EXPECT_GT(guesses, 0.9 * static_cast<double>(size));
  EXPECT_GT(right, 0.9 * guesses);
}

// What it finds while tokens come one by one or in runs is what a search of all positions finds.
TEST(NgramIndex, AgreesWithASearchOfAllPositions) {
  std::mt19937 random(5);
  NgramIndex index;
  Tokens tokens;
  while (tokens.size() < 3000) {
    const size_t more = 1 + random() % 4;
    for (size_t i = 0; i < more; ++i) tokens.push_back(static_cast<int32_t>(random() % 40));
    int longest = 0;
    for (size_t next = 3; next < tokens.size(); ++next) {
      int length = 0;
      while (length < static_cast<int>(next) && length < NgramIndex::kLongestMatch &&
             tokens[next - 1 - static_cast<size_t>(length)] ==
                 tokens[tokens.size() - 1 - static_cast<size_t>(length)]) {
        ++length;
      }
      if (length >= NgramIndex::kLeastMatch) longest = std::max(longest, length);
    }
    EXPECT_EQ(index.find(tokens).length, longest) << tokens.size();
  }
}

}  // namespace
}  // namespace hadal
