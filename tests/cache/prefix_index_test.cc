#include "cache/prefix_index.h"

#include "support/pico_model.h"

namespace hadal {
namespace {

using namespace testing_cache;

constexpr SipKey kSecret = {.low = 1, .high = 2};

// Pico sequences that start, advance and end on one pool and one index.
class PrefixIndexOfPico : public testing::Test {
 protected:
  explicit PrefixIndexOfPico(int blocks = 200)
      : layout_(Pico::get().layout()), pool_(layout_.block_bytes, blocks), index_(pool_, layout_) {
    poison_free_blocks(pool_);
  }

  struct Sequence {
    PrefixChain chain{kSecret, "", kPageTokens};
    SequenceCache cache = {};
    PrefixMatch match = {};
  };

  Sequence start(const std::vector<int32_t>& tokens, const std::string& salt = "") {
    Sequence sequence{.chain = PrefixChain(kSecret, salt, kPageTokens)};
    sequence.chain.cover(tokens);
    const auto size = static_cast<int>(tokens.size());
    const auto started = index_.start(
        {.chain = sequence.chain, .tokens = tokens, .limit = size - 1, .reserve_tokens = size},
        sequence.cache);
    EXPECT_TRUE(started);
    sequence.match = started->match;
    return sequence;
  }

  // Computes the rest of a prompt as an engine does, with images where they are due.
  bool prefill(const Oracle& oracle, Sequence& sequence, int suffix_begin = 0) {
    const auto size = static_cast<int>(oracle.tokens.size());
    bool matches = true;
    for (const int position : image_positions({.prompt_tokens = size,
                              .page_tokens = kPageTokens,
                              .computed = sequence.cache.length,
                              .suffix_begin = suffix_begin,
                              .known_length = sequence.match.known_length})) {
      matches &= advance_matches(oracle, position, 64, pool_, sequence.cache);
      EXPECT_TRUE(index_.add_image(sequence.chain, oracle.tokens, sequence.cache));
    }
    matches &= advance_matches(oracle, size, 64, pool_, sequence.cache);
    index_.add_pages(sequence.chain, oracle.tokens, sequence.cache);
    return matches;
  }

