#include "base/buffer_plan.h"

#include <gtest/gtest.h>
#include <random>

namespace hadal {
namespace {

bool share_memory(const PlannedBuffer& a, const PlannedBuffer& b) {
  return a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
}

void expect_sound(const BufferPlan& plan) {
  for (const PlannedBuffer& a : plan.buffers()) {
    EXPECT_EQ(a.offset % 64, 0U) << a.name;
    EXPECT_LE(a.offset + a.bytes, plan.bytes()) << a.name;
    for (const PlannedBuffer& b : plan.buffers()) {
      const bool meet = a.first_use <= b.last_use && b.first_use <= a.last_use;
      if (&a == &b || !meet) continue;
      EXPECT_FALSE(share_memory(a, b)) << a.name << " and " << b.name;
    }
  }
}

TEST(BufferPlan, BuffersOfOtherStagesShareMemory) {
  BufferPlan plan;
  const size_t queries =
      plan.add({.name = "queries", .bytes = 1000, .first_use = 1, .last_use = 3});
  const size_t experts = plan.add({.name = "experts", .bytes = 900, .first_use = 4, .last_use = 5});
  plan.add({.name = "streams", .bytes = 100, .first_use = 0, .last_use = 9});
  plan.place();
  expect_sound(plan);
  EXPECT_EQ(plan.offset(queries), plan.offset(experts));
  EXPECT_EQ(plan.bytes(), 1024U + 100U);
}

TEST(BufferPlan, AStageMoreAndTheyDoNot) {
  BufferPlan plan;
  plan.add({.name = "queries", .bytes = 1000, .first_use = 1, .last_use = 4});
  plan.add({.name = "experts", .bytes = 900, .first_use = 4, .last_use = 5});
  plan.place();
  expect_sound(plan);
  EXPECT_GE(plan.bytes(), 1900U);
}

TEST(BufferPlan, RandomPlansAreSoundAndNotLargerThanTheirSum) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    BufferPlan plan;
    size_t sum = 0;
    for (int i = 0; i < 24; ++i) {
      const int first = static_cast<int>(random() % 12);
      const PlannedBuffer buffer{.name = "buffer",
                                 .bytes = random() % 5000,
                                 .first_use = first,
                                 .last_use = first + static_cast<int>(random() % 4)};
      sum += (buffer.bytes + 63) / 64 * 64;
      plan.add(buffer);
    }
    plan.place();
    expect_sound(plan);
    EXPECT_LE(plan.bytes(), sum);
  }
}

}  // namespace
}  // namespace hadal
