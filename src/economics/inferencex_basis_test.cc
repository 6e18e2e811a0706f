#include "economics/inferencex_basis.h"

#include <cmath>
#include <gtest/gtest.h>

#include "economics/iso_readout.h"
#include "economics/published_points.h"

namespace hadal {
namespace {

// A row that InferenceX published: 52 GPUs, 20 of them for prefill; 428.7 output tok/s of a GPU
// that decodes, 5,498 input tok/s of one that prefills, 2,378.5 in all of every one.
TEST(InferenceXBasis, DividesByTheGpusOfTheRole) {
  const InferenceXRun run{.input_rate = 5498.0 * 20,
                          .output_rate = 428.7 * 32,
                          .gpus = 52,
                          .prefill_gpus = 20,
                          .decode_gpus = 32};
  const InferenceXFigures rates = inferencex_rates(run);
  EXPECT_NEAR(rates.total.value(), 2378.4, 0.1);
  EXPECT_NEAR(rates.input.value(), 5498, 1e-6);
  EXPECT_NEAR(rates.output.value(), 428.7, 1e-6);
  EXPECT_NEAR(times_billed(run).value(), 1, 1e-9);
  const std::vector<std::string> warts = inferencex_warts(run);
  ASSERT_EQ(warts.size(), 3U);
  EXPECT_NE(warts[0].find("over the 32 GPUs that decode, not over all 52: it reads 1.62 times"),
            std::string::npos);
  EXPECT_NE(warts[1].find("over the 20 GPUs that prefill"), std::string::npos);
}

TEST(InferenceXBasis, ChargesASingleNodeTwice) {
  const InferenceXRun run{
      .input_rate = 8000, .output_rate = 1000, .gpus = 8, .has_cached_input = true};
  const InferenceXFigures rates = inferencex_rates(run);
  EXPECT_EQ(rates.total, 1125);
  const InferenceXCosts costs = inferencex_costs(rates, {.usd_per_gpu_hour = 3.6, .kw_per_gpu = 2});
  EXPECT_NEAR(costs.usd_per_million.total.value(), 3.6 / 4.05, 1e-9);
  EXPECT_NEAR(costs.usd_per_million.input.value(), 1, 1e-9);
  EXPECT_NEAR(costs.usd_per_million.output.value(), 8, 1e-9);
  EXPECT_NEAR(costs.tokens_per_usd.output.value(), 125'000, 1e-6);
  EXPECT_NEAR(costs.tokens_per_megawatt_second.total.value(), 562'500, 1e-6);
  EXPECT_NEAR(costs.joules_per_token.input.value(), 2, 1e-9);
  // In a second: 8,000 input and 1,000 output tokens at those prices, and what the GPUs cost.
  const double charged = 8000 * 1e-6 * 1 + 1000 * 1e-6 * 8;
  EXPECT_NEAR(charged / (8 * 3.6 / 3600), times_billed(run).value(), 1e-9);
  EXPECT_NEAR(times_billed(run).value(), 2, 1e-9);
  const std::vector<std::string> warts = inferencex_warts(run);
  EXPECT_NE(warts[0].find("charge the bill 2.00 times"), std::string::npos);
  EXPECT_NE(warts[1].find("prefix cache"), std::string::npos);
}

TEST(InferenceXBasis, HasNoFigureWithoutItsRateOrPrice) {
  const InferenceXFigures rates = inferencex_rates({.output_rate = 100, .gpus = 4});
  EXPECT_FALSE(rates.input.has_value());
  EXPECT_EQ(rates.total, 25);
  const InferenceXCosts costs = inferencex_costs(rates, {.usd_per_gpu_hour = 2});
  EXPECT_FALSE(costs.usd_per_million.input.has_value());
  EXPECT_TRUE(costs.usd_per_million.output.has_value());
  EXPECT_FALSE(costs.joules_per_token.total.has_value());
  EXPECT_FALSE(inferencex_rates({.input_rate = std::nan(""), .gpus = 4}).total.has_value());
}

std::vector<FrontierPoint> curve_of(std::string_view group) {
  std::vector<FrontierPoint> points;
  for (const PublishedPoint& point : published_points()) {
    if (point.group != group) continue;
    points.push_back({.interactivity = point.interactivity.at("median"),
                      .rates = {.total = point.total_rate_per_gpu}});
  }
  return points;
}

// What the page of 22 May read off its frontiers of GB200 and GB300.
TEST(IsoReadout, ReadsPublishedFrontiersAsTheirPageDoes) {
  const auto gb200 = curve_of("gb200|dynamo-vllm|disagg|8192/1024|2026-05-22");
  const auto gb300 = curve_of("gb300|dynamo-vllm|disagg|8192/1024|2026-05-22");
  struct Row {
    double at;
    double gb200;
    double gb300;
  };
  for (const Row& row : {Row{16, 8835, 10608}, Row{20, 7283, 9401}, Row{25, 2846, 7208},
                         Row{32, 1661, 3570}, Row{36, 1376, 2036}, Row{50, 649, 941}}) {
    EXPECT_NEAR(rates_at(gb200, row.at).total.value(), row.gb200, 2) << row.at;
    EXPECT_NEAR(rates_at(gb300, row.at).total.value(), row.gb300, 2) << row.at;
  }
  EXPECT_FALSE(rates_at(gb200, 15).total.has_value());
  EXPECT_FALSE(rates_at(gb200, 75).total.has_value());
  EXPECT_FALSE(rates_at(gb200, 25).output.has_value());
  EXPECT_FALSE(rates_at({}, 25).total.has_value());
}

}  // namespace
}  // namespace hadal
