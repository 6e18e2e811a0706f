#include "model/batch.h"

#include <gtest/gtest.h>

#include "base/check.h"

namespace hadal {
namespace {

CacheLayout layout() {
  CacheLayout layout;
  layout.page_tokens = 128;
  layout.state_units = 1;
  return layout;
}

TEST(StepPlan, ListsRowsPagesAndCompletedGroupsOfRaggedSequences) {
  const SequenceCache first{.pages = {7, 9}, .state_units = {3}, .length = 126};
  const SequenceCache second{.pages = {1}, .state_units = {4}, .length = 0};
  const std::vector<int32_t> a = {10, 11, 12, 13};
  const std::vector<int32_t> b = {20, 21, 22, 23, 24};
  const std::vector<BatchEntry> batch = {
      {.cache = &first, .tokens = a, .logit_rows = 2, .droppable_rows = 1},
      {.cache = &second, .tokens = b, .logit_rows = 1}};
  const StepPlan plan = make_step_plan(batch, layout());
  EXPECT_EQ(plan.rows, 9);
  EXPECT_EQ(plan.tokens, (std::vector<int32_t>{10, 11, 12, 13, 20, 21, 22, 23, 24}));
  EXPECT_EQ(plan.positions, (std::vector<int32_t>{126, 127, 128, 129, 0, 1, 2, 3, 4}));
  EXPECT_EQ(plan.logit_rows, (std::vector<int32_t>{2, 3, 8}));
  EXPECT_EQ(plan.page_table, (std::vector<int32_t>{7, 9, 1}));
  EXPECT_EQ(plan.sequences[1].first_page, 2);
  EXPECT_EQ(plan.sequences[1].first_state_unit, 1);
  // Position 127 completes CSA group 31 and HCA group 0; position 3 the second sequence's first.
  ASSERT_EQ(plan.csa.groups.size(), 2U);
  EXPECT_EQ(plan.csa.groups[0].group, 31);
  EXPECT_EQ(plan.csa.groups[0].last_row, 1);
  EXPECT_EQ(plan.csa.groups[1].sequence, 1);
  EXPECT_EQ(plan.csa.groups[1].last_row, 7);
  EXPECT_EQ(plan.csa.group_positions, (std::vector<int32_t>{124, 0}));
  EXPECT_EQ(plan.csa.first_group, (std::vector<int>{0, 1, 2}));
  ASSERT_EQ(plan.hca.groups.size(), 1U);
  EXPECT_EQ(plan.hca.groups[0].last_row, 1);
}

TEST(StepPlan, RefusesStepsThatTheCacheCannotHold) {
  const std::vector<int32_t> tokens(129, 0);
  const SequenceCache cache{.pages = {0}, .state_units = {0}};
  EXPECT_THROW(
      make_step_plan(std::vector<BatchEntry>{{.cache = &cache, .tokens = tokens}}, layout()),
      InvariantError);
  EXPECT_THROW(make_step_plan(std::vector<BatchEntry>{{.cache = &cache, .tokens = {}}}, layout()),
               InvariantError);
  const SequenceCache stateless{.pages = {0}};
  EXPECT_THROW(make_step_plan(std::vector<BatchEntry>{{.cache = &stateless,
                                                       .tokens = std::span(tokens).first(1)}},
                              layout()),
               InvariantError);
}

}  // namespace
}  // namespace hadal
