#include "cache/kv_memory.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "cache/block_pool.h"

namespace hadal {
namespace {

constexpr int64_t kGiB = int64_t{1} << 30;

CacheGeometry small_geometry() {
  CacheGeometry geometry;
  geometry.page_tokens = 256;
  geometry.block_bytes = size_t{1} << 20;
  geometry.state_units = 6;
  return geometry;
}

// A machine of so much memory, all of it free.
std::vector<MemoryBound> machine(int64_t bytes) {
  return {{.name = "the machine's memory", .limit_bytes = bytes, .free_bytes = bytes}};
}

MemoryBound group(int64_t limit, int64_t free) {
  return {.name = "memory.max of /a",
          .limit_bytes = limit,
          .free_bytes = free,
          .origin = BoundOrigin::kControlGroup};
}

MemoryBound ulimit(MemoryKind kind, int64_t limit, int64_t free) {
  return {.name = "ulimit",
          .limit_bytes = limit,
          .free_bytes = free,
          .kind = kind,
          .origin = BoundOrigin::kResourceLimit};
}

TEST(KvMemory, TakesWhatIsAskedInWholeBlocks) {
  const CacheGeometry geometry = small_geometry();
  const KvMemoryPlan plan = plan_kv_memory(
      {.geometry = geometry, .requested_bytes = (100 << 20) + 5, .bounds = machine(10 * kGiB)});
  EXPECT_EQ(plan.blocks, 100);
  EXPECT_EQ(plan.bytes, size_t{100} << 20);
  EXPECT_EQ(plan.tokens, (100 - 6) * 256);
  EXPECT_FALSE(plan.beyond_memory);
  EXPECT_EQ(describe(plan, geometry),
            "KV cache 0.10 GiB: 100 pages of 256 tokens, 24064 tokens in one sequence; "
            "within 10 GiB: the machine's memory");
}

TEST(KvMemory, LeavesRoomForTheWeights) {
  const CacheGeometry geometry = small_geometry();
  const KvMemoryPlan plan = plan_kv_memory(
      {.geometry = geometry, .bounds = machine(64 * kGiB), .weight_bytes = 40 * kGiB});
  EXPECT_EQ(plan.bytes, static_cast<size_t>(20 * kGiB));  // 64, less 40, less a sixteenth
  EXPECT_FALSE(plan.beyond_memory);
  const KvMemoryPlan enough = plan_kv_memory({.geometry = geometry,
                                              .bounds = machine(64 * kGiB),
                                              .weight_bytes = 40 * kGiB,
                                              .useful_blocks = 500});
  EXPECT_EQ(enough.blocks, 500);
}

TEST(KvMemory, SaysWhenMoreIsAskedThanIsFree) {
  const CacheGeometry geometry = small_geometry();
  const KvMemoryPlan plan = plan_kv_memory({.geometry = geometry,
                                            .requested_bytes = size_t{8} << 30,
                                            .bounds = {group(12 * kGiB, 10 * kGiB)},
                                            .weight_bytes = 5 * kGiB});
  EXPECT_FALSE(plan.beyond_memory);
  EXPECT_EQ(plan.paged_bytes, 8 * kGiB - (5 * kGiB - 10 * kGiB / 16));
  EXPECT_NE(describe(plan, geometry).find("3.62 GiB of the weights do not fit"), std::string::npos)
      << describe(plan, geometry);
  const KvMemoryPlan worse = plan_kv_memory({.geometry = geometry,
                                             .requested_bytes = size_t{11} << 30,
                                             .bounds = {group(12 * kGiB, 10 * kGiB)},
                                             .weight_bytes = 5 * kGiB});
  EXPECT_TRUE(worse.beyond_memory);
  EXPECT_EQ(worse.paged_bytes, 5 * kGiB);
  EXPECT_NE(describe(worse, geometry)
                .find("; more than is free, 10 GiB of 12 GiB: memory.max of /a; 5 GiB of the"),
            std::string::npos)
      << describe(worse, geometry);
}

TEST(KvMemory, TakesALittleEvenWhereTheWeightsDoNotFit) {
  const KvMemoryPlan plan = plan_kv_memory(
      {.geometry = small_geometry(), .bounds = machine(16 * kGiB), .weight_bytes = 160 * kGiB});
  EXPECT_EQ(plan.bytes, static_cast<size_t>(2 * kGiB));
  EXPECT_EQ(plan.paged_bytes, 160 * kGiB - (13 * kGiB));
}

TEST(KvMemory, ObeysTheTightestBound) {
  const CacheGeometry geometry = small_geometry();
  KvMemoryArgs args{.geometry = geometry, .bounds = machine(64 * kGiB), .weight_bytes = 2 * kGiB};
  const auto add = [&](const MemoryBound& bound) {
    args.bounds.push_back(bound);
    return plan_kv_memory(args);
  };
  EXPECT_EQ(add(group(32 * kGiB, 16 * kGiB)).bytes, static_cast<size_t>(13 * kGiB));
  EXPECT_EQ(plan_kv_memory(args).bound.name, "memory.max of /a");
  // Mapped weights take none of a process's own memory, and no addresses once they are mapped.
  EXPECT_EQ(add(ulimit(MemoryKind::kPrivate, 16 * kGiB, 8 * kGiB)).bytes,
            static_cast<size_t>(8 * kGiB - kGiB / 2));
  EXPECT_EQ(add(ulimit(MemoryKind::kAddressSpace, 16 * kGiB, 4 * kGiB)).bytes,
            static_cast<size_t>(4 * kGiB - kGiB / 4));
  args.unmapped_bytes = kGiB;
  EXPECT_EQ(plan_kv_memory(args).bytes, static_cast<size_t>(3 * kGiB - kGiB / 4));
  args.private_bytes = kGiB;
  EXPECT_EQ(plan_kv_memory(args).bytes, static_cast<size_t>(2 * kGiB));
  args.stack_bytes = kGiB / 4;
  EXPECT_EQ(plan_kv_memory(args).bytes, static_cast<size_t>(2 * kGiB - kGiB / 4));
  EXPECT_EQ(plan_kv_memory(args).bound.name, "ulimit");
}

TEST(KvMemory, RefusesLimitsThatHoldNoModel) {
  const CacheGeometry geometry = small_geometry();  // the shortest sequence takes 7 MiB
  constexpr int64_t kMiB = int64_t{1} << 20;
  for (const MemoryBound& bound :
       {group(0, 0), group(64 * kMiB, 10 * kMiB), group(64 * kMiB, 0),
        ulimit(MemoryKind::kPrivate, 64 * kMiB, 10 * kMiB),
        ulimit(MemoryKind::kAddressSpace, 64 * kMiB, 10 * kMiB), machine(10 * kMiB)[0]}) {
    KvMemoryArgs args{.geometry = geometry,
                      .bounds = {machine(kGiB)[0], bound},
                      .weight_bytes = 100 * kMiB,
                      .private_bytes = 4 * kMiB};
    try {
      plan_kv_memory(args);
      ADD_FAILURE() << bound.name << ' ' << bound.free_bytes;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kResourceExhausted);
      EXPECT_EQ(error.parts().where, bound.name);
      EXPECT_NE(error.parts().what.find("needs 11 MiB"), std::string::npos) << error.what();
      EXPECT_FALSE(error.parts().remedy.empty());
    }
    // Whoever asks for a cache by its size gets it, with a warning.
    args.requested_bytes = static_cast<size_t>(8 * kMiB);
    EXPECT_TRUE(plan_kv_memory(args).beyond_memory) << bound.name;
  }
  // Just enough, though the usual reserve is not.
  EXPECT_EQ(plan_kv_memory({.geometry = geometry,
                            .bounds = {group(64 * kMiB, 11 * kMiB)},
                            .weight_bytes = 100 * kMiB,
                            .private_bytes = 4 * kMiB})
                .blocks,
            7);
}

TEST(KvMemory, IsModestWhereNothingIsKnown) {
  const KvMemoryPlan plan = plan_kv_memory({.geometry = small_geometry()});
  EXPECT_EQ(plan.bytes, static_cast<size_t>(kGiB - kGiB / 16));
}

TEST(KvMemory, RefusesWhatHoldsNoSequence) {
  const CacheGeometry geometry = small_geometry();
  try {
    plan_kv_memory({.geometry = geometry, .requested_bytes = 6 << 20, .bounds = machine(kGiB)});
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
  const CacheGeometry geometry = small_geometry();
  const KvMemoryArgs args{
      .geometry = geometry, .requested_bytes = size_t{1} << 30, .bounds = machine(4 * kGiB)};
  KvMemoryArgs short_context = args;
  short_context.useful_blocks = 8;
  EXPECT_EQ(plan_kv_memory(args).blocks, plan_kv_memory(short_context).blocks);
}

}  // namespace
}  // namespace hadal
