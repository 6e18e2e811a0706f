#include "bench/load/decode_speculation.h"

#include <filesystem>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "support/source_dir.h"

namespace hadal {
namespace {

const std::filesystem::path kNano = test::source_path("models/nano");

TEST(DecodeSpeculation, AQuotationIsGuessedFromItself) {
  DecodeSpeculationReport report = bench_decode_speculation(
      kNano, {.speculation = {.kind = SpeculationKind::kLookup, .drafts = 4},
              .text = SpeculatedText::kQuote,
              .context = 600,
              .rounds = 1});
  EXPECT_EQ(report.guessing.tokens, 599);
  // Nearly always all four guesses and the token of the step's own.
  EXPECT_GT(report.guessing.tokens_per_step, 4);
  EXPECT_LE(report.guessing.tokens_per_step, 5);
  EXPECT_NEAR(report.plain.tokens_per_step, 1, 0.01);
  EXPECT_FALSE(report.expected_gain());  // it never made a step without
  report.model = "nano";
  const nlohmann::json json = nlohmann::json::parse(decode_speculation_json(report));
  EXPECT_EQ(json["text"], "quote");
  EXPECT_EQ(json["speculation"], "lookup:4");
  EXPECT_EQ(json["kept_at"].size(), 4U);
  EXPECT_GT(json["kept_at"][3], 0.75);
  EXPECT_NE(decode_speculation_text(report).find("kept at each place"), std::string::npos);
}

TEST(DecodeSpeculation, TheEngineTellsWhatItExpects) {
  const DecodeSpeculationReport report =
      bench_decode_speculation(kNano, {.text = SpeculatedText::kRandom, .tokens = 40, .rounds = 1});
  ASSERT_TRUE(report.expected_gain());
  EXPECT_GT(*report.expected_gain(), 0);
  const SpeculatorStatistics& decisions = report.guessing.decisions;
  EXPECT_GT(decisions.planned + decisions.declined, 0);
  EXPECT_TRUE(nlohmann::json::parse(decode_speculation_json(report))["expected_gain"].is_number());
}

TEST(DecodeSpeculation, AnswersThatEndEarlyAreAskedForAgain) {
  const DecodeSpeculationReport report =
      bench_decode_speculation(kNano, {.speculation = {.kind = SpeculationKind::kMtp, .drafts = 1},
                                       .text = SpeculatedText::kPrompt,
                                       .prompt = {0, 3, 535, 785, 384, 458, 280, 884, 62, 4, 6},
                                       .tokens = 64,
                                       .rounds = 1});
  EXPECT_GE(report.guessing.tokens, 63);
  EXPECT_EQ(report.context, 11);
  EXPECT_GT(report.guessing.drafts, 0);
}

TEST(DecodeSpeculation, ATextBeyondTheContextIsRefused) {
  EXPECT_THROW(bench_decode_speculation(kNano, {.text = SpeculatedText::kQuote, .context = 4000}),
               Error);
}

}  // namespace
}  // namespace hadal
