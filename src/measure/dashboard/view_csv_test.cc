#include "measure/dashboard/view_csv.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "base/error.h"
#include "measure/exchange/csv_table.h"

namespace hadal {
namespace {

// Interactivity, tokens per second and GPU with their interval.
ViewPoint point(int64_t number, double x, double y, bool limited = false) {
  return {.number = number,
          .load = std::to_string(number) + " at once",
          .limited = limited,
          .metrics = {{"interactivity.tpot/1", {0.0, {}, x}},
                      {"rate.total_tokens_per_gpu/1", {0.0, y, {}, {}, {}, {}, 0.9 * y, 1.1 * y}}}};
}

ViewRun run(const std::string& id, const std::string& day, double factor,
            const std::string& gate = "passed") {
  return {.id = id,
          .created = 1,
          .day = day,
          .origin = "hadal",
          .state = "complete",
          .gate = gate,
          .texts = {{"model", "m"}, {"workload", "8k1k"}, {"hardware", "b200"}, {"engine", "e"}},
          .gpus = "×8",
          .points = {point(0, 100, 100 * factor), point(1, 60, 400 * factor),
                     point(2, 50, 300 * factor), point(3, 20, 900 * factor)}};
}

std::vector<CsvLine> lines(std::string_view view, const ViewQuery& query,
                           const std::vector<ViewRun>& runs) {
  return parse_csv(view_csv(view, query, runs), "csv");
}

std::string cell(const std::vector<CsvLine>& table, size_t row, std::string_view column) {
  for (size_t i = 0; i < table.at(0).cells.size(); ++i) {
    if (table[0].cells[i] == column) return table.at(row).cells.at(i);
  }
  ADD_FAILURE() << "no column " << column;
  return "";
}

TEST(ViewCsv, FrontierTellsWhatStandsOnItAndWhy) {
  ViewRun limited = run("r", "2026-08-01", 1);
  limited.points.push_back(point(4, 90, 5000, true));
  const auto table = lines("frontier", {}, {limited});
  ASSERT_EQ(table.size(), 6u);
  EXPECT_EQ(cell(table, 1, "hardware"), "b200");
  EXPECT_EQ(cell(table, 1, "on_frontier"), "yes");
  EXPECT_EQ(cell(table, 3, "on_frontier"), "no");  // 50 and 300 are less than 60 and 400
  EXPECT_EQ(cell(table, 3, "standing"), "verified");
  EXPECT_EQ(cell(table, 5, "on_frontier"), "no");
  EXPECT_EQ(cell(table, 5, "standing"), "client-limited");
  EXPECT_EQ(cell(table, 2, "rate.total_tokens_per_gpu/1 low"), "360.0");
}

TEST(ViewCsv, CostsTurnTheirIntervals) {
  // 3.6 $/h and 400 tokens per second: 2.5 $ a million.
  const auto table =
      lines("frontier", {{"y", "cost.usd_per_million.total/1"}, {"price", "rent"}, {"rent", "3.6"}},
            {run("r", "2026-08-01", 1)});
  EXPECT_EQ(cell(table, 2, "cost.usd_per_million.total/1"), "2.5");
  EXPECT_LT(std::stod(cell(table, 2, "cost.usd_per_million.total/1 low")), 2.5);
  const auto cost = lines("cost", {{"price", "rent"}, {"rent", "1.8"}, {"util", "0.5"}},
                          {run("r", "2026-08-01", 1)});
  EXPECT_EQ(cell(cost, 2, "usd_per_gpu_hour_worked"), "3.6");
  EXPECT_EQ(cell(cost, 2, "cost.usd_per_million.total/1"), "2.5");
}

TEST(ViewCsv, HistoryReadsEachDayAndTellsGaps) {
  ViewRun failed = run("f", "2026-08-02", 1);
  failed.points.clear();
  failed.reason = "the engine did not get ready";
  const std::vector<ViewRun> runs = {run("c", "2026-08-04", 1, "not_run"),
                                     run("b", "2026-08-03", 2), failed, run("a", "2026-08-01", 1)};
  const auto table = lines("history", {{"at", "60"}}, runs);
  ASSERT_EQ(table.size(), 5u);
  EXPECT_EQ(cell(table, 1, "rate.total_tokens_per_gpu/1"), "400.0");
  EXPECT_EQ(cell(table, 2, "gap"), "the engine did not get ready");
  EXPECT_EQ(cell(table, 2, "rate.total_tokens_per_gpu/1"), "");
  EXPECT_EQ(cell(table, 3, "rate.total_tokens_per_gpu/1"), "800.0");
  EXPECT_EQ(cell(table, 4, "gap"), "no point is verified");
  EXPECT_EQ(cell(lines("history", {{"at", "10"}, {"orfaster", "1"}}, runs), 1,
                 "rate.total_tokens_per_gpu/1"),
            "900.0");
  EXPECT_EQ(cell(lines("history", {{"at", "10"}}, runs), 1, "gap"),
            "lies outside what was measured");
}

TEST(ViewCsv, HistoryMarksChangesBeyondItsNoise) {
  std::vector<ViewRun> runs;  // the newest first
  for (int day = 12; day >= 1; --day) {
    runs.push_back(run("r" + std::to_string(day),
                       (day < 10 ? "2026-08-0" : "2026-08-") + std::to_string(day),
                       day >= 7 ? 2 : 1, day == 3 ? "not_run" : "passed"));
  }
  const auto table = lines("history", {{"at", "60"}}, runs);
  ASSERT_EQ(table.size(), 13u);
  for (size_t day = 1; day <= 12; ++day) {
    const std::string change = cell(table, day, "change_ratio");
    if (day == 7) {
      EXPECT_NEAR(std::stod(change), 2, 1e-9);
    } else {
      EXPECT_EQ(change, "") << day;
    }
    EXPECT_GT(std::stod(cell(table, day, "noise_ratio")), 1);
    if (day == 3) {
      EXPECT_EQ(cell(table, day, "level"), "");
    } else {
      EXPECT_NEAR(std::stod(cell(table, day, "level")), day >= 7 ? 800 : 400, 1e-6) << day;
    }
  }
}

TEST(ViewCsv, CompareOnTheCommonRangeOnly) {
  ViewRun other = run("b", "2026-08-02", 2);
  other.points.erase(other.points.begin());  // 60 is its fastest
  const auto table = lines("compare", {{"a", "a"}, {"b", "b"}}, {run("a", "2026-08-01", 1), other});
  ASSERT_EQ(table.size(), 10u);
  EXPECT_EQ(cell(table, 1, "interactivity.tpot/1"), "20.0");
  EXPECT_EQ(cell(table, 9, "interactivity.tpot/1"), "60.0");
  EXPECT_EQ(cell(table, 1, "ratio"), "2.0");
  EXPECT_LT(std::stod(cell(table, 1, "ratio_low")), 2);
  EXPECT_GT(std::stod(cell(table, 1, "ratio_low")), 1.6);
}

TEST(ViewCsv, WhatCannotBeAskedIsNamed) {
  const std::vector<ViewRun> runs = {run("a", "2026-08-01", 1)};
  EXPECT_THROW(view_csv("frontier", {{"y", "cost.of_the_future/7"}}, runs), Error);
  EXPECT_THROW(view_csv("history", {}, runs), Error);
  EXPECT_THROW(view_csv("history", {{"at", "nan"}}, runs), Error);
  EXPECT_THROW(view_csv("compare", {{"a", "a"}, {"b", "none"}}, runs), Error);
  EXPECT_THROW(view_csv("cost", {{"price", "purchase"}}, runs), Error);
  EXPECT_THROW(view_csv("cost", {{"util", "0"}}, runs), Error);
  EXPECT_THROW(view_csv("table", {}, runs), Error);
}

TEST(ViewCsv, NamesAreNoFormulas) {
  ViewRun hostile = run("a", "2026-08-01", 1);
  hostile.texts["label"] = "=HYPERLINK(\"http://x\")";
  EXPECT_EQ(cell(lines("frontier", {}, {hostile}), 1, "label"), "'=HYPERLINK(\"http://x\")");
}

}  // namespace
}  // namespace hadal
