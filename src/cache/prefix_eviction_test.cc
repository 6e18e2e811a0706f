// What eviction leaves of conversations: the end of each, from which its next turn resumes.
#include <gtest/gtest.h>
#include <numeric>
#include <vector>

#include "cache/prefix_index.h"

namespace hadal {
namespace {

constexpr SipKey kEvictionSecret = {.low = 1, .high = 2};

class Conversations : public ::testing::Test {
 protected:
  // A request with `length` tokens, of which the first `shared` are those of all conversations;
  // leaves an image at its end. Returns how many tokens were found.
  int request(int conversation, int length, int shared = 0) {
    std::vector<int32_t> tokens(static_cast<size_t>(length));
    std::iota(tokens.begin(), tokens.end(), 0);
    for (size_t i = static_cast<size_t>(shared); i < tokens.size(); ++i) {
      tokens[i] += 1000 * (1 + conversation);
    }
    PrefixChain chain(kEvictionSecret, "", geometry_.page_tokens);
    chain.cover(tokens);
    SequenceCache cache;
    const auto started = index_.start(
        {.chain = chain, .tokens = tokens, .limit = length - 1, .reserve_tokens = length}, cache);
    EXPECT_TRUE(started) << "the pool holds a request and more";
    if (!started) return 0;
    cache.length = length;
    index_.keep(chain, tokens, cache);
    return started->match.length;
  }

  CacheGeometry geometry_ = {.page_tokens = 4, .block_bytes = 64, .state_units = 2};
  // Six conversations of 40 tokens take 6 · (10 pages + 2 units); images of all their turns would
  // take 24 · 2 more.
  BlockPool pool_{geometry_.block_bytes, 6 * 12 + 20};
  PrefixIndex index_{pool_, geometry_};
};

constexpr int kConversations = 6;
constexpr int kTurns = 5;
constexpr int kTurnTokens = 8;

TEST_F(Conversations, EveryNextTurnFindsAllThatCameBefore) {
  for (int turn = 1; turn <= kTurns; ++turn) {
    for (int conversation = 0; conversation < kConversations; ++conversation) {
      EXPECT_EQ(request(conversation, turn * kTurnTokens), (turn - 1) * kTurnTokens)
          << "turn " << turn << " of conversation " << conversation;
    }
  }
}

TEST_F(Conversations, ABeginningThatManyShareStays) {
  constexpr int kShared = 24;
  constexpr int kMany = 40;
  EXPECT_EQ(request(0, kShared, kShared), 0);
  for (int conversation = 0; conversation < kMany; ++conversation) {
    EXPECT_EQ(request(conversation, kShared + kTurnTokens, kShared), kShared)
        << "conversation " << conversation;
  }
  EXPECT_GT(index_.statistics().evicted_images, 0);
}

}  // namespace
}  // namespace hadal
