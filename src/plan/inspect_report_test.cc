#include "plan/inspect_report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "checkpoint/v4/config_presets.h"
#include "support/source_dir.h"

namespace hadal {
namespace {

const std::filesystem::path kSource = test::source_dir();
constexpr int64_t kGiB = int64_t{1} << 30;

void expect_lines(const std::string& text, const std::vector<std::string>& parts) {
  for (const std::string& part : parts) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " is not in\n" << text;
  }
}

InspectReport inspect_released(const char* name, int64_t memory) {
  return inspect_model(kSource / "tests/golden/data/config" / name,
                       {.memory = {{.name = "memory.max of /x", .limit_bytes = memory}},
                        .threads = "3 threads: because"});
}

TEST(InspectReport, TellsProFromItsConfigAlone) {
  expect_lines(
      inspect_text(inspect_released("pro", 64 * kGiB)),
      {"DeepSeek-V4-Pro: 1.573 trillion parameters, 48.85 billion active", "none in this directory",
       "61: 0 window only, 30 CSA (ratio 4), 31 HCA", "1,572,997,201,763", "864,704,792,696",
       "805.32 GiB   in 145,116 tensors", "822,054,223,872", "13,956,587,692", "5,031.4 B",
       "43.66 MiB", "633.28 MiB", "5035.79 MiB", "4.35 MiB", "does not fit", "MTP block"});
}

TEST(InspectReport, TellsFlashFromItsConfigAlone) {
  expect_lines(
      inspect_text(inspect_released("flash", 256 * kGiB)),
      {"DeepSeek-V4-Flash: 284.33 billion parameters, 13.27 billion active", "159,609,485,896",
       "148.65 GiB   in 69,187 tensors", "3,514.3 B", "30.52 MiB", "442.35 MiB", "3517.32 MiB",
       "3.07 MiB", "fits: the weights stay in memory, and 99.35 GiB of cache hold 28 sequences",
       "256.00 GiB   memory.max of /x", "3 threads: because"});
}

TEST(InspectReport, TellsAModelWithWeights) {
  const InspectReport report =
      inspect_model(kSource / "models/nano", {.verify = true, .memory = {{.limit_bytes = kGiB}}});
  expect_lines(inspect_text(report),
               {"A DeepSeek V4 model: 7.14 million", "1 shard, all tensors present", "is a number",
                "9,546,152", "(past the model's context)"});
}

TEST(InspectReport, ItsJsonHoldsTheExactFigures) {
  const nlohmann::json json =
      nlohmann::json::parse(inspect_json(inspect_released("flash", 256 * kGiB)));
  EXPECT_EQ(json["released_model"], "DeepSeek-V4-Flash");
  EXPECT_EQ(json["weights"]["present"], false);
  EXPECT_EQ(json["tensors"], 69'187);
  EXPECT_EQ(json["stored_elements"], 158'069'433'298);
  EXPECT_EQ(json["bytes"]["total"], 159'609'485'896);
  EXPECT_EQ(json["bytes"]["by_part"]["routed experts"], 147'169'738'752);
  EXPECT_EQ(json["parameters"]["active_per_token"], 13'270'101'591);
  EXPECT_EQ(json["kv_cache"]["bytes_per_token"], 3514.25);
  EXPECT_EQ(json["kv_cache"]["at"][2]["tokens"], 1'048'576);
  EXPECT_EQ(json["kv_cache"]["at"][2]["bytes"], 3'688'172'544);
  EXPECT_EQ(json["memory_plan"]["fit"], "fits");
  EXPECT_EQ(json["memory_plan"]["limited_by"], "memory.max of /x");
  EXPECT_EQ(json["threads"], "3 threads: because");
  EXPECT_EQ(json["drafter"]["kind"], "mtp");
}

TEST(InspectReport, SaysThatTooLittleIsTooLittle) {
  const InspectReport report = inspect_released("flash", kGiB / 16);
  expect_lines(inspect_text(report), {"does not start: 64 MiB: memory.max of /x is too little; "});
  EXPECT_EQ(nlohmann::json::parse(inspect_json(report))["memory_plan"]["fit"], "too_small");
}

TEST(InspectReport, NeedsWeightsToVerify) {
  EXPECT_THROW(inspect_model(kSource / "tests/golden/data/config/pro", {.verify = true}), Error);
}

TEST(InspectReport, TellsOfTheTokenizerNotesAndUnknownFields) {
  InspectReport report = inspect_released("flash", kGiB);
  EXPECT_EQ(inspect_text(report).find("tokenizer"), std::string::npos);
  report.tokenizer = InspectTokenizer{.present = true, .tokens = 129280};
  report.notes = {"something to know"};
  report.config.unknown_fields = {"vision_config", "other"};
  expect_lines(inspect_text(report),
               {"tokenizer            129,280 tokens", "note                 something to know",
                "does not know and does not use: vision_config, other"});
  nlohmann::json json = nlohmann::json::parse(inspect_json(report));
  EXPECT_EQ(json["tokenizer"]["usable"], true);
  EXPECT_EQ(json["notes"], nlohmann::json::array({"something to know"}));
  EXPECT_EQ(json["unknown_config_fields"][1], "other");
  report.tokenizer = InspectTokenizer{.fault = "x/tokenizer.json: is not there"};
  expect_lines(inspect_text(report),
               {"tokenizer.json is missing: hadal run, serve and text cannot use this model",
                "x/tokenizer.json: is not there"});
  json = nlohmann::json::parse(inspect_json(report));
  EXPECT_EQ(json["tokenizer"]["present"], false);
  EXPECT_EQ(json["tokenizer"]["usable"], false);
}

TEST(InspectReport, NamesADsparkDrafterAsUnused) {
  InspectReport report = inspect_released("flash", kGiB);
  report.config.drafter = DrafterKind::kDspark;
  report.config.drafter_stages = 3;
  report.totals = catalogue_totals(report.config);
  expect_lines(inspect_text(report), {"DeepSeek-V4-Flash", "DSpark, 3 stages; not used"});
}

TEST(InspectReport, NamesTheDrafterAndWhatItCosts) {
  InspectReport report = inspect_released("flash", kGiB);
  expect_lines(inspect_text(report), {"MTP block; 3.35 GiB of weights, "});
  report.config.drafter = DrafterKind::kDspark;
  report.config.drafter_stages = 3;
  report.config.dspark = {
      .block_size = 5, .noise_token = 128799, .taps = {40, 41, 42}, .markov_rank = 256};
  report.totals = catalogue_totals(report.config);
  expect_lines(inspect_text(report), {"DeepSeek-V4-Flash", "DSpark, 3 stages, blocks of 5; 10.1"});
  const nlohmann::json json = nlohmann::json::parse(inspect_json(report));
  EXPECT_EQ(json["drafter"]["used"], true);
  EXPECT_EQ(json["drafter"]["sequence_bytes"], 3 * 128 * 584);
  EXPECT_NEAR(json["drafter"]["read_bytes"].get<double>(), 2.54e9, 0.01e9);
}

}  // namespace
}  // namespace hadal
