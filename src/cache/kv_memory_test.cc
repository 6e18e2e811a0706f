#include "cache/kv_memory.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "cache/block_pool.h"

namespace hadal {
namespace {

constexpr int64_t kGiB = int64_t{1} << 30;

CacheLayout small_layout() {
  CacheLayout layout;
  layout.page_tokens = 256;
  layout.block_bytes = size_t{1} << 20;
  layout.state_units = 6;
  return layout;
}

TEST(KvMemory, TakesWhatIsAskedInWholeBlocks) {
  const CacheLayout layout = small_layout();
  const KvMemoryPlan plan = plan_kv_memory(
      {.layout = layout, .requested_bytes = (100 << 20) + 5, .available_bytes = 10 * kGiB});
  EXPECT_EQ(plan.blocks, 100);
  EXPECT_EQ(plan.bytes, size_t{100} << 20);
  EXPECT_EQ(plan.tokens, (100 - 6) * 256);
  EXPECT_FALSE(plan.beyond_memory);
  EXPECT_EQ(describe(plan, layout),
            "KV cache 0.10 GiB: 100 pages of 256 tokens, 24064 tokens in one sequence");
}

TEST(KvMemory, LeavesRoomForTheWeights) {
  const CacheLayout layout = small_layout();
  const KvMemoryPlan plan =
      plan_kv_memory({.layout = layout, .available_bytes = 64 * kGiB, .weight_bytes = 40 * kGiB});
  EXPECT_EQ(plan.bytes, static_cast<size_t>(20 * kGiB));  // 64, less 40, less a sixteenth
  EXPECT_FALSE(plan.beyond_memory);
  const KvMemoryPlan enough = plan_kv_memory({.layout = layout,
                                              .available_bytes = 64 * kGiB,
                                              .weight_bytes = 40 * kGiB,
                                              .useful_blocks = 500});
  EXPECT_EQ(enough.blocks, 500);
}

TEST(KvMemory, SaysWhenMoreIsAskedThanIsFree) {
  const CacheLayout layout = small_layout();
  const KvMemoryPlan plan = plan_kv_memory({.layout = layout,
                                            .requested_bytes = size_t{8} << 30,
                                            .available_bytes = 10 * kGiB,
                                            .weight_bytes = 5 * kGiB});
  EXPECT_TRUE(plan.beyond_memory);
  EXPECT_NE(describe(plan, layout).find("more than is free"), std::string::npos);
}

TEST(KvMemory, TakesALittleEvenWhereTheWeightsDoNotFit) {
  const KvMemoryPlan plan = plan_kv_memory(
      {.layout = small_layout(), .available_bytes = 16 * kGiB, .weight_bytes = 160 * kGiB});
  EXPECT_EQ(plan.bytes, static_cast<size_t>(2 * kGiB));
}

TEST(KvMemory, RefusesWhatHoldsNoSequence) {
  const CacheLayout layout = small_layout();
  try {
    plan_kv_memory({.layout = layout, .requested_bytes = 6 << 20, .available_bytes = kGiB});
    FAIL() << "six blocks hold a slot but no page";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kResourceExhausted);
    EXPECT_EQ(error.parts().where, "--kv-memory");
    EXPECT_NE(error.parts().remedy.find(std::to_string(7 << 20)), std::string::npos);
  }
}

// A pool that shrinks when the longest allowed sequence gets shorter was a fault of other engines:
// the blocks follow from the bytes alone.
TEST(KvMemory, ShortContextsDoNotShrinkTheCache) {
  const CacheLayout layout = small_layout();
  const KvMemoryArgs args{
      .layout = layout, .requested_bytes = size_t{1} << 30, .available_bytes = 4 * kGiB};
  KvMemoryArgs short_context = args;
  short_context.useful_blocks = 8;
  EXPECT_EQ(plan_kv_memory(args).blocks, plan_kv_memory(short_context).blocks);
}

TEST(KvMemory, MeasuresTheMachine) { EXPECT_GT(available_memory(), 0); }

}  // namespace
}  // namespace hadal
