#include "economics/cost_report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace hadal {
namespace {

// A B200 as published: 651 tok/s a GPU, one token in nine of them output.
CostReportInput b200() {
  return {.about = "8 x b200",
          .seconds = 3600,
          .tokens = {.computed_input = 16'665'600, .output = 2'083'200},
          .gpus = 8,
          .accelerator = &HardwareCatalogue::built_in().accelerator("b200"),
          .era = "2026-06",
          .pue = 1.27};
}

TEST(CostReport, HasBothBasesSideBySide) {
  const CostFigures figures = cost_figures(b200());
  EXPECT_NEAR(figures.inferencex.usd_per_million.total.value(), 0.832, 5e-4);
  EXPECT_NEAR(figures.inferencex.usd_per_million.output.value(), 9 * 0.832, 5e-3);
  EXPECT_NEAR(figures.inferencex.tokens_per_megawatt_second.total.value(), 300e3, 10);
  EXPECT_EQ(figures.bill.total, 15'600'000);
  EXPECT_NEAR(figures.bill.usd_per_million.total.value(), 0.832, 5e-4);
  EXPECT_FALSE(figures.bill.usd_per_million.output.has_value());
  // 2.17 kW with the facility are 1.709 without.
  EXPECT_NEAR(figures.power->it_kw, 8 * 1.709, 5e-3);
  EXPECT_NEAR(figures.bill.full_joules.total.value(), 1709.0 / 651, 5e-3);
  const std::string text = cost_report(b200());
  for (const char* part :
       {"8 x b200\n651.0 tok/s a GPU in all", "$1.95 a GPU-hour, hyperscaler, era 2026-06",
        "  total                          0.832         0.832", "not known", "15.600000",
        "charge the bill 2.00 times", "  2026-06       1.71*    2.17          381,000",
        "300,000"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
}

TEST(CostReport, LongFiguresStandApart) {
  CostReportInput input = b200();
  input.own = read_deployment_costs("gpus = 8\n[rent]\nusd_per_gpu_hour = 0.0001\n", "costs.toml");
  input.accelerator = nullptr;
  const std::string text = cost_report(input);
  EXPECT_NE(text.find("23,436,000,000 23,436,000,000"), std::string::npos) << text;
}

TEST(CostReport, NamesOfOthersReachNoTerminal) {
  CostReportInput input = b200();
  input.own = read_deployment_costs(
      "name = \"lab\\u001b[2J\"\ngpus = 8\n[rent]\nusd_per_gpu_hour = 2\n", "costs.toml");
  input.api = TokenPrices{.input = 1, .output = 1};
  input.api_name = "an\x1b]0;API";
  const std::string text = cost_report(input);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(text.find("lab\\x1b[2J"), std::string::npos) << text;
  EXPECT_NE(text.find("an\\x1b]0;API"), std::string::npos) << text;
}

TEST(CostReport, DividesByPhasesAndOwnCosts) {
  CostReportInput input = b200();
  input.tokens.cached_input = 10'000'000;
  input.phases = Phases{.prefill = 8 * 900, .decode = 8 * 2700, .basis = PhaseBasis::kEstimated};
  input.own = read_deployment_costs(
      "name = \"lab\"\ngpus = 8\nutilisation = 0.5\n[rent]\nusd_per_gpu_hour = 2\n", "costs.toml");
  input.api = TokenPrices{.input = 0.66, .cached_input = 0.022, .output = 1.98};
  input.api_name = "DeepSeek";
  const CostFigures figures = cost_figures(input);
  // Two hours are paid for one of work; of that a quarter is prefill.
  EXPECT_EQ(figures.bill.total, 32'000'000);
  EXPECT_EQ(figures.bill.uses[BillUse::kIdle], 16'000'000);
  EXPECT_EQ(figures.bill.full[BillUse::kPrefill], 8'000'000);
  EXPECT_NEAR(figures.bill.usd_per_million.output.value(), 12 / 2.0832, 1e-6);
  // An hour of work would cost 16.6656 · 0.66 + 10 · 0.022 + 2.0832 · 1.98 there: below own at any
  // load.
  EXPECT_NEAR(figures.break_even->api_usd_per_million.value(), 15.344 / 28.7488, 1e-4);
  EXPECT_FALSE(figures.break_even->own_beats_api_from.has_value());
  EXPECT_NEAR(figures.break_even->own_usd_per_million.value(), 16 / 14.3744, 1e-6);
  const std::string text = cost_report(input);
  for (const char* part : {"Costs for the bill: lab, 50 % utilisation.", "estimated",
                           "Own costs more than DeepSeek at every utilisation.",
                           "Cached input saved $2.40 of prefill."}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
}

// Twenty GPUs prefill and 32 decode.
TEST(CostReport, IsADocumentForPrograms) {
  CostReportInput input = b200();
  input.gpus = 52;
  input.prefill_gpus = 20;
  input.decode_gpus = 32;
  input.own = read_deployment_costs(
      "gpus = 52\nutilisation = 0.7\n[purchase]\nusd = 2e6\nyears = 4\ninterest_per_year = 0.05\n"
      "[power]\nit_kw = 90\nidle_kw = 30\npue = 1.3\n[electricity]\nusd_per_kwh = 0.11\n",
      "\xff.toml");
  const auto json = nlohmann::json::parse(cost_report_json(input));
  EXPECT_EQ(json["schema"], "hadal.costs/1");
  EXPECT_EQ(json["bill"]["phases"], "by the roles of GPUs");
  EXPECT_EQ(json["bill"]["power"]["basis"], "provisioned");
  // What a program adds up is the bill.
  const auto& amounts = json["bill"]["micro_usd"];
  MicroUsd of_parts = 0;
  for (const auto& part : amounts["parts"]) {
    MicroUsd of_uses = 0;
    for (const auto& use : part["uses"]) of_uses += use.get<MicroUsd>();
    EXPECT_EQ(part["total"], of_uses);
    of_parts += of_uses;
  }
  EXPECT_EQ(amounts["total"], of_parts);
  EXPECT_EQ(amounts["parts"].size(), 4U);
  EXPECT_NEAR(json["inferencex"]["usd_per_million"]["output"].get<double>(), 1.95 * 32 / 2.0832,
              1e-6);
  EXPECT_EQ(json["power"].size(), 6U);
  EXPECT_TRUE(json["bill"]["usd_per_million"]["cached_input"].is_null());
  EXPECT_TRUE(json["break_even"]["own_beats_api_from"].is_null());
}

TEST(CostReport, NeedsARunAndAPrice) {
  const auto refuses = [](auto change, const std::string& part) {
    CostReportInput input = b200();
    change(input);
    try {
      cost_figures(input);
      ADD_FAILURE() << "took a run " << part;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  };
  refuses([](CostReportInput& input) { input.seconds = 0; }, "duration");
  refuses([](CostReportInput& input) { input.gpus = 0; }, "GPU");
  refuses([](CostReportInput& input) { input.tokens = {}; }, "tokens");
  refuses([](CostReportInput& input) { input.tokens.output = -1; }, "tokens");
  refuses([](CostReportInput& input) { input.accelerator = nullptr; }, "no price");
  refuses(
      [](CostReportInput& input) {
        input.era = "2026-09";
        input.tier = PriceTier::kNeocloud;
      },
      "no neocloud price of b200 in era 2026-09");
}

}  // namespace
}  // namespace hadal
