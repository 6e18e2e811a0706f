// Reading published rows, whatever they hold, and judging predictions by them.
#include "plan/validation.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "economics/catalogue_files.h"

namespace hadal {
namespace {

std::vector<PublishedCase> read(std::string_view text) {
  return read_published_cases(text, "points.json", HardwareCatalogue::built_in());
}

constexpr std::string_view kRow = R"([{"id": "a", "group": "g", "quality": "measured-row",
  "model": "DeepSeek-V4-Pro", "precision": "fp4", "sku": "b200", "n_gpu": 8,
  "topology": {"kind": "agg", "all": {"tp": 8, "ep": null, "dp": null, "workers": 1, "gpus": 8}},
  "engine": "vllm", "date": "2026-09-03", "workload": "fixed", "isl": 8192, "osl": 1024,
  "range_ratio": 0.8, "concurrency": 64, "spec": {"method": "none"},
  "total_tok_s_per_gpu": 1500, "tpot_ms": {"median": 40}, "flags": [], "notes": null}])";

TEST(PublishedCase, IsReadFromARow) {
  const PublishedCase point = read(kRow).front();
  ASSERT_TRUE(point.deployment) << point.why_not;
  EXPECT_EQ(point.kind, CaseKind::kServing);
  EXPECT_EQ(point.deployment->serve.spread.tp, 8);
  EXPECT_EQ(point.deployment->devices(), 8);
  EXPECT_NEAR(point.shape.input, 7372.8, 0.1);
  EXPECT_EQ(point.places, 64);
  EXPECT_EQ(point.measured_total, 1500);
  EXPECT_EQ(point.measured_interactivity, 25);
  EXPECT_EQ(point.days, 132);
}

TEST(PublishedCase, SpreadsFollowTheTopology) {
  std::string text(kRow);
  const auto spread_of = [&](std::string_view topology) {
    nlohmann::json rows = nlohmann::json::parse(text);
    rows[0]["topology"] = nlohmann::json::parse(topology);
    const PublishedCase point = read(rows.dump()).front();
    EXPECT_TRUE(point.deployment) << point.why_not;
    return point.deployment.value();
  };
  const Deployment copies =
      spread_of(R"({"kind": "agg", "all": {"tp": 8, "ep": 8, "dp_attention": true, "gpus": 8}})");
  EXPECT_EQ(copies.serve.spread.dp, 8);
  EXPECT_EQ(copies.serve.spread.tp, 1);
  const Deployment site = spread_of(R"({"kind": "disagg",
      "prefill": {"tp": 8, "gpus": 16}, "decode": {"ep": 8, "gpus": 8}})");
  EXPECT_EQ(site.prefill->workers, 2);
  EXPECT_EQ(site.prefill->spread.dp, 8);
  EXPECT_EQ(site.serve.spread.dp, 8);
  EXPECT_EQ(site.devices(), 24);
  const Deployment wide = spread_of(
      R"({"kind": "decode-only", "decode": {"ep": 32, "dp": 32, "dp_attention": true, "gpus": 32}})");
  EXPECT_EQ(wide.serve.spread.dp, 32);
  const Deployment split = spread_of(R"({"kind": "disagg", "prefill": {"tp": 8, "gpus": 8},
      "decode": {"ep": 1, "gpus": 32}})");
  EXPECT_EQ(split.serve.spread.tp, 8);
  EXPECT_EQ(split.serve.workers, 4);
}

TEST(PublishedCase, OddRowsHaveAReason) {
  const std::vector<PublishedCase> points = read(R"([
    {"id": "nothing"},
    {"id": "hardware", "sku": "abacus"},
    {"id": "types", "sku": 5, "topology": [1], "concurrency": "many", "spec": 3, "flags": {}},
    {"id": "load", "sku": "b200", "model": "DeepSeek-V4-Pro", "n_gpu": 8,
     "topology": {"kind": "agg", "all": {"tp": 8}}},
    {"id": "huge", "sku": "b200", "model": "DeepSeek-V4-Pro", "n_gpu": 1e300, "concurrency": 1e300,
     "isl": -5, "osl": 1e99, "topology": {"kind": "agg", "all": {"tp": -1, "gpus": 0}}},
    {"id": "offload", "sku": "rtx-5090", "model": "DeepSeek-V4-Flash", "n_gpu": 1,
     "topology": {"kind": "cpu-offload"}, "concurrency": 1, "workload": "single-stream"}])");
  for (const PublishedCase& point : points) {
    EXPECT_FALSE(point.deployment) << point.id;
    EXPECT_FALSE(point.why_not.empty()) << point.id;
  }
  EXPECT_THROW(read("[1]"), Error);
  EXPECT_THROW(read(R"([{"group": "no id"}])"), Error);
  EXPECT_THROW(read("5"), Error);
  EXPECT_THROW(read("{"), Error);
}

TEST(Validation, HasTheFormThatIsAskedFor) {
  const Validation validation = validate(read(kRow), Constants());
  const nlohmann::json json = nlohmann::json::parse(validation_json(validation));
  const nlohmann::json& point = json["points"][0];
  for (const char* key :
       {"id", "group", "quality", "predicted_total_tok_s_per_gpu", "measured_total_tok_s_per_gpu",
        "predicted_interactivity", "measured_interactivity", "why"}) {
    EXPECT_TRUE(point.contains(key)) << key;
  }
  EXPECT_TRUE(point["predicted_total_tok_s_per_gpu"].is_number());
  EXPECT_TRUE(json["summary"].contains("held_out"));
  const Validation empty = validate(read(R"([{"id": "x"}])"), Constants());
  const nlohmann::json none = nlohmann::json::parse(validation_json(empty));
  EXPECT_TRUE(none["points"][0]["predicted_total_tok_s_per_gpu"].is_null());
  EXPECT_FALSE(none["points"][0]["why"].get<std::string>().empty());
}

TEST(Validation, TheGapIsMeasuredTimeOverTheLimit) {
  const Validation slow = validate(read(kRow), Constants());
  std::string text(kRow);
  text.replace(text.find("1500"), 4, "3000");
  const Validation fast = validate(read(text), Constants());
  ASSERT_EQ(slow.gaps.size(), 1U);
  EXPECT_EQ(slow.gaps.front().week, "week 18");
  EXPECT_NEAR(slow.gaps.front().median / fast.gaps.front().median, 2, 1e-9);
  // The limit is faster than the prediction, which has launches in it.
  EXPECT_GT(slow.gaps.front().median, *slow.points.front().ratio());
}

// What the project states of itself; worse predictions must not pass unseen.
TEST(Validation, HeldOutPointsStayWithinTheStatedErrors) {
  const Validation validation = validate(read(built_in_published_points()), Constants());
  EXPECT_GT(validation.held_out.points, 150);
  EXPECT_LT(validation.held_out.median, 0.25);
  EXPECT_LT(validation.held_out.p90, 0.6);
  EXPECT_GT(validation.held_out.within_twice, 0.97);
  EXPECT_GT(validation.pairs_right, 0.9 * validation.pairs);
}

}  // namespace
}  // namespace hadal
