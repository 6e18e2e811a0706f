#include "plan/step_costs.h"

#include <gtest/gtest.h>

#include "base/units.h"
#include "checkpoint/v4/catalogue.h"
#include "checkpoint/v4/config_presets.h"
#include "checkpoint/v4/memory_needs.h"

namespace hadal {
namespace {

// Floating-point operations, two per multiply-add, as the model's publications count them.
double gflop(double macs) { return 2 * macs / kGiga; }

TEST(StepCosts, OneFlashTokenTouches11GB) {
  const ModelConfig config = preset_config("flash");
  const StepCosts costs = step_costs(config, {}, ActivationPolicy::kFp8);
  const double weights = costs.bytes() - costs.kv_bytes;
  EXPECT_NEAR(weights / kGiga, 11.2, 0.05);
  // The totals count the three hash tables whole, a step reads the six entries of its token.
  const double unread_hash_entries = 3.0 * (config.vocab_size - 1) * 6 * 8;
  EXPECT_DOUBLE_EQ(weights + unread_hash_entries,
                   static_cast<double>(catalogue_totals(config).active_bytes));
}

TEST(StepCosts, OneProTokenTouches40GB) {
  const StepCosts costs = step_costs(preset_config("pro"), {}, ActivationPolicy::kFp8);
  EXPECT_NEAR((costs.bytes() - costs.kv_bytes) / kGiga, 39.7, 0.1);
}

TEST(StepCosts, OperationsOfATokenAreThePublishedOnes) {
  const StepCosts flash =
      step_costs(preset_config("flash"), {.context = 8191}, ActivationPolicy::kFp8);
  EXPECT_NEAR(gflop(flash.quantised_macs), 11.7, 0.1);
  EXPECT_NEAR(gflop(flash.expert_macs), 13.0, 0.1);
  EXPECT_NEAR(gflop(flash.float_macs), 0.8, 0.05);
  EXPECT_NEAR(gflop(flash.head_macs), 1.1, 0.05);
  EXPECT_NEAR(gflop(flash.attention_macs), 2.3, 0.05);
  EXPECT_NEAR(gflop(flash.indexer_macs), 0.7, 0.05);
  const StepCosts pro =
      step_costs(preset_config("pro"), {.context = 131071}, ActivationPolicy::kFp8);
  EXPECT_NEAR(gflop(pro.quantised_macs), 45.4, 0.3);
  EXPECT_NEAR(gflop(pro.expert_macs), 48.4, 0.3);
  EXPECT_NEAR(gflop(pro.attention_macs), 9.1 + 9.4, 0.1);
  EXPECT_NEAR(gflop(pro.indexer_macs), 16.1, 0.1);
}

TEST(StepCosts, CachedKeysOfADecodeAreTheWindowTheChosenAndTheScored) {
  const ModelConfig config = preset_config("flash");
  constexpr int kContext = 1 << 19;
  const StepCosts costs = step_costs(config, {.context = kContext - 1}, ActivationPolicy::kFp8);
  const auto entry = static_cast<double>(kv_entry_bytes(config));
  const auto key = static_cast<double>(index_key_bytes(config));
  constexpr int kCsaEntries = kContext / 4;
  constexpr int kHcaEntries = kContext / 128;
  const double expected =
      43 * 128 * entry + 21 * (512 * entry + kCsaEntries * key) + 20.0 * kHcaEntries * entry;
  EXPECT_DOUBLE_EQ(costs.kv_bytes, expected);
  // Where everything is chosen, nothing is scored.
  EXPECT_EQ(step_costs(config, {.context = 2047}, ActivationPolicy::kFp8).indexer_macs, 0);
}

TEST(StepCosts, APrefillComputesForEveryRowButReadsWeightsOnce) {
  const ModelConfig config = preset_config("flash");
  const StepCosts one = step_costs(config, {}, ActivationPolicy::kFp8);
  const StepCosts many = step_costs(config, {.rows = 512}, ActivationPolicy::kFp8);
  EXPECT_DOUBLE_EQ(many.quantised_macs, 512 * one.quantised_macs);
  EXPECT_DOUBLE_EQ(many.head_macs, one.head_macs);
  EXPECT_NEAR(many.dense_bytes, one.dense_bytes, one.dense_bytes * 1e-3);
  // Evenly chosen, 512 · 6 choices leave hardly one of 256 experts out.
  const auto all = static_cast<double>(catalogue_totals(config).part(Part::kRoutedExperts));
  EXPECT_NEAR(many.expert_bytes, all, all * 1e-3);
  // Row t sees min(t + 1, 128) keys of the window.
  const ModelConfig window_only = [&] {
    ModelConfig c = config;
    c.layer_kinds.assign(c.layer_kinds.size(), LayerKind::kWindow);
    return c;
  }();
  const StepCosts window = step_costs(window_only, {.rows = 130}, ActivationPolicy::kFp8);
  constexpr int kKeysSeen = 128 * 129 / 2 + 2 * 128;
  EXPECT_DOUBLE_EQ(window.attention_macs, 43.0 * kKeysSeen * 2 * 64 * 512);
}

TEST(StepCosts, Int8WeightsHaveAScaleForEveryFeatureAnd128Inputs) {
  const ModelConfig config = preset_config("flash");
  const StepCosts fp8 = step_costs(config, {}, ActivationPolicy::kFp8);
  const StepCosts int8 = step_costs(config, {}, ActivationPolicy::kInt8);
  const double values = fp8.quantised_macs;
  EXPECT_NEAR(int8.dense_bytes - fp8.dense_bytes, values / 32 - values / 16384, values * 1e-6);
  EXPECT_DOUBLE_EQ(int8.expert_bytes, fp8.expert_bytes);
}

TEST(StepCosts, ADifferenceOfModelsIsTheCostOfTheLayersBetween) {
  const ModelConfig all = preset_config("flash");
  ModelConfig fewer = all;
  fewer.layers = 41;
  fewer.layer_kinds.resize(41);
  const StepCosts difference =
      step_costs(all, {}, ActivationPolicy::kFp8) - step_costs(fewer, {}, ActivationPolicy::kFp8);
  EXPECT_EQ(difference.head_bytes, 0);
  EXPECT_EQ(difference.expert_bytes,
            2.0 * 6 * static_cast<double>(catalogue_totals(all).expert_bytes));
}

TEST(Roofline, IsTheLongerOfMemoryAndArithmetic) {
  const RooflineLimits limits{.read_bytes_per_s = 10e9,
                              .fp4_int8_macs_per_s = 200e9,
                              .int8_macs_per_s = 100e9,
                              .bf16_macs_per_s = 40e9,
                              .float_macs_per_s = 20e9};
  const StepCosts costs{
      .dense_bytes = 5e9, .expert_macs = 60e9, .quantised_macs = 30e9, .float_macs = 4e9};
  const Roofline int8 = roofline(costs, limits, ActivationPolicy::kInt8);
  EXPECT_DOUBLE_EQ(int8.memory_seconds, 0.5);
  EXPECT_DOUBLE_EQ(int8.arithmetic_seconds, 0.8);
  EXPECT_DOUBLE_EQ(int8.seconds(), 0.8);
  const Roofline fp8 = roofline(costs, limits, ActivationPolicy::kFp8);
  EXPECT_DOUBLE_EQ(fp8.arithmetic_seconds, 2.45);
}

}  // namespace
}  // namespace hadal
