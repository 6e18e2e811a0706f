#include "plan/local_validation.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "plan/local_machine.h"

namespace hadal {
namespace {

constexpr std::string_view kRates = R"json({"machine": [
  {"threads": 1, "read_gb_per_s": 10, "fork_join_microseconds": 0,
   "gmac_per_s": {"vpdpbusd": 100, "fma f32 (512)": 30}},
  {"threads": 2, "read_gb_per_s": 20, "fork_join_microseconds": 2,
   "gmac_per_s": {"vpdpbusd": 200, "vpmaddubsw": 150, "fma f32 (512)": 60}}]})json";

constexpr std::string_view kRun = R"json({"bench": "decode", "activations": "int8",
  "machine": {"threads": 2, "read_gb_per_s": 20, "fork_join_microseconds": 2,
              "gmac_per_s": {"vpdpbusd": 200, "fma f32 (512)": 60}},
  "layers": 6, "batch": 1, "rows": 1, "context": 4096, "ms_per_step": 100,
  "costs_of_step": {"dense_bytes": 2e9, "quantised_macs": 1e9}})json";

TEST(LocalMachine, TheRatesOfMostThreadsCount) {
  const MachineRates rates = read_machine_rates(kRates, "rates.json");
  EXPECT_EQ(rates.threads, 2);
  const DeviceLimits limits = local_limits(rates, "here", 64e9);
  EXPECT_EQ(limits.bytes_per_s, 20e9);
  EXPECT_EQ(limits.fp8_flops, 400e9);
  EXPECT_EQ(limits.bf16_flops, 120e9);
  EXPECT_NEAR(limits.join_s, 2e-6, 1e-12);
  EXPECT_FALSE(limits.cannot_time());
  for (const char* bad : {"{}", R"({"machine": []})", R"({"machine": [{"threads": 2}]})", "[]"}) {
    EXPECT_THROW(read_machine_rates(bad, "bad"), Error) << bad;
  }
}

TEST(LocalValidation, AStepOfBytesIsBytesOverTheRate) {
  Constants constants;
  constants.set("memory_share.cpu=1");
  const MachineRates rates = read_machine_rates(kRates, "rates.json");
  EXPECT_NEAR(local_step_seconds({.dense_bytes = 20e9}, 1, 0, rates, constants), 1, 1e-9);
  EXPECT_NEAR(local_step_seconds({}, 1, 10, rates, constants), 10 * 45 * 2e-6, 1e-9);
}

TEST(LocalValidation, ReadsARunOfTheBench) {
  const LocalPoint point = read_local_point(kRun, "run.json", Constants());
  EXPECT_EQ(point.measured_ms, 100);
  EXPECT_GT(point.predicted_ms, 99);
  EXPECT_LT(point.predicted_ms, 200);
  EXPECT_NE(local_validation_text({point}).find("median error"), std::string::npos);
  EXPECT_THROW(read_local_point("{}", "empty", Constants()), Error);
}

}  // namespace
}  // namespace hadal
