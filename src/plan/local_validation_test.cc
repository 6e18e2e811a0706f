#include "plan/local_validation.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "checkpoint/v4/config_presets.h"
#include "plan/local_machine.h"

namespace hadal {
namespace {

constexpr std::string_view kRates = R"json({"machine": [
  {"threads": 1, "read_gb_per_s": 10, "fork_join_microseconds": 0,
   "instructions": {"fp4_int8": "vpdpbusd", "int8": "vpdpbusd", "float": "fma f32 (512)"},
   "gmac_per_s": {"vpdpbusd": 100, "fma f32 (512)": 30}},
  {"threads": 2, "read_gb_per_s": 20, "fork_join_microseconds": 2,
   "instructions": {"fp4_int8": "vpdpbusd", "int8": "vpdpbusd", "float": "fma f32 (512)"},
   "gmac_per_s": {"vpdpbusd": 200, "vpmaddubsw": 150, "fma f32 (512)": 60}}]})json";

// A run of the bench on the released Flash shape, as if it had been measured.
nlohmann::json run(const char* bench, double batch, double rows, double ms) {
  nlohmann::json json = nlohmann::json::parse(kRates)["machine"][1];
  return {
      {"bench", bench},   {"activations", "int8"},
      {"model", "flash"}, {"isa", "avx512"},
      {"machine", json},  {"config", nlohmann::json::parse(config_to_json(preset_config("flash")))},
      {"batch", batch},   {"rows", rows},
      {"context", 4096},  {"ms_per_step", ms}};
}

LocalPoint point_of(const nlohmann::json& json) {
  return read_local_point(json.dump(), "run.json", Constants());
}

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

// A processor with more instructions than the kernels use: AVX2 on one with AVX-VNNI.
TEST(LocalMachine, TheInstructionsInUseAreTheLimits) {
  const DeviceLimits limits = local_limits({.threads = 2,
                                            .read_gb_per_s = 20,
                                            .read_kernel = "",
                                            .peaks = {{"vpdpbusd (256)", 300},
                                                      {"vpmaddubsw", 100},
                                                      {"vpmaddubsw, 16-bit sums", 130},
                                                      {"fma f32 (256)", 60},
                                                      {"vdpbf16ps", 200}},
                                            .used = {.fp4_int8 = "vpmaddubsw, 16-bit sums",
                                                     .int8 = "vpmaddubsw",
                                                     .floats = "fma f32 (256)"}},
                                           "here", 64e9);
  EXPECT_EQ(limits.fp4_flops, 260e9);
  EXPECT_EQ(limits.fp8_flops, 200e9);
  EXPECT_EQ(limits.bf16_flops, 120e9);
}

// Without them it is not known what bounds a step; with a peak missing, neither.
TEST(LocalMachine, FilesWithoutTheInstructionsInUseAreRefused) {
  for (const char* key : {"instructions", "gmac_per_s"}) {
    nlohmann::json json = nlohmann::json::parse(kRates);
    for (nlohmann::json& row : json["machine"]) row.erase(key);
    EXPECT_THROW(read_machine_rates(json.dump(), "rates.json"), Error) << key;
  }
  nlohmann::json json = nlohmann::json::parse(kRates);
  for (nlohmann::json& row : json["machine"]) row["instructions"]["int8"] = "vpdpwssd";
  EXPECT_THROW(read_machine_rates(json.dump(), "rates.json"), Error);
}

// A token of Flash takes 5.85 G parameters in FP8, 6.5 in FP4 and 0.95 in BF16 (StepModel's known
// totals), 11 GB: at 20 GB/s half a second and more.
TEST(LocalValidation, IsThePlannersOwnStep) {
  const LocalPoint one = point_of(run("decode", 1, 1, 500));
  EXPECT_GT(one.predicted_ms(), 400);
  EXPECT_LT(one.predicted_ms(), 900);
  // One row streams the dense weights at the rate of the memory, 0.95 of 20 GB/s.
  const StepTime& parts = one.predicted;
  const double dense = parts[TimePart::kWeights] + parts[TimePart::kGemm] + parts[TimePart::kWide];
  EXPECT_NEAR(dense * 19, 5.85 + 2 * 0.95, 0.8);
  const LocalPoint four = point_of(run("decode", 4, 1, 500));
  EXPECT_GT(four.predicted_ms(), 1.5 * one.predicted_ms());
  const LocalPoint prompt = point_of(run("prefill", 1, 512, 500));
  EXPECT_GT(prompt.predicted_ms(), 4 * four.predicted_ms());
  // Other activations have no integer products.
  nlohmann::json floats = run("prefill", 1, 512, 500);
  floats["activations"] = "fp8";
  EXPECT_GT(point_of(floats).predicted_ms(), 1.5 * prompt.predicted_ms());
}

TEST(LocalValidation, TellsErrors) {
  const LocalPoint right = point_of(run("decode", 1, 1, 500));
  const double predicted = right.predicted_ms();
  const std::vector<LocalPoint> points = {point_of(run("decode", 1, 1, predicted)),
                                          point_of(run("decode", 1, 1, predicted / 1.1)),
                                          point_of(run("decode", 1, 1, predicted / 0.5))};
  EXPECT_NE(local_validation_text(points).find("3 points: median error 10 %, worst 50 %"),
            std::string::npos)
      << local_validation_text(points);
  const nlohmann::json json = nlohmann::json::parse(local_validation_json(points));
  EXPECT_NEAR(json["summary"]["worst_error"], 0.5, 1e-9);
  double sum = 0;
  for (const auto& part : json["points"][0]["parts_ms"]) sum += part.get<double>();
  EXPECT_NEAR(sum, predicted, 1e-6 * predicted);
}

TEST(LocalValidation, RefusesWhatItCannotRead) {
  for (const char* field : {"bench", "machine", "config", "batch", "rows", "ms_per_step"}) {
    nlohmann::json broken = run("decode", 1, 1, 500);
    broken.erase(field);
    EXPECT_THROW(point_of(broken), Error) << field;
  }
  nlohmann::json odd = run("decode", 1, 1, 500);
  odd["config"]["num_attention_heads"] = -1;
  EXPECT_THROW(point_of(odd), Error);
  nlohmann::json other = run("decode", 1, 1, 500);
  other["machine"]["instructions"]["float"] = "fma f32 (256)";  // which was not measured
  EXPECT_THROW(point_of(other), Error);
}

}  // namespace
}  // namespace hadal
