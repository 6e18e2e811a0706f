// Faults that engines for this model have had in their caches, each as a test of its own: the state
// of a sequence that moved, was shared or was restored, and what then came out of it.
#include <unistd.h>

#include "cache/prefix_cache.h"
#include "cache/spill_file.h"
#include "support/pico_model.h"
#include "support/temporary_directory.h"

namespace hadal {
namespace {

using namespace testing_cache;

const std::vector<int32_t>& tokens() {
  static const std::vector<int32_t> instance = random_tokens(280, 90);
  return instance;
}

const Oracle& oracle() {
  static const Oracle instance(tokens());
  return instance;
}

class KnownFaults : public testing::Test {
 protected:
  KnownFaults() { poison_free_blocks(pool_); }

  SequenceCache fresh(int length = 280) {
    SequenceCache cache;
    EXPECT_TRUE(reserve_sequence(pool_, layout_, length, cache));
    return cache;
  }
  // A sequence that resumes from an image of `from`, whose full pages it shares.
  SequenceCache resumed(const SequenceCache& from, const StateImage& image) {
    SequenceCache cache;
    for (int i = 0; i < image.length / layout_.page_tokens; ++i) {
      cache.pages.push_back(from.pages[static_cast<size_t>(i)]);
      pool_.retain(cache.pages.back());
    }
    EXPECT_TRUE(reserve_sequence(pool_, layout_, 280, cache));
    restore_image(pool_, layout_, image, cache);
    return cache;
  }

