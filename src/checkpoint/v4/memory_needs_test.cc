#include "checkpoint/v4/memory_needs.h"

#include <gtest/gtest.h>

#include "checkpoint/v4/config_presets.h"

namespace hadal {
namespace {

constexpr double kMiB = 1 << 20;

double mib(int64_t bytes) { return static_cast<double>(bytes) / kMiB; }

TEST(KvBytes, ReproducesTheTableOfTheReleasedModels) {
  const ModelConfig pro = preset_config("pro");
  const ModelConfig flash = preset_config("flash");
  EXPECT_EQ(kv_entry_bytes(pro), 584);
  EXPECT_EQ(index_key_bytes(pro), 68);
  EXPECT_DOUBLE_EQ(kv_bytes_per_token(pro), 5031.4375);
  EXPECT_DOUBLE_EQ(kv_bytes_per_token(flash), 3514.25);
  EXPECT_NEAR(mib(kv_bytes(pro, 8'192)), 43.66, 0.005);
  EXPECT_NEAR(mib(kv_bytes(flash, 8'192)), 30.52, 0.005);
  EXPECT_NEAR(mib(kv_bytes(pro, 131'072)), 633.3, 0.05);
  EXPECT_NEAR(mib(kv_bytes(flash, 131'072)), 442.3, 0.06);
  EXPECT_NEAR(mib(kv_bytes(pro, 1'048'576)), 5035.8, 0.05);
  EXPECT_NEAR(mib(kv_bytes(flash, 1'048'576)), 3517.3, 0.05);
  EXPECT_NEAR(mib(kv_window_bytes(pro)), 4.35, 0.005);
  EXPECT_NEAR(mib(kv_window_bytes(flash)), 3.07, 0.005);
  EXPECT_NEAR(mib(compressor_state_bytes(pro)), 2.53, 0.005);
  EXPECT_NEAR(mib(compressor_state_bytes(flash)), 1.76, 0.005);
  EXPECT_EQ(drafter_state_bytes(pro), 128 * 584 + 4 * 7168 * 4);
}

TEST(KvBytes, CountsWholeGroupsOnly) {
  const ModelConfig flash = preset_config("flash");
  EXPECT_EQ(kv_bytes(flash, 0), 0);
  EXPECT_EQ(kv_bytes(flash, 3), 3 * 43 * 584);
  EXPECT_EQ(kv_bytes(flash, 4), 4 * 43 * 584 + 21 * (584 + 68));
  EXPECT_EQ(kv_bytes(flash, 128) - kv_bytes(flash, 127), 43 * 584 + 21 * (584 + 68) + 20 * 584);
  EXPECT_EQ(kv_bytes(flash, 129), kv_bytes(flash, 128));
}

}  // namespace
}  // namespace hadal
