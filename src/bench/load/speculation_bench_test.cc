#include "bench/load/speculation_bench.h"

#include <filesystem>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/source_dir.h"

namespace hadal {
namespace {

// Guesses that are all kept make twice the tokens a step, and the report says what they are.
TEST(SpeculationBench, KeepsWhatIsWishedAndSaysSo) {
  size_t rows_told = 0;
  const SpeculationReport report = bench_speculation(
      test::source_path("models/nano"), {.name = "nano",
                                         .threads = 1,
                                         .batches = {2},
                                         .drafts = {1},
                                         .acceptance = {{.survival = {1}}},
                                         .answer_tokens = 17,
                                         .rounds = 1,
                                         .row_done = [&](const SpeculationReport& so_far) {
                                           EXPECT_EQ(so_far.rows.size(), ++rows_told);
                                         }});
  EXPECT_EQ(rows_told, 1U);
  ASSERT_EQ(report.rows.size(), 1U);
  const SpeculationRow& row = report.rows[0];
  EXPECT_EQ(row.batch, 2);
  ASSERT_EQ(row.cells.size(), 1U);
  EXPECT_DOUBLE_EQ(row.cells[0].tokens_per_step, 2);
  EXPECT_GT(row.cells[0].predicted, 0);
  EXPECT_GT(row.cells[0].measured, 0);
  EXPECT_GT(row.share_of_best(), 0);
  const std::string head = speculation_head_text(report);
  EXPECT_NE(head.find("SIMULATED ACCEPTANCE"), std::string::npos);
  EXPECT_NE(head.find("with nano"), std::string::npos);
  EXPECT_NE(speculation_row_text(row).find("of the best"), std::string::npos);
  const nlohmann::json json = nlohmann::json::parse(speculation_report_json(report));
  EXPECT_EQ(json["simulated"], true);
  EXPECT_EQ(json["drafter"], "mtp");
  EXPECT_EQ(json["rows"][0]["fixed"][0]["drafts"], 1);
}

}  // namespace
}  // namespace hadal
