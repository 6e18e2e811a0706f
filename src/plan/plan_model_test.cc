// Bytes and shapes against the published totals of the models.
#include "plan/plan_model.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "checkpoint/v4/catalogue.h"
#include "checkpoint/v4/config_presets.h"
#include "checkpoint/v4/memory_needs.h"

namespace hadal {
namespace {

TEST(PlanModel, KeysOfASequenceAreThoseOfTheConfig) {
  for (const char* name : {"pro", "flash"}) {
    const ModelConfig config = preset_config(name);
    const PlanModel model = load_plan_model(name);
    for (const int64_t tokens : {128, 8192, 131072, 1048576}) {
      EXPECT_DOUBLE_EQ(model.sequence_bytes(static_cast<double>(tokens)),
                       static_cast<double>(kv_bytes(config, tokens)))
          << name << " " << tokens;
    }
  }
}

TEST(PlanModel, KeyBytesPerTokenArePublishedOnes) {
  EXPECT_NEAR(load_plan_model("pro").kv_bytes_per_token(), 5031.4, 0.1);
  EXPECT_NEAR(load_plan_model("flash").kv_bytes_per_token(), 3514.3, 0.1);
  EXPECT_NEAR(load_plan_model("v4.1-flash").kv_bytes_per_token(), 890, 0.5);
  EXPECT_NEAR(load_plan_model("v3.2").kv_bytes_per_token(), 48068, 0.5);
  EXPECT_NEAR(load_plan_model("gqa").kv_bytes_per_token(), 249856, 1);
}

TEST(PlanModel, WeightsAreThoseOfTheReleasedCheckpoints) {
  for (const char* name : {"pro", "flash"}) {
    const CatalogueTotals totals = catalogue_totals(preset_config(name));
    const ModelBytes bytes = model_bytes(load_plan_model(name), {});
    const auto routed = static_cast<double>(totals.part(Part::kRoutedExperts));
    EXPECT_NEAR(bytes.experts / routed, 1, 0.001) << name;
    EXPECT_NEAR(bytes.all() / static_cast<double>(totals.bytes), 1, 0.01) << name;
  }
}

TEST(PlanModel, DistinctExpertsOfOneTokenAreWhatItPicks) {
  EXPECT_NEAR(distinct_experts(1, 384, 6, 0), 6, 1e-9);
  EXPECT_NEAR(distinct_experts(1, 384, 6, 0.5), 6, 0.2);
  EXPECT_NEAR(distinct_experts(1e6, 256, 6, 0.5), 256, 1e-6);
  // Skewed popularity touches fewer.
  EXPECT_LT(distinct_experts(64, 384, 6, 0.8), distinct_experts(64, 384, 6, 0));
  EXPECT_EQ(distinct_experts(0, 384, 6, 0), 0);
}

TEST(PlanModel, UnknownNamesSuggestAKnownOne) {
  try {
    load_plan_model("flsh");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(error.parts().remedy.find("flash"), std::string::npos);
  }
}

}  // namespace
}  // namespace hadal
