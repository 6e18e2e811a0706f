#include "plan/memory_plan.h"

#include <gtest/gtest.h>

#include "checkpoint/v4/config_presets.h"
#include "checkpoint/v4/memory_needs.h"

namespace hadal {
namespace {

constexpr int64_t kGiB = int64_t{1} << 30;

MemoryPlan plan(const char* preset, int64_t memory) {
  const ModelConfig config = preset_config(preset);
  return plan_memory(config, catalogue_totals(config), {{.name = "all", .limit_bytes = memory}});
}

TEST(MemoryPlan, GivesTheCacheWhatTheWeightsLeave) {
  const MemoryPlan roomy = plan("flash", 192 * kGiB);
  EXPECT_EQ(roomy.fit, Fit::kFits);
  EXPECT_EQ(roomy.reserve_bytes, 8 * kGiB);
  EXPECT_EQ(roomy.cache_bytes, 184 * kGiB - 159'609'485'896);
  EXPECT_EQ(roomy.disk_bytes_per_token, 0);
  const ModelConfig flash = preset_config("flash");
  EXPECT_LE(sequence_bytes(flash, roomy.cache_tokens), roomy.cache_bytes);
  EXPECT_GT(sequence_bytes(flash, roomy.cache_tokens + 1024), roomy.cache_bytes);
}

TEST(MemoryPlan, SaysWhenOnlyTheWeightsFit) {
  const int64_t weights = 159'609'485'896;
  EXPECT_EQ(plan("flash", weights + 8 * kGiB).fit, Fit::kNoCache);
  EXPECT_EQ(plan("flash", weights + 8 * kGiB).cache_tokens, 0);
  EXPECT_EQ(plan("flash", weights + 8 * kGiB - 1).fit, Fit::kFromDisk);
}

TEST(MemoryPlan, EstimatesWhatIsReadFromDisk) {
  const MemoryPlan half = plan("flash", 80 * kGiB);
  const MemoryPlan small = plan("flash", 16 * kGiB);
  EXPECT_EQ(half.cache_bytes, 0);
  EXPECT_GT(half.disk_bytes_per_token, 0);
  EXPECT_GT(small.disk_bytes_per_token, half.disk_bytes_per_token);
  EXPECT_LT(small.disk_bytes_per_token, 11'236'188'380);  // all that a token reads
}

TEST(MemoryPlan, ObeysTheBoundThatLeavesLeast) {
  const ModelConfig config = preset_config("flash");
  const CatalogueTotals totals = catalogue_totals(config);
  const MemoryBound machine{.name = "machine", .limit_bytes = 512 * kGiB};
  const MemoryBound group{.name = "group", .limit_bytes = 200 * kGiB};
  const MemoryBound data{.name = "data", .limit_bytes = 32 * kGiB, .kind = MemoryKind::kPrivate};
  const MemoryBound space{
      .name = "space", .limit_bytes = 100 * kGiB, .kind = MemoryKind::kAddressSpace};
  EXPECT_EQ(plan_memory(config, totals, {machine}).bound.name, "machine");
  EXPECT_EQ(plan_memory(config, totals, {group, machine}).bound.name, "group");
  // Weights are mapped from files, so that 32 GiB of memory of one's own are less than 200 in all.
  const MemoryPlan own = plan_memory(config, totals, {machine, group, data});
  EXPECT_EQ(own.bound.name, "data");
  EXPECT_EQ(own.cache_bytes, 30 * kGiB);
  EXPECT_EQ(own.fit, Fit::kFits);
  // Pages of weights make way; addresses do not.
  const MemoryPlan unmapped = plan_memory(config, totals, {machine, group, data, space});
  EXPECT_EQ(unmapped.bound.name, "space");
  EXPECT_EQ(unmapped.fit, Fit::kTooSmall);
  EXPECT_EQ(plan_memory(config, totals, {}).fit, Fit::kFits);
}

TEST(MemoryPlan, SaysWhenNothingWillStart) {
  EXPECT_EQ(plan("flash", 0).fit, Fit::kTooSmall);
  EXPECT_EQ(plan("flash", 64 << 20).fit, Fit::kTooSmall);
  EXPECT_EQ(plan("flash", 4 * kGiB).fit, Fit::kFromDisk);
  EXPECT_EQ(plan("pico", 128 << 20).fit, Fit::kFits);
  EXPECT_EQ(plan("pico", 32 << 20).fit, Fit::kTooSmall);
}

}  // namespace
}  // namespace hadal
