// The page works costs and curves out for itself; that it gets the program's figures is tested on
// one file of cases, which web/dashboard/test/shared_cases.test.ts reads as well.
#include <gtest/gtest.h>
#include <optional>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "economics/bill.h"
#include "economics/frontier.h"
#include "economics/unit_costs.h"
#include "measure/metrics/level_changes.h"
#include "measure/store/run_comparison.h"
#include "support/source_dir.h"

namespace hadal {
namespace {

using nlohmann::json;

const json& cases() {
  static const json read = json::parse(
      read_text_file(test::source_path("web/dashboard/test/shared_cases.json"), 1 << 20));
  return read;
}

void expect_figure(const std::optional<double>& actual, const json& expected) {
  ASSERT_EQ(actual.has_value(), !expected.is_null()) << expected;
  if (actual) {
    EXPECT_NEAR(*actual, expected.get<double>(), 1e-12 * std::max(1.0, *actual));
  }
}

std::vector<CurvePoint> curve_points(const json& pairs) {
  std::vector<CurvePoint> points;
  for (const json& pair : pairs) points.push_back({pair[0], pair[1]});
  return points;
}

TEST(SharedCases, Frontier) {
  for (const json& c : cases()["frontier"]) {
    const auto better = [&](const char* key) {
      return c[key] == "higher" ? Better::kHigher : Better::kLower;
    };
    EXPECT_EQ(json(undominated_points(curve_points(c["points"]), better("x"), better("y"))),
              c["undominated"]);
  }
}

TEST(SharedCases, Steffen) {
  for (const json& c : cases()["steffen"]) {
    const SteffenCurve curve(curve_points(c["knots"]));
    for (const json& at : c["at"]) expect_figure(curve.at(at[0]), at[1]);
  }
}

TEST(SharedCases, UnitCosts) {
  for (const json& c : cases()["unit_costs"]) {
    expect_figure(usd_per_million_tokens(c["rate"], c["usd_per_hour"]), c["usd_per_million"]);
    expect_figure(tokens_per_usd(c["rate"], c["usd_per_hour"]), c["tokens_per_usd"]);
    expect_figure(tokens_per_megawatt_second(c["rate"], c["kw"]), c["tokens_per_mw"]);
    expect_figure(joules_per_token(c["rate"], c["kw"]), c["joules"]);
  }
}

TEST(SharedCases, Allocation) {
  for (const json& c : cases()["allocate"]) {
    EXPECT_EQ(json(allocate(c["total"], c["weights"].get<std::vector<double>>())), c["shares"]);
  }
}

TEST(SharedCases, AnHour) {
  for (const json& c : cases()["hourly"]) {
    const json& d = c["deployment"];
    DeploymentCosts costs{
        .gpus = d["gpus"], .pue = d["pue"], .hosting_usd_per_month = d["hosting"]};
    if (d.contains("rent")) costs.rent_usd_per_gpu_hour = d["rent"].get<double>();
    if (d.contains("purchase")) {
      costs.purchase =
          Purchase{.usd = d["purchase"], .years = d["years"], .interest_per_year = d["interest"]};
    }
    if (d.contains("tariff")) {
      costs.tariff = Tariff{.usd_per_kwh = d["tariff"]};
      costs.it_kw = d["it_kw"].get<double>();
      costs.idle_kw = d["idle_kw"].get<double>();
    }
    const std::vector<CostPart> parts = hourly_costs(costs);
    ASSERT_EQ(parts.size(), c["parts"].size());
    for (size_t i = 0; i < parts.size(); ++i) {
      EXPECT_EQ(parts[i].name, c["parts"][i][0].get<std::string>());
      EXPECT_NEAR(parts[i].usd_per_hour, c["parts"][i][1], 1e-12);
      EXPECT_NEAR(parts[i].usd_per_idle_hour, c["parts"][i][2], 1e-12);
    }
  }
}

TEST(SharedCases, Bill) {
  for (const json& c : cases()["bill"]) {
    const json& p = c["phases"];
    BillInput input{.phases = {.prefill = p["prefill"],
                               .cached_input = p["cached_input"],
                               .decode = p["decode"],
                               .shared = p["shared"],
                               .idle = p["idle"],
                               .basis = PhaseBasis::kTold},
                    .gpus = c["gpus"],
                    .tokens = {.computed_input = c["tokens"]["computed_input"],
                               .cached_input = c["tokens"]["cached_input"],
                               .output = c["tokens"]["output"]}};
    for (const json& part : c["parts"]) input.parts.push_back({part[0], part[1], part[2]});
    const Bill bill = make_bill(input);
    EXPECT_EQ(bill.total, c["total"]);
    json rows = json::array();
    for (const BillRow& row : bill.rows) rows.push_back({row.part, row.total, row.uses.values});
    EXPECT_EQ(rows, c["rows"]);
    const json& usd = c["usd_per_million"];
    expect_figure(bill.usd_per_million.total, usd["total"]);
    expect_figure(bill.usd_per_million.computed_input, usd["computed_input"]);
    expect_figure(bill.usd_per_million.cached_input, usd["cached_input"]);
    expect_figure(bill.usd_per_million.output, usd["output"]);
  }
}

TEST(SharedCases, IntervalOfARatio) {
  for (const json& c : cases()["ratio_interval"]) {
    const auto interval =
        ratio_interval(c["a"], {c["a_ci"][0], c["a_ci"][1]}, c["b"], {c["b_ci"][0], c["b_ci"][1]});
    expect_figure(interval ? std::optional(interval->low) : std::nullopt, c["low"]);
    expect_figure(interval ? std::optional(interval->high) : std::nullopt, c["high"]);
  }
}

TEST(SharedCases, LevelChanges) {
  for (const json& c : cases()["level_changes"]) {
    const LevelFindings found = find_level_changes(c["values"].get<std::vector<double>>());
    expect_figure(found.noise_ratio, c["noise_ratio"]);
    ASSERT_EQ(found.level.size(), c["level"].size());
    for (size_t i = 0; i < found.level.size(); ++i) expect_figure(found.level[i], c["level"][i]);
    ASSERT_EQ(found.changes.size(), c["changes"].size());
    for (size_t i = 0; i < found.changes.size(); ++i) {
      EXPECT_EQ(found.changes[i].at, c["changes"][i][0].get<size_t>());
      expect_figure(found.changes[i].ratio, c["changes"][i][1]);
    }
  }
}

}  // namespace
}  // namespace hadal
