#include "cache/state_image.h"

#include "base/check.h"
#include "support/pico_model.h"

namespace hadal {
namespace {

using namespace testing_cache;

const Oracle& imaged_oracle() {
  static const Oracle instance(random_tokens(300, 1));
  return instance;
}

std::vector<int32_t> first_tokens(int count) {
  return {imaged_oracle().tokens.begin(), imaged_oracle().tokens.begin() + count};
}

// The rows of one step committed in stages, an image after each: as if they were steps.
TEST(StagedCommit, LeavesTheSameStateAsSteps) {
  Pico& pico = Pico::get();
  const CacheLayout& layout = pico.layout();
  BlockPool pool(layout.block_bytes, 128);
  poison_free_blocks(pool);
  SequenceCache cache;
  ASSERT_TRUE(reserve_sequence(pool, layout, 300, cache));
  ASSERT_TRUE(advance_matches(imaged_oracle(), 100, 100, pool, cache));
  Step step;
  const BatchEntry entry{.cache = &cache,
                         .tokens = std::span(imaged_oracle().tokens).subspan(100, 40),
                         .droppable_rows = 20};
  const StepPlanner plan_memory = make_step_plan({&entry, 1}, layout);
  const StepPlan& plan = plan_memory.plan();
  pico.model().forward(plan, pool.view(), step);
  std::vector<StateImage> images;
  for (const int rows : {20, 27, 28, 29, 38, 40}) {  // 28: the end of a group of 128
    pico.model().commit(plan, 0, rows, pool.view(), step, cache);
    EXPECT_EQ(cache.length, 100 + rows);
    images.push_back(create_image(pool, layout, cache, imaged_oracle().tokens).value());
  }
  EXPECT_TRUE(advance_matches(imaged_oracle(), 300, 64, pool, cache));
  for (StateImage& image : images) {
    SequenceCache fresh;
    for (int i = 0; i < image.length / layout.page_tokens; ++i) {
      fresh.pages.push_back(cache.pages[static_cast<size_t>(i)]);
      pool.retain(fresh.pages.back());
    }
    ASSERT_TRUE(reserve_sequence(pool, layout, 300, fresh));
    restore_image(pool, layout, image, fresh);
    EXPECT_TRUE(advance_matches(imaged_oracle(), 300, 64, pool, fresh))
        << "image at " << image.length;
    release_sequence(pool, fresh);
    release_image(pool, image);
  }
}

// A sequence that ends leaves its own blocks as the image: no copy, and no room needed.
TEST(MoveToImage, GoesOnWithTheSameBitsAndTakesNoRoom) {
  const CacheLayout& layout = Pico::get().layout();
  for (const int length : {100, 128, 200}) {
    BlockPool pool(layout.block_bytes, 2 * blocks_for_sequence(layout, 300));
    SequenceCache cache;
    ASSERT_TRUE(reserve_sequence(pool, layout, 300, cache));
    ASSERT_TRUE(advance_matches(imaged_oracle(), length, 100, pool, cache));
    std::vector<int32_t> full(cache.pages.begin(), cache.pages.begin() + length / kPageTokens);
    for (const int32_t page : full) pool.retain(page);
    const int free = pool.free_blocks();
    StateImage image = move_to_image(pool, layout, cache, imaged_oracle().tokens);
    EXPECT_TRUE(cache.pages.empty() && cache.state_units.empty());
    EXPECT_EQ(image.blocks(), blocks_for_image(layout, length));
    EXPECT_EQ(pool.free_blocks(), free + layout.pages_for(300) - layout.pages_for(length));
    EXPECT_EQ(pool.statistics().used_by(BlockKind::kImage), image.blocks());
    EXPECT_EQ(pool.statistics().used_by(BlockKind::kSlot), 0);

    poison_free_blocks(pool);
    cache.pages = full;
    ASSERT_TRUE(reserve_sequence(pool, layout, 300, cache));
    restore_image(pool, layout, image, cache);
    EXPECT_TRUE(advance_matches(imaged_oracle(), 300, 64, pool, cache)) << "image at " << length;
    release_image(pool, image);
    release_sequence(pool, cache);
    EXPECT_EQ(pool.free_blocks(), pool.capacity());
  }
}

class ImageAt : public testing::TestWithParam<int> {};

// Also what a stale ring row, a ring shifted against its positions, a lost compressor row or a lost
// running softmax would break: the fresh sequence starts in blocks full of NaNs.
TEST_P(ImageAt, RestoredSequencesGoOnWithTheSameBits) {
  const int length = GetParam();
  const CacheLayout& layout = Pico::get().layout();
  BlockPool pool(layout.block_bytes, 64);
  poison_free_blocks(pool);
  SequenceCache original;
  ASSERT_TRUE(reserve_sequence(pool, layout, 300, original));
  ASSERT_TRUE(advance_matches(imaged_oracle(), length, 100, pool, original));
  const int used = pool.capacity() - pool.free_blocks();
  std::optional<StateImage> image = create_image(pool, layout, original, imaged_oracle().tokens);
  ASSERT_TRUE(image);
  EXPECT_EQ(image->blocks(), blocks_for_image(layout, length));
  EXPECT_EQ(pool.capacity() - pool.free_blocks(), used + image->blocks());

  // The original goes on and overwrites its ring and its unfinished page.
  EXPECT_TRUE(advance_matches(imaged_oracle(), 300, 37, pool, original));

  SequenceCache fresh;
  const int shared_pages = length / layout.page_tokens;
  for (int i = 0; i < shared_pages; ++i) {
    pool.retain(original.pages[static_cast<size_t>(i)]);
    fresh.pages.push_back(original.pages[static_cast<size_t>(i)]);
  }
  ASSERT_TRUE(reserve_sequence(pool, layout, 300, fresh));
  restore_image(pool, layout, *image, fresh);
  EXPECT_EQ(fresh.length, length);
  release_sequence(pool, original);
  poison_free_blocks(pool);
  EXPECT_TRUE(advance_matches(imaged_oracle(), 300, 53, pool, fresh));
  release_sequence(pool, fresh);

  // The image serves more than once.
  ASSERT_TRUE(shared_pages > 0 || reserve_sequence(pool, layout, 300, fresh));
  if (shared_pages == 0) {
    restore_image(pool, layout, *image, fresh);
    EXPECT_TRUE(advance_matches(imaged_oracle(), 300, 41, pool, fresh));
    release_sequence(pool, fresh);
  }
  release_image(pool, *image);
  EXPECT_EQ(pool.free_blocks(), pool.capacity());
}

INSTANTIATE_TEST_SUITE_P(Lengths, ImageAt,
                         testing::Values(1, 4, 5, 9, 127, 128, 129, 131, 256, 257));

TEST(StateImage, KeepsTheTailAndWhatTheDrafterKnows) {
  const CacheLayout& layout = Pico::get().layout();
  BlockPool pool(layout.block_bytes, 64);
  SequenceCache cache;
  ASSERT_TRUE(reserve_sequence(pool, layout, 140, cache));
  ASSERT_TRUE(advance_matches(imaged_oracle(), 133, 133, pool, cache));
  cache.drafter_rows = 132;
  std::optional<StateImage> image = create_image(pool, layout, cache, imaged_oracle().tokens);
  ASSERT_TRUE(image);
  const std::vector<int32_t> tokens = first_tokens(133);
  EXPECT_EQ(image->tail, std::vector<int32_t>(tokens.begin() + 128, tokens.end()));
  EXPECT_EQ(image->drafter_rows, 132);
}

TEST(StateImage, TakesNothingWhenThePoolIsShort) {
  const CacheLayout& layout = Pico::get().layout();
  BlockPool pool(layout.block_bytes, blocks_for_sequence(layout, 10) + layout.state_units);
  SequenceCache cache;
  ASSERT_TRUE(reserve_sequence(pool, layout, 10, cache));
  ASSERT_TRUE(advance_matches(imaged_oracle(), 10, 10, pool, cache));
  EXPECT_FALSE(create_image(pool, layout, cache, imaged_oracle().tokens));
  EXPECT_EQ(pool.free_blocks(), layout.state_units);
}

TEST(StateImage, NeverWritesAPageThatOthersHold) {
  const CacheLayout& layout = Pico::get().layout();
  BlockPool pool(layout.block_bytes, 32);
  SequenceCache cache;
  ASSERT_TRUE(reserve_sequence(pool, layout, 10, cache));
  ASSERT_TRUE(advance_matches(imaged_oracle(), 10, 10, pool, cache));
  std::optional<StateImage> image = create_image(pool, layout, cache, imaged_oracle().tokens);
  ASSERT_TRUE(image);
  pool.retain(cache.pages[0]);
  EXPECT_THROW(restore_image(pool, layout, *image, cache), InvariantError);
}

TEST(ImagePositions, AreWhereTheNextRequestMayDiffer) {
  EXPECT_EQ(image_positions({.prompt_tokens = 1000, .page_tokens = 256, .suffix_begin = 990}),
            (std::vector<int>{512, 768, 990, 999}));
  EXPECT_EQ(image_positions({.prompt_tokens = 1000,
                             .page_tokens = 256,
                             .computed = 512,
                             .suffix_begin = 400,
                             .known_length = 768}),
            (std::vector<int>{768, 999}));
  EXPECT_EQ(image_positions(
                {.prompt_tokens = 5000, .page_tokens = 256, .computed = 100, .known_length = 1024}),
            (std::vector<int>{1024, 4608, 4864, 4999}));
  EXPECT_EQ(image_positions({.prompt_tokens = 1, .page_tokens = 256}), std::vector<int>{});
  EXPECT_EQ(image_positions({.prompt_tokens = 512, .page_tokens = 256}),
            (std::vector<int>{256, 511}));
}

}  // namespace
}  // namespace hadal