  const CacheLayout& layout_;
  BlockPool pool_;
  PrefixIndex index_;
};

std::vector<int32_t> joined(std::vector<int32_t> a, const std::vector<int32_t>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST_F(PrefixIndexOfPico, AnIdenticalPromptComputesOneToken) {
  const Oracle oracle(random_tokens(300, 1));
  Sequence first = start(oracle.tokens);
  EXPECT_EQ(first.match.length, 0);
  EXPECT_TRUE(prefill(oracle, first));
  Sequence second = start(oracle.tokens);
  EXPECT_EQ(second.match.length, 299);
  EXPECT_EQ(second.cache.pages[1], first.cache.pages[1]);
  EXPECT_NE(second.cache.pages[2], first.cache.pages[2]);  // the unfinished page is copied
  release_sequence(pool_, first.cache);
  EXPECT_TRUE(prefill(oracle, second));
  EXPECT_EQ(index_.statistics().hit_tokens, 299);
}

// Ten tokens, less than any page: other engines hit nothing below thousands of tokens.
TEST_F(PrefixIndexOfPico, ShortPromptsHitToo) {
  const Oracle oracle(random_tokens(10, 2));
  Sequence first = start(oracle.tokens);
  EXPECT_TRUE(prefill(oracle, first));
  release_sequence(pool_, first.cache);
  Sequence second = start(oracle.tokens);
  EXPECT_EQ(second.match.length, 9);
  EXPECT_TRUE(prefill(oracle, second));
}

TEST_F(PrefixIndexOfPico, ASecondTurnComputesOnlyWhatIsNew) {
  const std::vector<int32_t> history = random_tokens(200, 3);
  const Oracle first_turn(joined(history, {1, 2, 3}));
  const Oracle second_turn(joined(history, random_tokens(150, 4)));  // the suffix is rendered anew
  Sequence first = start(first_turn.tokens);
  EXPECT_TRUE(prefill(first_turn, first, 200));
  release_sequence(pool_, first.cache);
  Sequence second = start(second_turn.tokens);
  EXPECT_EQ(second.match.length, 200);
  EXPECT_TRUE(prefill(second_turn, second, 340));
}

TEST_F(PrefixIndexOfPico, AnEditNearTheEndCostsLessThanTwoPagesTheFirstTimeToo) {
  const std::vector<int32_t> prompt = random_tokens(300, 5);
  std::vector<int32_t> edited = prompt;
  edited[270] ^= 1;
  const Oracle before(prompt);
  const Oracle after(edited);
  Sequence first = start(before.tokens);
  EXPECT_TRUE(prefill(before, first));
  release_sequence(pool_, first.cache);
  Sequence second = start(after.tokens);
  EXPECT_EQ(second.match.length, 256);
  EXPECT_TRUE(prefill(after, second));
}

// The pages of a shared beginning are there, but no image: the first such request pays and leaves
// one for the next.
TEST_F(PrefixIndexOfPico, ALostHitIsLostOnce) {
  const std::vector<int32_t> system = random_tokens(150, 6);
  const Oracle a(joined(system, random_tokens(250, 7)));
  const Oracle b(joined(system, random_tokens(60, 8)));
  const Oracle c(joined(system, random_tokens(70, 9)));
  Sequence first = start(a.tokens);
  EXPECT_TRUE(prefill(a, first));
  release_sequence(pool_, first.cache);
  Sequence second = start(b.tokens);
  EXPECT_EQ(second.match.length, 0);
  EXPECT_EQ(second.match.known_length, 128);
  const int32_t own_page = second.cache.pages[0];
  EXPECT_TRUE(prefill(b, second));
  EXPECT_NE(second.cache.pages[0], own_page);  // its copy of a page that was there went back
  EXPECT_EQ(index_.statistics().shared_pages, 1);
  Sequence third = start(c.tokens);
  EXPECT_EQ(third.match.length, 128);
  EXPECT_TRUE(prefill(c, third));
}

TEST_F(PrefixIndexOfPico, RequestsOfAnotherSaltShareNothing) {
  const Oracle oracle(random_tokens(200, 10));
  Sequence first = start(oracle.tokens, "tenant a");
  EXPECT_TRUE(prefill(oracle, first));
  Sequence second = start(oracle.tokens, "tenant b");
  EXPECT_EQ(second.match.length, 0);
  EXPECT_EQ(second.match.known_length, 0);
  EXPECT_TRUE(prefill(oracle, second));
  EXPECT_EQ(start(oracle.tokens, "tenant a").match.length, 199);
}

TEST_F(PrefixIndexOfPico, TheEndOfAnAnswerServesTheNextTurn) {
  const Oracle oracle(random_tokens(290, 11));
  const std::vector<int32_t> prompt(oracle.tokens.begin(), oracle.tokens.begin() + 140);
  Sequence first = start(oracle.tokens);
  EXPECT_TRUE(advance_matches(oracle, 140, 64, pool_, first.cache));
  EXPECT_TRUE(advance_matches(oracle, 160, 1, pool_, first.cache));  // the answer
  EXPECT_TRUE(index_.add_image(first.chain, oracle.tokens, first.cache));
  release_sequence(pool_, first.cache);
  Sequence second = start(oracle.tokens);
  EXPECT_EQ(second.match.length, 160);
  EXPECT_TRUE(prefill(oracle, second));
}

class CrowdedPrefixIndex : public PrefixIndexOfPico {
 protected:
  CrowdedPrefixIndex() : PrefixIndexOfPico(40) {}
};

TEST_F(CrowdedPrefixIndex, EvictionNeverTakesWhatASequenceHolds) {
  const Oracle held(random_tokens(270, 12));
  Sequence sequence = start(held.tokens);
  EXPECT_TRUE(advance_matches(held, 200, 64, pool_, sequence.cache));
  index_.add_pages(sequence.chain, held.tokens, sequence.cache);
  for (uint32_t seed = 20; seed < 26; ++seed) {
    const Oracle other(random_tokens(140, seed));
    Sequence passing = start(other.tokens);
    EXPECT_TRUE(advance_matches(other, 140, 64, pool_, passing.cache));
    index_.add_pages(passing.chain, other.tokens, passing.cache);
    release_sequence(pool_, passing.cache);
  }
  ASSERT_TRUE(index_.make_room(pool_.free_blocks() + pool_.statistics().idle));
  EXPECT_FALSE(index_.make_room(pool_.free_blocks() + 1));
  poison_free_blocks(pool_);
  EXPECT_TRUE(advance_matches(held, 270, 64, pool_, sequence.cache));
}

TEST_F(CrowdedPrefixIndex, TooLargeASequenceTakesNothing) {
  const std::vector<int32_t> tokens = random_tokens(50 * kPageTokens, 30);
  PrefixChain chain(kSecret, "", kPageTokens);
  chain.cover(tokens);
  SequenceCache cache;
  EXPECT_FALSE(index_.start({.chain = chain,
                             .tokens = tokens,
                             .limit = 0,
                             .reserve_tokens = static_cast<int>(tokens.size())},
                            cache));
  EXPECT_TRUE(cache.pages.empty());
  EXPECT_EQ(pool_.free_blocks(), pool_.capacity());
}

TEST(PrefixChain, KeysDependOnSecretSaltAndEveryToken) {
  const std::vector<int32_t> tokens = random_tokens(256, 40);
  PrefixChain chain(kSecret, "", 128);
  chain.cover(tokens);
  ASSERT_EQ(chain.pages(), 2);
  PrefixChain in_steps(kSecret, "", 128);
  in_steps.cover(std::span(tokens).first(130));
  in_steps.cover(tokens);
  EXPECT_EQ(in_steps.key(2), chain.key(2));
  for (const size_t changed : {size_t{0}, size_t{127}, size_t{255}}) {
    std::vector<int32_t> other = tokens;
    other[changed] ^= 1;
    PrefixChain other_chain(kSecret, "", 128);
    other_chain.cover(other);
    EXPECT_NE(other_chain.key(2), chain.key(2));
    EXPECT_EQ(other_chain.key(1) == chain.key(1), changed > 127);
  }
  PrefixChain salted(kSecret, "x", 128);
  salted.cover(tokens);
  EXPECT_NE(salted.key(1), chain.key(1));
  PrefixChain guessed({.low = 1, .high = 3}, "", 128);
  guessed.cover(tokens);
  EXPECT_NE(guessed.key(1), chain.key(1));
  EXPECT_NE(chain.image_key(1, {}), chain.key(1));
  EXPECT_NE(random_secret().low, random_secret().low);
}

}  // namespace
}  // namespace hadal
