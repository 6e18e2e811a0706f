#include "ops/op_profile.h"

#include <gtest/gtest.h>

#include "ops/experts.h"
#include "ops/linear.h"
#include "ops/norm.h"
#include "support/ops.h"

namespace hadal {
namespace {

using testing_support::ReferenceOps;
using testing_support::Values;

TEST(OpProfile, CountsCallsByOperationAndShape) {
  ReferenceOps ref;
  OpProfile profile;
  const std::vector<float> weight = Values(1).floats(12);
  std::vector<float> x = Values(2).floats(4);
  std::vector<float> y(3);
  const auto run = [&] {
    ops::rms_norm(ref.context, {.x = x.data(), .out = x.data(), .rows = 1, .columns = 4});
    ops::linear(ref.context, {.x = x.data(),
                              .weight = {.data = reinterpret_cast<const std::byte*>(weight.data()),
                                         .out_features = 3,
                                         .in_features = 4},
                              .out = y.data(),
                              .rows = 1,
                              .x_stride = 4,
                              .out_stride = 3});
  };
  run();
  EXPECT_TRUE(profile.entries().empty());
  ref.context.set_profile(&profile);
  run();
  run();
  ASSERT_EQ(profile.entries().size(), 2U);
  EXPECT_EQ(profile.entries()[0].key, (OpKey{.op = "rms_norm"}));
  EXPECT_EQ(profile.entries()[0].calls, 2);
  EXPECT_EQ(profile.entries()[1].key,
            (OpKey{.op = "linear", .form = "f32", .out_features = 3, .in_features = 4}));
  EXPECT_EQ(profile.entries()[1].calls, 2);
  EXPECT_GE(profile.entries()[1].nanoseconds, 0);
  ref.context.set_profile(nullptr);
  run();
  EXPECT_EQ(profile.entries()[0].calls, 2);
}

TEST(OpProfile, CountsAnOperationThatCallsOthersOnce) {
  ReferenceOps ref;
  OpProfile profile;
  ref.context.set_profile(&profile);
  {
    const OpTimer outer(ref.context, {.op = "outer"});
    std::vector<float> x(4);
    ops::rms_norm(ref.context, {.x = x.data(), .out = x.data(), .rows = 1, .columns = 4, .eps = 1});
  }
  ASSERT_EQ(profile.entries().size(), 1U);
  EXPECT_EQ(profile.entries()[0].key.op, "outer");
  EXPECT_EQ(ref.context.profile(), &profile);
}

}  // namespace
}  // namespace hadal
