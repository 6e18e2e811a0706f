#include "cli/page_planner.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "plan/constants.h"

namespace hadal {
namespace {

using nlohmann::json;

const DashboardPlanner::Question kQuestion = {
    {"model", "flash"}, {"hardware", "h200"}, {"interactivity", "30"}, {"most-devices", "8"}};

json answer(const DashboardPlanner::Question& changes) {
  DashboardPlanner::Question question = kQuestion;
  for (const auto& [name, value] : changes) question[name] = value;
  return json::parse(PagePlanner().plan_json(question));
}

std::string refusal(const DashboardPlanner::Question& changes) {
  try {
    answer(changes);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(PagePlanner, AnswersAsTheCommandDoes) {
  const json plan = answer({{"tier", "rental"}});
  EXPECT_EQ(plan["schema"], "hadal.plan/1");
  EXPECT_EQ(plan["picks"][0]["hardware"], "h200");
  EXPECT_GE(plan["picks"][0]["interactivity_tok_s"], 30);
  EXPECT_LE(plan["picks"][0]["devices"], 8);
  EXPECT_GT(plan["frontier"].size(), 3u);
}

TEST(PagePlanner, AssumptionsComeThrough) {
  const double usual = answer({})["picks"][0]["total_tok_s"];
  const double slow =
      answer({{"assume", "layer_floor=2,steady_share.hopper=0.5"}})["picks"][0]["total_tok_s"];
  EXPECT_LT(slow, 0.7 * usual);
}

TEST(PagePlanner, NoFilesNoLongSearchesNothingUnknown) {
  EXPECT_NE(refusal({{"model", "/etc/passwd"}}).find("no model of this page"), std::string::npos);
  EXPECT_NE(refusal({{"hardware", "rates.json"}}).find("no accelerator"), std::string::npos);
  EXPECT_NE(refusal({{"hardware", "h200,b200"}}).find("one key"), std::string::npos);
  EXPECT_NE(refusal({{"workload", "/etc/trace.jsonl"}}).find("no file"), std::string::npos);
  EXPECT_NE(refusal({{"most-devices", "500"}}).find("72"), std::string::npos);
  for (const char* name : {"costs", "catalogue", "json", "explain", "constants", "help"}) {
    EXPECT_NE(refusal({{name, "1"}}).find("nothing that this address knows"), std::string::npos)
        << name;
  }
  EXPECT_NE(refusal({{"weaks", "1"}}).find("did you mean weeks?"), std::string::npos);
  EXPECT_NE(refusal({{"weeks", "nan"}}), "");
  EXPECT_NE(refusal({{"interactivity", "100000"}}).find("no answer"), std::string::npos);
}

TEST(PagePlanner, ChoicesNameEverythingThatCanBeChosen) {
  const json choices = json::parse(PagePlanner().choices_json());
  EXPECT_EQ(choices["schema"], "hadal.planner/1");
  for (const json& model : choices["models"]) {
    EXPECT_NO_THROW(answer({{"model", model}, {"hardware", "gb300"}, {"most-devices", "8"}}))
        << model;
  }
  EXPECT_EQ(choices["constants"].size(), kConstants);
  const auto memory = choices["constants"][0];
  EXPECT_EQ(memory["name"], "memory_share");
  EXPECT_LT(memory["low_factor"], 1);
  EXPECT_TRUE(memory["values"].contains("hopper"));
}

}  // namespace
}  // namespace hadal
