#include "server/http/body_budget.h"

#include <gtest/gtest.h>

namespace hadal {
namespace {

constexpr size_t kFree = BodyCharge::kFreeBytes;

TEST(BodyBudgetTest, ChargesWhatIsBeyondTheFreeBytes) {
  const auto budget = std::make_shared<BodyBudget>(1000);
  BodyCharge first(budget);
  EXPECT_TRUE(first.grow_to(kFree));
  EXPECT_EQ(budget->used(), 0U);
  EXPECT_TRUE(first.grow_to(kFree + 600));
  EXPECT_TRUE(first.grow_to(kFree + 10));
  EXPECT_EQ(budget->used(), 600U);
  {
    BodyCharge second(budget);
    EXPECT_TRUE(second.grow_to(kFree + 400));
    EXPECT_FALSE(second.grow_to(kFree + 401));
    EXPECT_EQ(budget->used(), 1000U);
    EXPECT_FALSE(first.grow_to(kFree + 601));
    BodyCharge third(budget);
    EXPECT_TRUE(third.grow_to(kFree)) << "small bodies are always taken";
  }
  EXPECT_EQ(budget->used(), 600U);
}

TEST(BodyBudgetTest, IsGivenBackOnce) {
  const auto budget = std::make_shared<BodyBudget>(1000);
  BodyCharge first(budget);
  EXPECT_TRUE(first.grow_to(kFree + 500));
  BodyCharge second(std::move(first));
  EXPECT_EQ(budget->used(), 500U);
  first = BodyCharge(budget);
  EXPECT_EQ(budget->used(), 500U);
  second.release();
  second.release();
  EXPECT_EQ(budget->used(), 0U);
}

TEST(BodyBudgetTest, HugeSizesDoNotOverflow) {
  const auto budget = std::make_shared<BodyBudget>(1000);
  BodyCharge charge(budget);
  EXPECT_TRUE(charge.grow_to(kFree + 1));
  EXPECT_FALSE(charge.grow_to(~size_t{0}));
  EXPECT_EQ(budget->used(), 1U);
}

}  // namespace
}  // namespace hadal
