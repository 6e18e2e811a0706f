#include "measure/exchange/foreign_document.h"

#include <cmath>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "measure/exchange/csv_table.h"
#include "measure/exchange/point_builder.h"
#include "measure/exchange/yaml_writer.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

TEST(ForeignJson, KeepsTheFirstOfRepeatedNamesAndReportsTheOthers) {
  std::vector<RepeatedName> repeated;
  const ordered_json value =
      read_foreign_json(R"({"a": {"b": 1, "b": [2], "c": 3}})", "x", repeated);
  EXPECT_EQ(value["a"]["b"], 1);
  ASSERT_EQ(repeated.size(), 1U);
  EXPECT_EQ(repeated[0].path, "a");
  EXPECT_EQ(repeated[0].name, "b");
  EXPECT_EQ(repeated[0].value_json, "[2]");
}

TEST(ForeignJson, NumbersBeyondADoubleAreInfinite) {
  std::vector<RepeatedName> repeated;
  const ordered_json value = read_foreign_json(
      "[1e999, -1e999, 1e-999, NaN, 123456789012345678901234567890]", "x", repeated);
  EXPECT_EQ(value[0].get<double>(), HUGE_VAL);
  EXPECT_EQ(value[1].get<double>(), -HUGE_VAL);
  EXPECT_EQ(value[2].get<double>(), 0);
  EXPECT_TRUE(std::isnan(value[3].get<double>()));
  EXPECT_NEAR(value[4].get<double>(), 1.2345678901234568e29, 1e14);
}

TEST(ForeignYaml, PlainScalarsHaveTypesAndQuotedOnesNot) {
  const std::vector<ordered_json> documents = read_foreign_yaml(
      "a: 1\nb: '1'\nc: .inf\nd: -0.5\ne: true\nf: ~\ng: 0.3.0\nh: no\ni: [1, two]\n", "x");
  ASSERT_EQ(documents.size(), 1U);
  const ordered_json& value = documents[0];
  EXPECT_EQ(value["a"], 1);
  EXPECT_EQ(value["b"], "1");
  EXPECT_EQ(value["c"].get<double>(), HUGE_VAL);
  EXPECT_EQ(value["d"], -0.5);
  EXPECT_EQ(value["e"], true);
  EXPECT_TRUE(value["f"].is_null());
  EXPECT_EQ(value["g"], "0.3.0");
  EXPECT_EQ(value["h"], "no");
  EXPECT_EQ(value["i"], ordered_json::parse(R"([1, "two"])"));
}

TEST(ForeignYaml, RefusesWhatCouldBeEndless) {
  EXPECT_THROW(read_foreign_yaml("a: &x [1]\nb: [*x, *x]\n", "x"), Error);
  EXPECT_THROW(read_foreign_yaml("a: 1\na: 2\n", "x"), Error);
  EXPECT_EQ(read_foreign_yaml("a: 1\n---\nb: 2\n", "x").size(), 2U);
  EXPECT_THROW(read_foreign_yaml("? [1, 2]\n: 3\n", "x"), Error);
  EXPECT_THROW(read_foreign_yaml(std::string(300, '[') + std::string(300, ']'), "x"), Error);
}

TEST(Yaml, WhatIsWrittenReadsBackTheSame) {
  ordered_json value = ordered_json::parse(
      R"({"a": [], "b": {}, "c": [1, [2, {"d": "x: y\n\"z\" # é"}], {"e": null, "true": "no"}],
          "f": 0.1, "g": "12", "h": true, "": -3})");
  value["i"] = HUGE_VAL;
  EXPECT_EQ(read_foreign_yaml(dump_yaml(value), "x").at(0), value);
}

TEST(Csv, CellsWithSeparatorsQuotesAndLinesReadBack) {
  const std::vector<std::string> cells = {"a", "", "b,c", "\"d\"", "e\nf", " g "};
  std::string text;
  append_csv_line(text, cells);
  append_csv_line(text, {"x", "", "", "", "", ""});
  const std::vector<CsvLine> lines = parse_csv(text, "t.csv");
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0].cells, cells);
  EXPECT_EQ(lines[1].line, 3U);
  EXPECT_THROW(parse_csv("a,\"b", "t.csv"), Error);
  EXPECT_THROW(parse_csv("a\"b,c\n", "t.csv"), Error);
}

TEST(ForeignNames, HardwareIsFoundInNames) {
  EXPECT_EQ(hardware_key("cluster:h100-dgxc"), "h100");
  EXPECT_EQ(hardware_key("NVIDIA-H100-80GB-HBM3"), "h100");
  EXPECT_EQ(hardware_key("NVIDIA GB200"), "gb200");
  EXPECT_EQ(hardware_key("950dt"), "ascend-950dt");
  EXPECT_EQ(hardware_key("TPU v7"), "tpu-v7");
}

TEST(ForeignNames, TimesOfEveryKind) {
  EXPECT_EQ(parse_time("1970-01-02"), 86400);
  EXPECT_EQ(parse_time("1970-01-01 01:00:00+01"), 0);
  EXPECT_EQ(parse_time("1970-01-01T00:00:01.5Z"), 1.5);
  EXPECT_EQ(parse_time("19700101-000010"), 10);
  EXPECT_FALSE(parse_time("1970-13-01").has_value());
  EXPECT_FALSE(parse_time("yesterday").has_value());
  EXPECT_EQ(format_time(1.5), "1970-01-01T00:00:01.500000Z");
}

TEST(ForeignNames, StatisticsStandInFront) {
  EXPECT_EQ(split_statistic("median_ttft_ms")->statistic, "p50");
  EXPECT_EQ(split_statistic("p99.9_itl")->statistic, "p99.9");
  EXPECT_EQ(split_statistic("p99.9_itl")->stem, "itl");
  EXPECT_FALSE(split_statistic("prefill_tp").has_value());
  EXPECT_FALSE(split_statistic("p_tp").has_value());
}

}  // namespace
}  // namespace hadal
