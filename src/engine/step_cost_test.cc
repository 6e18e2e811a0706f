#include "engine/step_cost.h"

#include <gtest/gtest.h>

namespace hadal {
namespace {

// A machine whose steps cost what the model can say.
double true_seconds(const StepShape& shape) {
  return 0.020 + 0.004 * shape.decode_rows + 0.001 * shape.prefill_rows + 2e-8 * shape.context_rows;
}

StepShape prefill(int rows, int context, int decodes = 0) {
  StepShape shape;
  shape.add_prefill(rows, context);
  for (int i = 0; i < decodes; ++i) shape.add_decode(1, 1000);
  return shape;
}

TEST(StepCost, LearnsFromMeasuredSteps) {
  StepCost cost(0.01);
  for (int i = 0; i < 200; ++i) {
    const StepShape shape = prefill(16 + i * 37 % 400, i * 997 % 100'000, i % 7);
    cost.observe(shape, true_seconds(shape));
  }
  for (const StepShape& shape :
       {prefill(100, 0), prefill(256, 50'000, 3), prefill(16, 99'000), prefill(1, 10, 12)}) {
    EXPECT_NEAR(cost.predict(shape), true_seconds(shape), 0.1 * true_seconds(shape));
  }
  // A row at the end of a long prompt is dearer than one at its beginning.
  EXPECT_LT(cost.rows_within(0.2, 100'000, 512), cost.rows_within(0.2, 0, 512) / 2);
}

TEST(StepCost, PartsAddUpToTheWhole) {
  StepCost cost(0.01);
  for (int i = 0; i < 200; ++i) {
    const StepShape shape = prefill(16 + i * 37 % 400, i * 997 % 100'000, i % 7);
    cost.observe(shape, true_seconds(shape));
  }
  StepShape whole = prefill(100, 5000, 3);
  whole.add_prefill(40, 90'000);
  StepShape decode;
  decode.add_decode(1, 1000);
  const double parts = cost.predict_part(prefill(100, 5000), whole) +
                       cost.predict_part(prefill(40, 90'000), whole) +
                       3 * cost.predict_part(decode, whole);
  EXPECT_NEAR(parts, cost.predict(whole), 1e-12);
  // Of the 20 ms that any step takes each of 143 rows has as much, and a decoding one 4 ms beside.
  EXPECT_NEAR(cost.predict_part(decode, whole), 0.020 / 143 + 0.004, 0.0015);
}

// A few steps, of which by chance those with a decoding row were the shorter.
TEST(StepCost, NoPartIsNothing) {
  StepCost cost(0.01);
  for (int i = 0; i < 3; ++i) {
    cost.observe(prefill(64, 0), 0.05);
    cost.observe(prefill(64, 0, 1), 0.03);
  }
  StepShape decode;
  decode.add_decode(1, 1000);
  const StepShape whole = prefill(64, 0, 1);
  const double part = cost.predict_part(decode, whole);
  EXPECT_GT(part, cost.predict(whole) / 100 / whole.rows());
  EXPECT_NEAR(part + cost.predict_part(prefill(64, 0), whole), cost.predict(whole), 1e-12);
}

TEST(StepCost, RowsWithinABudgetCostWhatItAllows) {
  StepCost cost(0.01);
  for (int i = 0; i < 200; ++i) {
    const StepShape shape = prefill(16 + i * 37 % 400, i * 997 % 100'000, i % 7);
    cost.observe(shape, true_seconds(shape));
  }
  for (const int context : {0, 1000, 60'000}) {
    const int rows = cost.rows_within(0.1, context, 1 << 20);
    const double alone = cost.predict({});
    EXPECT_LE(cost.predict(prefill(rows, context)) - alone, 0.1 + 1e-9);
    EXPECT_GT(cost.predict(prefill(rows + 1, context)) - alone, 0.1 - 1e-9);
  }
  EXPECT_EQ(cost.rows_within(0, 0, 100), 0);
  EXPECT_EQ(cost.rows_within(-1, 0, 100), 0);
  EXPECT_EQ(cost.rows_within(1e9, 0, 100), 100);
}

TEST(StepCost, LongDecodingForgetsNothingAboutPrefills) {
  StepCost cost(0.01);
  for (int i = 0; i < 100; ++i) {
    const StepShape shape = prefill(16 + i * 37 % 400, i * 997 % 100'000, i % 7);
    cost.observe(shape, true_seconds(shape));
  }
  const int before = cost.rows_within(0.2, 0, 1 << 20);
  for (int i = 0; i < 5000; ++i) {
    StepShape shape;
    for (int d = 0; d <= i % 4; ++d) shape.add_decode(1, 2000);
    cost.observe(shape, true_seconds(shape));
  }
  EXPECT_NEAR(cost.rows_within(0.2, 0, 1 << 20), before, 0.1 * before);
}

TEST(StepCost, OneStalledStepDoesNotRuinTheEstimate) {
  StepCost cost(0.01);
  for (int i = 0; i < 100; ++i)
    cost.observe(prefill(64 + i, i * 100), true_seconds(prefill(64 + i, i * 100)));
  const double before = cost.predict(prefill(128, 0));
  cost.observe(prefill(128, 0), 30);
  EXPECT_LT(cost.predict(prefill(128, 0)), 2 * before);
  EXPECT_GE(cost.predict(prefill(128, 0)), before);
}

TEST(StepCost, FollowsAMachineThatBecomesSlower) {
  StepCost cost(0.0001);
  for (int i = 0; i < 50; ++i) cost.observe(prefill(100 + i, 0), 0.1);
  for (int i = 0; i < 300; ++i) cost.observe(prefill(100 + i % 50, 0), 0.3);
  EXPECT_NEAR(cost.predict(prefill(120, 0)), 0.3, 0.05);
}

// A machine that reads experts: the second row costs nearly as much as the first, the hundredth
// hardly anything.
TEST(StepCost, RowsThatShareExpertsCostLess) {
  const ExpertCounts experts{.routed = 256, .per_row = 6};
  StepCost cost(0.01, experts);
  EXPECT_NEAR(cost.expert_sets(1), 1, 1e-9);
  EXPECT_NEAR(cost.expert_sets(6), 5.66, 0.01);
  EXPECT_NEAR(cost.expert_sets(100'000), 256.0 / 6, 1e-9);
  const auto truth = [&](const StepShape& shape) {
    return 0.040 + 0.002 * shape.decode_rows + 0.030 * cost.expert_sets(shape.rows());
  };
  for (int i = 0; i < 600; ++i) {
    StepShape shape;
    for (int j = 0; j <= i % 16; ++j) shape.add_decode(1 + i % 5, 100);
    cost.observe(shape, truth(shape));
  }
  for (const int rows : {1, 2, 6, 20, 60}) {
    StepShape shape;
    shape.add_decode(rows, 100);
    EXPECT_NEAR(cost.predict(shape), truth(shape), 0.05 * truth(shape)) << rows;
  }
  StepShape whole;
  whole.add_decode(3, 100);
  whole.add_prefill(40, 0);
  StepShape decode;
  decode.add_decode(3, 100);
  StepShape prefill_rows;
  prefill_rows.add_prefill(40, 0);
  EXPECT_NEAR(cost.predict_part(decode, whole) + cost.predict_part(prefill_rows, whole),
              cost.predict(whole), 1e-12);
  StepShape fitting;
  fitting.add_prefill(cost.rows_within(0.5, 0, 512), 0);
  EXPECT_LE(cost.predict(fitting) - cost.predict({}), 0.5);
}

}  // namespace
}  // namespace hadal
