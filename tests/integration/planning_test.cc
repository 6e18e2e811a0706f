// hadal plan as a user asks it.
#include <gtest/gtest.h>
#include <string>

#include <nlohmann/json.hpp>

#include "program.h"

namespace hadal::integration {
namespace {

using nlohmann::json;

json answer_of(std::vector<std::string> words) {
  words.insert(words.begin(), "plan");
  words.emplace_back("--json");
  const Outcome outcome = run_hadal({.words = std::move(words)});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  return json::parse(outcome.out, nullptr, false);
}

TEST(PlanningTest, AnswersWhoKnowsNothingButHisUsers) {
  const Outcome outcome = run_hadal({.words = {"plan", "--model", "flash", "--users", "50"}});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  for (const char* part : {"Assumed", "cheapest", "What to settle next"}) {
    EXPECT_NE(outcome.out.find(part), std::string::npos) << part;
  }
  const json answer = answer_of({"--model", "flash", "--users", "50", "--hardware", "h200"});
  const json& pick = answer.at("picks").at(0);
  EXPECT_EQ(pick.at("hardware"), "h200");
  EXPECT_GT(pick.at("usd_per_million_total"), 0);
  EXPECT_GE(pick.at("requests_at_a_time").get<double>() * pick.at("replicas").get<double>(), 50);
}

// The same fleet as queues and in steps of the engine's scheduler: under a light load both give the
// same answers at about the same speed, and find what sessions left.
TEST(PlanningTest, AFleetAsQueuesAndInSteps) {
  const auto fleet_of = [](const std::string& scheduler) {
    return answer_of({"fleet", "--model", "flash", "--hardware", "h200", "--rate", "0.5",
                      "--workload", "1000:100", "--turns", "4", "--routing", "affinity",
                      "--requests", "1000", "--seeds", "2", "--scheduler", scheduler});
  };
  const json queue = fleet_of("queue");
  const json steps = fleet_of("hadal");
  EXPECT_EQ(steps.at("scheduler"), "hadal");
  const auto mean = [](const json& answer, const char* key) {
    return answer.at(key).at("mean").get<double>();
  };
  EXPECT_NEAR(mean(steps, "tpot_s") / mean(queue, "tpot_s"), 1, 0.3);
  EXPECT_GT(mean(steps, "hit"), 0.3);
  EXPECT_GT(mean(steps, "ttft_s"), 0);
  EXPECT_TRUE(steps.at("ttft_s").at("half_width_95").is_number());
  // One seed tells nothing of how far seeds differ.
  const json once = answer_of(
      {"fleet", "--model", "flash", "--hardware", "h200", "--requests", "500", "--seeds", "1"});
  EXPECT_TRUE(once.at("ttft_s").at("half_width_95").is_null());
  // Hardware without a price costs nothing that could be told.
  const json unpriced = answer_of(
      {"fleet", "--model", "flash", "--hardware", "h20", "--requests", "500", "--seeds", "1"});
  EXPECT_TRUE(unpriced.at("usd_per_million_tokens").is_null());
  EXPECT_TRUE(unpriced.at("usd_per_million_tokens_saturated").is_null());
}

TEST(PlanningTest, TellsHowWrongItIs) {
  const json answer = answer_of({"validate"});
  EXPECT_GT(answer.at("points").size(), 100U);
  EXPECT_TRUE(answer.at("summary").contains("held_out"));
}

TEST(PlanningTest, SaysWhyItCannot) {
  const auto refusal_of = [](std::vector<std::string> words) {
    words.insert(words.begin(), "plan");
    const Outcome outcome = run_hadal({.words = std::move(words)});
    EXPECT_NE(outcome.status, 0);
    EXPECT_EQ(outcome.out, "");
    return outcome.err;
  };
  EXPECT_NE(refusal_of({"--model", "flash", "--hardware", "h2000"}).find("h200"),
            std::string::npos);
  EXPECT_NE(refusal_of({"fleet", "--scheduler", "hadel"}).find("did you mean hadal"),
            std::string::npos);
  EXPECT_NE(
      refusal_of({"--model", "pro", "--hardware", "h200", "--most-devices", "1"}).find("weights"),
      std::string::npos);
  EXPECT_NE(refusal_of({"fleet", "--model", "flash", "--hardware", "h200", "--scheduler", "hadal",
                        "--cache-tokens", "100", "--requests", "200"})
                .find("shorter requests"),
            std::string::npos);
}

}  // namespace
}  // namespace hadal::integration
