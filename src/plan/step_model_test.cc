// Operations against the published totals, and that the time of a step moves as it must.
#include "plan/step_model.h"

#include <gtest/gtest.h>

#include "base/units.h"

namespace hadal {
namespace {

struct Known {
  const char* model;
  double fp8;
  double experts;
  double wide;
  double head;
  double core_8k;
  double index_8k;
  double core_1m;
  double index_1m;
};

// Gigaflops of one token, from the sizes of the released models.
constexpr Known kKnown[] = {
    {"pro", 45.4, 48.4, 2.1, 1.9, 10.7, 1.0, 76.7, 128.8},
    {"flash", 11.7, 13.0, 0.8, 1.1, 2.3, 0.7, 23.6, 90.2},
};

TEST(TokenWork, OperationsAreThePublishedOnes) {
  for (const Known& known : kKnown) {
    const PlanModel model = load_plan_model(known.model);
    const TokenWork shallow = token_work(model, 8191);
    const TokenWork deep = token_work(model, 1048575);
    EXPECT_NEAR(shallow.fp8_flops / kGiga, known.fp8, 0.01 * known.fp8 + 0.05);
    EXPECT_NEAR(shallow.expert_flops / kGiga, known.experts, 0.01 * known.experts);
    EXPECT_NEAR(shallow.wide_flops / kGiga, known.wide, 0.01 * known.wide + 0.05);
    EXPECT_NEAR(shallow.head_flops / kGiga, known.head, 0.05);
    EXPECT_NEAR(shallow.attention_flops / kGiga, known.core_8k, 0.01 * known.core_8k + 0.05);
    EXPECT_NEAR(shallow.indexer_flops / kGiga, known.index_8k, 0.06);
    EXPECT_NEAR(deep.attention_flops / kGiga, known.core_1m, 0.01 * known.core_1m);
    EXPECT_NEAR(deep.indexer_flops / kGiga, known.index_1m, 0.01 * known.index_1m);
  }
}

class StepModel : public testing::Test {
 protected:
  StepTime time(const Spread& spread, const StepLoad& load, double floor = 1) const {
    return step_time({.model = model_,
                      .device = device_,
                      .constants = constants_,
                      .spread = spread,
                      .floor_factor = floor},
                     load);
  }

  PlanModel model_ = load_plan_model("pro");
  DeviceLimits device_ = find_device(HardwareCatalogue::built_in(), "b200");
  Constants constants_;
};

TEST_F(StepModel, LimitsAloneAreBytesOverBandwidth) {
  for (const Constant id : {Constant::kMemoryShare, Constant::kGatherShare}) {
    constants_.scale(id, 1 / constants_.get(id, DeviceFamily::kBlackwell));
  }
  const StepTime step = time({.tp = 8, .dp = 1}, {.sequences = 1, .context = 1000}, 0);
  // 39.7 GB of weights for one token, an eighth on each of eight devices of 8 TB/s, and what is not
  // split.
  const double read = step[TimePart::kWeights] + step[TimePart::kExperts];
  EXPECT_GT(read, 38e9 / 8 / 8e12);
  EXPECT_LT(read, 38e9 / 8 / 8e12 * 1.6);
  EXPECT_EQ(step[TimePart::kFloor], 0);
  EXPECT_EQ(step[TimePart::kHost], 0);
}

TEST_F(StepModel, MoreRowsNeverTakeLess) {
  double last = 0;
  for (double sequences = 1; sequences < 5000; sequences *= 2) {
    const double now = time({.tp = 8}, {.sequences = sequences, .context = 8000}).total();
    EXPECT_GT(now, last);
    last = now;
  }
}

TEST_F(StepModel, RanksBeyondTheDomainWaitForTheNetwork) {
  DeviceLimits rack = device_;
  rack.domain = 72;
  const Spread wide{.tp = 1, .dp = 32, .expert_parallel = true};
  const StepLoad load{.sequences = 8, .context = 8000};
  const StepTime near =
      step_time({.model = model_, .device = rack, .constants = constants_, .spread = wide}, load);
  EXPECT_GT(time(wide, load)[TimePart::kCollectives], 3 * near[TimePart::kCollectives]);
}

TEST_F(StepModel, DraftsCostTimeAndAYoungEngineIsSlow) {
  const StepLoad plain{.sequences = 16, .context = 4000};
  StepLoad drafted = plain;
  drafted.rows_per_sequence = 4;
  drafted.drafts = 3;
  EXPECT_GT(time({.tp = 8}, drafted).total(), time({.tp = 8}, plain).total());
  const StepTime young = step_time({.model = model_,
                                    .device = device_,
                                    .constants = constants_,
                                    .spread = {.tp = 8},
                                    .youth = 2},
                                   plain);
  EXPECT_NEAR(young.total(), 2 * time({.tp = 8}, plain).total(), 1e-9);
}

// A rank of eight that deal a prompt has an eighth of its rows with all heads: the work of
// splitting the heads, more weights to read, and keys instead of rows to exchange.
TEST_F(StepModel, DealingAPromptSharesItsWork) {
  const StepLoad prompt{.prefill_rows = 65536, .prefill_context = 32768};
  const StepTime split = time({.tp = 8}, prompt);
  const StepTime dealt = time({.tp = 8, .cp = 8, .expert_parallel = true}, prompt);
  EXPECT_NEAR(dealt[TimePart::kAttention], split[TimePart::kAttention],
              1e-9 * split[TimePart::kAttention]);
  EXPECT_GT(dealt[TimePart::kWeights], 3 * split[TimePart::kWeights]);
  // Ranks that split heads repeat for each row what has none: norms, streams, the low ranks.
  EXPECT_LT(dealt[TimePart::kVector], split[TimePart::kVector]);
  EXPECT_LT(dealt[TimePart::kGemm], split[TimePart::kGemm]);
  // Experts in slices need the rows of all ranks.
  const StepTime sliced = time({.tp = 8, .cp = 8}, prompt);
  EXPECT_NE(sliced[TimePart::kCollectives], dealt[TimePart::kCollectives]);
}

}  // namespace
}  // namespace hadal
