#include "cache/block_pool.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <limits>
#include <set>

#include "base/check.h"
#include "base/error.h"

namespace hadal {
namespace {

CacheGeometry small_block_geometry() {
  CacheGeometry geometry;
  geometry.page_tokens = 128;
  geometry.block_bytes = 4096;
  geometry.state_units = 2;
  return geometry;
}

TEST(BlockPool, HandsOutEveryBlockOnceAndTakesItBack) {
  BlockPool pool(4096, 5);
  std::vector<int32_t> ids;
  ASSERT_TRUE(pool.allocate(5, ids));
  EXPECT_EQ(std::set<int32_t>(ids.begin(), ids.end()), (std::set<int32_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(pool.free_blocks(), 0);
  std::vector<int32_t> none;
  EXPECT_FALSE(pool.allocate(1, none));
  EXPECT_TRUE(none.empty());
  pool.release(ids);
  EXPECT_TRUE(ids.empty());
  EXPECT_EQ(pool.free_blocks(), 5);
}

TEST(BlockPool, BlocksAreWritableAndDistinct) {
  BlockPool pool(4096, 3);
  std::vector<int32_t> ids;
  ASSERT_TRUE(pool.allocate(3, ids));
  for (const int32_t id : ids) {
    std::fill_n(pool.view().block(id), 4096, static_cast<std::byte>(id + 1));
  }
  for (const int32_t id : ids) {
    const std::byte* block = pool.view().block(id);
    EXPECT_TRUE(std::all_of(block, block + 4096,
                            [&](std::byte b) { return b == static_cast<std::byte>(id + 1); }));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % 64, 0U);
  }
}

TEST(BlockPool, SharedBlocksAreFreeOnlyWhenTheLastReferenceGoes) {
  BlockPool pool(4096, 2);
  std::vector<int32_t> ids;
  ASSERT_TRUE(pool.allocate(1, ids));
  const int32_t id = ids[0];
  pool.retain(id);
  EXPECT_EQ(pool.references(id), 2);
  pool.release(ids);
  EXPECT_EQ(pool.free_blocks(), 1);
  pool.release(id);
  EXPECT_EQ(pool.free_blocks(), 2);
  EXPECT_THROW(pool.release(id), InvariantError);
  EXPECT_THROW(pool.retain(id), InvariantError);
}

TEST(BlockPool, CountsBlocksByKindAndTheIdleOnes) {
  BlockPool pool(4096, 8);
  std::vector<int32_t> pages;
  std::vector<int32_t> slot;
  std::vector<int32_t> image;
  ASSERT_TRUE(pool.allocate(3, pages, BlockKind::kPage));
  ASSERT_TRUE(pool.allocate(2, slot, BlockKind::kSlot));
  ASSERT_TRUE(pool.allocate(1, image, BlockKind::kImage));
  PoolStatistics statistics = pool.statistics();
  EXPECT_EQ(statistics.used_by(BlockKind::kPage), 3);
  EXPECT_EQ(statistics.used_by(BlockKind::kSlot), 2);
  EXPECT_EQ(statistics.used_by(BlockKind::kImage), 1);
  EXPECT_EQ(statistics.free, 2);
  EXPECT_EQ(statistics.idle, 0);

  const int32_t shared = pages[0];
  pool.retain(shared);
  pool.set_indexed(shared, true);
  EXPECT_EQ(pool.statistics().idle, 0);  // a sequence holds it too
  pool.release(pages);
  statistics = pool.statistics();
  EXPECT_EQ(statistics.idle, 1);
  EXPECT_EQ(statistics.used_by(BlockKind::kPage), 1);
  EXPECT_THROW(pool.release(shared), InvariantError);  // the index's reference is not the caller's
  pool.set_indexed(shared, false);
  pool.release(shared);
  EXPECT_EQ(pool.statistics().idle, 0);
  EXPECT_EQ(pool.free_blocks(), 5);
}

TEST(BlockPool, RefusesWhatTheSystemCannotGive) {
  EXPECT_THROW(BlockPool(std::numeric_limits<size_t>::max() / 2, 1 << 20), Error);
}

TEST(ReserveSequence, GrowsByWholePagesAndKeepsItsStateSlot) {
  const CacheGeometry geometry = small_block_geometry();
  BlockPool pool(geometry.block_bytes, 6);
  SequenceCache cache;
  ASSERT_TRUE(reserve_sequence(pool, geometry, 1, cache));
  EXPECT_EQ(cache.pages.size(), 1U);
  EXPECT_EQ(cache.state_units.size(), 2U);
  const std::vector<int32_t> slot = cache.state_units;
  ASSERT_TRUE(reserve_sequence(pool, geometry, 128, cache));
  EXPECT_EQ(cache.pages.size(), 1U);
  ASSERT_TRUE(reserve_sequence(pool, geometry, 129, cache));
  EXPECT_EQ(cache.pages.size(), 2U);
  EXPECT_EQ(cache.state_units, slot);
  EXPECT_EQ(pool.free_blocks(), 2);
}

TEST(ReserveSequence, TakesNothingWhenThePoolIsShort) {
  const CacheGeometry geometry = small_block_geometry();
  BlockPool pool(geometry.block_bytes, 4);
  SequenceCache cache;
  EXPECT_FALSE(reserve_sequence(pool, geometry, 3 * 128, cache));
  EXPECT_TRUE(cache.pages.empty());
  EXPECT_TRUE(cache.state_units.empty());
  EXPECT_EQ(pool.free_blocks(), 4);
  ASSERT_TRUE(reserve_sequence(pool, geometry, 2 * 128, cache));
  release_sequence(pool, cache);
  EXPECT_EQ(pool.free_blocks(), 4);
}

}  // namespace
}  // namespace hadal
