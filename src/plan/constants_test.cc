#include "plan/constants.h"

#include <algorithm>
#include <gtest/gtest.h>

#include "base/error.h"
#include "plan/speculation.h"

namespace hadal {
namespace {

TEST(Constants, EachIsNamedAndSourced) {
  ASSERT_EQ(constant_table().size(), kConstants);
  for (const ConstantSpec& spec : constant_table()) {
    EXPECT_FALSE(spec.name.empty());
    EXPECT_FALSE(spec.unit.empty()) << spec.name;
    EXPECT_GT(spec.source.size(), 10U) << spec.name;
    EXPECT_LE(spec.low, 1) << spec.name;
    EXPECT_GE(spec.high, 1) << spec.name;
    // Who reads the source alone must not take an estimate for a fit.
    const bool fitted =
        std::find(spec.calibrated.begin(), spec.calibrated.end(), true) != spec.calibrated.end();
    EXPECT_EQ(fitted, spec.source.starts_with("calibrated")) << spec.name;
    EXPECT_TRUE(fitted || spec.source.find("estimate") != std::string::npos) << spec.name;
  }
  EXPECT_EQ(constant_table()[static_cast<size_t>(Constant::kLayerFloor)].name, "layer_floor");
  EXPECT_EQ(constant_table()[static_cast<size_t>(Constant::kHalfRows)].name, "half_rows");
}

TEST(Constants, CanBeAssumedOtherwise) {
  Constants constants;
  const double hopper = constants.get(Constant::kGemmShare, DeviceFamily::kHopper);
  constants.set("gemm_share.amd=0.5");
  EXPECT_EQ(constants.get(Constant::kGemmShare, DeviceFamily::kAmd), 0.5);
  EXPECT_EQ(constants.get(Constant::kGemmShare, DeviceFamily::kHopper), hopper);
  constants.set("layer_floor=1");
  EXPECT_EQ(constants.get(Constant::kLayerFloor, DeviceFamily::kOther), 1);
  for (const char* bad : {"gem_share=0.5", "gemm_share", "gemm_share=x", "gemm_share.intel=1",
                          "gemm_share=-1", "gemm_share=nan", "=1"}) {
    EXPECT_THROW(constants.set(bad), Error) << bad;
  }
}

TEST(Constants, ZeroIsForTimesNotForShares) {
  Constants constants;
  constants.set("layer_floor=0");
  constants.set("fp4_use=0");
  for (const char* bad : {"memory_share=0", "youth_days=0", "layer_floor=1e300"}) {
    EXPECT_THROW(constants.set(bad), Error) << bad;
  }
}

TEST(Youth, FallsWithTheWeeks) {
  const Constants constants;
  EXPECT_GT(youth_factor(constants, DeviceFamily::kAmd, 0), 5);
  EXPECT_NEAR(youth_factor(constants, DeviceFamily::kAmd, 60), 1, 0.01);
  EXPECT_EQ(days_since_release("2026-04-24"), 0);
  EXPECT_EQ(days_since_release("2026-05-21"), 27);
  EXPECT_EQ(days_since_release("2025-01-01"), 0);
  EXPECT_EQ(days_since_release("2026"), 180);
  EXPECT_EQ(days_since_release("no date"), 180);
}

TEST(Speculation, IsReadFromWords) {
  EXPECT_EQ(parse_speculation("none").tokens_per_step, 1);
  EXPECT_EQ(parse_speculation("mtp3").tokens_per_step, 2.49);
  EXPECT_EQ(parse_speculation("dspark").drafts, 5);
  EXPECT_EQ(parse_speculation("mtp3:2.1").tokens_per_step, 2.1);
  EXPECT_NEAR(parse_speculation("mtp2:0.8,0.5").tokens_per_step, 1 + 0.8 + 0.4, 1e-12);
  EXPECT_TRUE(parse_speculation("dspark5").adapts);
  EXPECT_FALSE(parse_speculation("dspark5:3").adapts);
  for (const char* bad : {"mtp9", "mtp0", "eagle", "mtp3:9", "mtp3:0.5", "mtp3:0.5,0.5",
                          "mtp3:1.5,0,0", "mtpx", "mtp2.5"}) {
    EXPECT_THROW(parse_speculation(bad), Error) << bad;
  }
}

}  // namespace
}  // namespace hadal
