#include "model/batch.h"

#include <array>
#include <gtest/gtest.h>
#include <vector>

#include "base/check.h"

namespace hadal {
namespace {

constexpr CacheGeometry kGeometry{.page_tokens = 128, .state_units = 1};
constexpr std::array<int, 2> kRatios = {4, 128};

StepPlanner plan_of(std::span<const BatchEntry> batch) {
  return StepPlanner(batch, {.geometry = kGeometry, .ratios = kRatios});
}

template <typename T>
std::vector<T> in_vector(std::span<const T> values) {
  return {values.begin(), values.end()};
}

TEST(StepPlan, ListsRowsPagesAndCompletedGroupsOfRaggedSequences) {
  const SequenceCache first{.pages = {7, 9}, .state_units = {3}, .length = 126};
  const SequenceCache second{.pages = {1}, .state_units = {4}, .length = 0};
  const std::vector<int32_t> a = {10, 11, 12, 13};
  const std::vector<int32_t> b = {20, 21, 22, 23, 24};
  const std::vector<BatchEntry> batch = {
      {.cache = &first, .tokens = a, .logit_rows = 2, .droppable_rows = 1},
      {.cache = &second, .tokens = b, .logit_rows = 1}};
  const StepPlanner planner = plan_of(batch);
  const StepPlan& plan = planner.plan();
  EXPECT_EQ(plan.rows, 9);
  EXPECT_EQ(in_vector(plan.tokens), (std::vector<int32_t>{10, 11, 12, 13, 20, 21, 22, 23, 24}));
  EXPECT_EQ(in_vector(plan.positions), (std::vector<int32_t>{126, 127, 128, 129, 0, 1, 2, 3, 4}));
  EXPECT_EQ(in_vector(plan.logit_rows), (std::vector<int32_t>{2, 3, 8}));
  EXPECT_EQ(in_vector(plan.page_table), (std::vector<int32_t>{7, 9, 1}));
  EXPECT_EQ(plan.sequences[1].first_page, 2);
  EXPECT_EQ(plan.sequences[1].first_state_unit, 1);
  // Position 127 completes CSA group 31 and HCA group 0; position 3 the second sequence's first.
  const CompressionPlan& csa = plan.compression(4);
  const CompressionPlan& hca = plan.compression(128);
  ASSERT_EQ(csa.groups.size(), 2U);
  EXPECT_EQ(csa.groups[0].group, 31);
  EXPECT_EQ(csa.groups[0].last_row, 1);
  EXPECT_EQ(csa.groups[1].sequence, 1);
  EXPECT_EQ(csa.groups[1].last_row, 7);
  EXPECT_EQ(in_vector(csa.group_positions), (std::vector<int32_t>{124, 0}));
  EXPECT_EQ(in_vector(csa.first_group), (std::vector<int32_t>{0, 1, 2}));
  ASSERT_EQ(hca.groups.size(), 1U);
  EXPECT_EQ(hca.groups[0].last_row, 1);
}

TEST(StepPlan, CountsWhatCommitMayNeedOfEverySequence) {
  const SequenceCache first{.pages = {7}, .state_units = {3}, .length = 20};
  const SequenceCache second{.pages = {1}, .state_units = {4}};
  const std::vector<int32_t> tokens(30);
  const std::vector<BatchEntry> batch = {
      {.cache = &first, .tokens = std::span(tokens).first(12), .droppable_rows = 3},
      {.cache = &second, .tokens = std::span(tokens).first(5)}};
  const StepPlanner planner = plan_of(batch);
  const StepPlan& plan = planner.plan();
  EXPECT_EQ(plan.sequences[0].tail_rows(), 11);
  EXPECT_EQ(plan.sequences[1].first_tail_row, 11);
  EXPECT_EQ(plan.tail_rows, 16);
  EXPECT_EQ(plan.sequences[1].first_bank, 4);
  EXPECT_EQ(plan.banks, 5);
}

TEST(StepPlan, AStepNoLargerThanAnEarlierOneTakesNoMemory) {
  const SequenceCache cache{.pages = {7, 9}, .state_units = {3}, .length = 20};
  const std::vector<int32_t> tokens(200);
  StepPlanner planner;
  const auto plan_rows = [&](size_t rows) {
    const BatchEntry entry{.cache = &cache, .tokens = std::span(tokens).first(rows)};
    return planner.plan({&entry, 1}, {.geometry = kGeometry, .ratios = kRatios}).tokens.data();
  };
  const int32_t* const memory = plan_rows(200);
  EXPECT_EQ(plan_rows(1), memory);
  EXPECT_EQ(plan_rows(200), memory);
}

TEST(StepPlan, RefusesStepsThatTheCacheCannotHold) {
  const std::vector<int32_t> tokens(129, 0);
  const SequenceCache cache{.pages = {0}, .state_units = {0}};
  EXPECT_THROW(plan_of(std::vector<BatchEntry>{{.cache = &cache, .tokens = tokens}}),
               InvariantError);
  EXPECT_THROW(plan_of(std::vector<BatchEntry>{{.cache = &cache, .tokens = {}}}), InvariantError);
  const SequenceCache stateless{.pages = {0}};
  EXPECT_THROW(
      plan_of(std::vector<BatchEntry>{{.cache = &stateless, .tokens = std::span(tokens).first(1)}}),
      InvariantError);
}

}  // namespace
}  // namespace hadal