  const CacheLayout& layout_ = Pico::get().layout();
  BlockPool pool_{layout_.block_bytes, 120};
};

// A hit got a window ring with rows of the sequence that had used the memory before.
TEST_F(KnownFaults, StaleRingRowsAfterAPrefixHit) {
  PrefixCache cache(pool_, layout_, nullptr);
  PrefixHandle first = cache.handle("");
  SequenceCache sequence = fresh();
  ASSERT_TRUE(advance_matches(oracle(), 140, 64, pool_, sequence));
  ASSERT_TRUE(cache.add_image(first, tokens(), sequence));
  release_sequence(pool_, sequence);
  const Oracle other(random_tokens(260, 91));
  SequenceCache before = fresh();
  ASSERT_TRUE(advance_matches(other, 260, 64, pool_, before));
  release_sequence(pool_, before);  // its ring is full of other rows

  PrefixHandle second = cache.handle("");
  const auto started =
      cache.start(second, {.tokens = tokens(), .limit = 279, .reserve_tokens = 280}, sequence);
  ASSERT_TRUE(started);
  ASSERT_EQ(started->match.length, 140);
  EXPECT_TRUE(advance_matches(oracle(), 280, 1, pool_, sequence));
}

// State that went to another tier and back had its window rows at the wrong positions, or its keys
// in another format.
TEST_F(KnownFaults, ReloadedStateKeepsItsPositions) {
  const test::TemporaryDirectory directory;
  {
    DiskTier disk({.directory = directory.path(), .max_bytes = uint64_t{64} << 20},
                  {.model = {.low = 1}, .layout = 2, .numerics = "fp8"}, layout_);
    PrefixCache cache(pool_, layout_, &disk);
    PrefixHandle handle = cache.handle("");
    SequenceCache sequence = fresh();
    ASSERT_TRUE(advance_matches(oracle(), 201, 64, pool_, sequence));  // no multiple of the window
    ASSERT_TRUE(cache.add_image(handle, tokens(), sequence));
    release_sequence(pool_, sequence);
    disk.wait_idle();
    cache.index().clear();
    poison_free_blocks(pool_);
    auto promotion = cache.begin_promotion(handle, tokens(), 279);
    ASSERT_TRUE(promotion);
    EXPECT_TRUE(cache.finish_promotion(std::move(promotion)));
    const auto started =
        cache.start(handle, {.tokens = tokens(), .limit = 279, .reserve_tokens = 280}, sequence);
    ASSERT_TRUE(started);
    ASSERT_EQ(started->match.length, 201);
    EXPECT_TRUE(advance_matches(oracle(), 280, 13, pool_, sequence));
  }
}

// Two sequences on one copy of the state wrote into each other.
TEST_F(KnownFaults, TwoSequencesFromOneImageDoNotShareTheirState) {
  SequenceCache original = fresh();
  ASSERT_TRUE(advance_matches(oracle(), 150, 64, pool_, original));
  std::optional<StateImage> image = create_image(pool_, layout_, original, tokens());
  ASSERT_TRUE(image);
  std::vector<int32_t> other_tokens(tokens().begin(), tokens().begin() + 150);
  const std::vector<int32_t> rest = random_tokens(130, 92);
  other_tokens.insert(other_tokens.end(), rest.begin(), rest.end());
  const Oracle other(other_tokens);
  SequenceCache a = resumed(original, *image);
  SequenceCache b = resumed(original, *image);
  for (int length = 160; length <= 280; length += 10) {
    EXPECT_TRUE(advance_matches(oracle(), length, 10, pool_, a));
    EXPECT_TRUE(advance_matches(other, length, 10, pool_, b));
  }
  EXPECT_TRUE(advance_matches(oracle(), 280, 64, pool_, original));
}

// Rows of drafts that were turned down stayed in the compressors and went into saved state.
TEST_F(KnownFaults, RejectedDraftsReachNoImage) {
  SequenceCache sequence = fresh();
  ASSERT_TRUE(advance_matches(oracle(), 126, 64, pool_, sequence));
  Step step;
  const std::vector<int32_t> drafts = {tokens()[126], 7, 7, 7, 7, 7};  // over a group of 128
  const BatchEntry entry{.cache = &sequence, .tokens = drafts, .droppable_rows = 5};
  const StepPlanner plan_memory = make_step_plan({&entry, 1}, layout_);
  const StepPlan& plan = plan_memory.plan();
  Pico::get().model().forward(plan, pool_.view(), step);
  Pico::get().model().commit(plan, 0, 1, pool_.view(), step, sequence);
  std::optional<StateImage> image = create_image(pool_, layout_, sequence, tokens());
  ASSERT_TRUE(image);
  ASSERT_EQ(image->length, 127);
  SequenceCache again = resumed(sequence, *image);
  EXPECT_TRUE(advance_matches(oracle(), 280, 1, pool_, again));
}

// What drafts had taken was not given back: the pool filled up, and requests had to make way for
// memory that nobody used.
TEST_F(KnownFaults, RejectedDraftsHoldNoMemory) {
  SequenceCache sequence = fresh(1);
  Step step;
  const int slot = layout_.state_units;
  for (int length = 0; length < 270; ++length) {
    std::vector<int32_t> drafts(6, 7);
    drafts[0] = tokens()[static_cast<size_t>(length)];
    ASSERT_TRUE(reserve_sequence(pool_, layout_, length + 6, sequence));
    const BatchEntry entry{.cache = &sequence, .tokens = drafts, .droppable_rows = 5};
    const StepPlanner plan_memory = make_step_plan({&entry, 1}, layout_);
    const StepPlan& plan = plan_memory.plan();
    Pico::get().model().forward(plan, pool_.view(), step);
    Pico::get().model().commit(plan, 0, 1, pool_.view(), step, sequence);
    ASSERT_EQ(pool_.capacity() - pool_.free_blocks(), slot + layout_.pages_for(length + 6));
  }
  EXPECT_TRUE(advance_matches(oracle(), 280, 1, pool_, sequence));
  release_sequence(pool_, sequence);
  EXPECT_EQ(pool_.free_blocks(), pool_.capacity());
}

// Groups of four that an image or a batch cuts in two: wrong from the fourth token on.
TEST_F(KnownFaults, ImagesMayCutAGroup) {
  for (int length = 1; length <= 9; ++length) {
    SequenceCache sequence = fresh();
    ASSERT_TRUE(advance_matches(oracle(), length, length, pool_, sequence));
    std::optional<StateImage> image = create_image(pool_, layout_, sequence, tokens());
    ASSERT_TRUE(image);
    SequenceCache again = resumed(sequence, *image);
    EXPECT_TRUE(advance_matches(oracle(), length + 9, 1, pool_, again)) << "image at " << length;
    release_sequence(pool_, again);
    release_sequence(pool_, sequence);
    release_image(pool_, *image);
  }
}

// The compressors did not know how long each sequence was: groups ended where another's did.
TEST_F(KnownFaults, EverySequenceEndsItsGroupsWhereItIs) {
  const auto vocab = Pico::get().vocab();
  std::vector<SequenceCache> caches(8);
  std::vector<BatchEntry> batch;
  for (size_t i = 0; i < caches.size(); ++i) {
    ASSERT_TRUE(reserve_sequence(pool_, layout_, 20, caches[i]));
    batch.push_back({.cache = &caches[i],
                     .tokens = std::span(tokens()).first(1 + i),
                     .logit_rows = static_cast<int>(1 + i)});
  }
  Step step;
  const StepPlanner plan_memory = make_step_plan(batch, layout_);
  const StepPlan& plan = plan_memory.plan();
  Pico::get().model().forward(plan, pool_.view(), step);
  const float* logits = step.logits.data();
  for (size_t i = 0; i < caches.size(); ++i) {
    Pico::get().model().commit(plan, static_cast<int>(i), static_cast<int>(1 + i), pool_.view(),
                               step, caches[i]);
    EXPECT_EQ(std::memcmp(logits, oracle().logits.data(), (1 + i) * vocab * sizeof(float)), 0) << i;
    logits += (1 + i) * vocab;
  }
  for (SequenceCache& cache : caches) EXPECT_TRUE(advance_matches(oracle(), 20, 3, pool_, cache));
}

// A resumed sequence depended on what else was in its batch.
TEST_F(KnownFaults, NeighboursOfAResumedSequenceChangeNothing) {
  SequenceCache original = fresh();
  ASSERT_TRUE(advance_matches(oracle(), 131, 64, pool_, original));
  std::optional<StateImage> image = create_image(pool_, layout_, original, tokens());
  ASSERT_TRUE(image);
  SequenceCache a = resumed(original, *image);
  SequenceCache b = fresh();
  const auto vocab = Pico::get().vocab();
  Step step;
  const std::vector<BatchEntry> batch = {
      {.cache = &b, .tokens = std::span(tokens()).first(50), .logit_rows = 50},
      {.cache = &a, .tokens = std::span(tokens()).subspan(131, 20), .logit_rows = 20}};
  const StepPlanner plan_memory = make_step_plan(batch, layout_);
  const StepPlan& plan = plan_memory.plan();
  Pico::get().model().forward(plan, pool_.view(), step);
  EXPECT_EQ(std::memcmp(step.logits.data(), oracle().logits.data(), 50 * vocab * sizeof(float)), 0);
  EXPECT_EQ(std::memcmp(step.logits.data() + 50 * vocab, oracle().logits.data() + 131 * vocab,
                        20 * vocab * sizeof(float)),
            0);
}

}  // namespace
}  // namespace hadal
