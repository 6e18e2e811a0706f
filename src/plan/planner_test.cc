// Questions from start to end.
#include "plan/planner.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "plan/local_machine.h"
#include "plan/plan_report.h"
#include "plan/plan_workload.h"

namespace hadal {
namespace {

PlanQuestion question(const char* model, std::initializer_list<const char*> devices) {
  PlanQuestion asked{.model = load_plan_model(model),
                     .engine = engine_traits("sglang"),
                     .shape = parse_plan_workload("8k1k"),
                     .workload = "8k1k"};
  for (const char* device : devices) {
    asked.devices.push_back(find_device(HardwareCatalogue::built_in(), device));
  }
  return asked;
}

PlanAnswer answer(const PlanQuestion& asked) {
  return answer_plan(asked, HardwareCatalogue::built_in(), PriceCatalogue::built_in());
}

TEST(Planner, FiftyUsersGetWhatTheyWereAskedFor) {
  PlanQuestion asked = question("flash", {"h200", "mi300x"});
  asked.users = 50;
  const PlanAnswer given = answer(asked);
  ASSERT_FALSE(given.picks.empty());
  for (const PlanAnswer::Pick& pick : given.picks) {
    EXPECT_GE(pick.option.users, 50) << pick.objective;
    EXPECT_GE(pick.option.candidate.prediction.interactivity(), 20) << pick.objective;
    EXPECT_TRUE(pick.option.memory.fits());
  }
  EXPECT_EQ(given.picks.front().objective, "cheapest");
  EXPECT_FALSE(given.next_questions.empty());
  EXPECT_FALSE(given.assumptions.empty());
  EXPECT_FALSE(given.sensitivity.empty());
  EXPECT_GT(given.error.points, 0);
}

TEST(Planner, TheBillByTimeAddsUp) {
  PlanQuestion asked = question("pro", {"b200"});
  const PlanAnswer given = answer(asked);
  const PlanOption& o = given.picks.front().option;
  const double requests = o.candidate.prediction.requests_per_s * o.replicas * 3600 / 1e6;
  const double bill =
      *o.bill_input * requests * asked.shape.input + *o.bill_output * requests * asked.shape.output;
  EXPECT_NEAR(bill, *o.usd_per_hour, 0.001 * *o.usd_per_hour);
}

TEST(Planner, SaysWhyNothingFitsAndWhatWould) {
  const auto reason = [](const PlanQuestion& asked) -> std::string {
    try {
      answer(asked);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  PlanQuestion small = question("pro", {"h100"});
  small.most_devices = 8;
  EXPECT_NE(reason(small).find("32 would do"), std::string::npos) << reason(small);
  PlanQuestion fast = question("pro", {"b200"});
  fast.interactivity = 5000;
  EXPECT_NE(reason(fast).find("the fastest gives"), std::string::npos);
  PlanQuestion poor = question("pro", {"b200"});
  poor.budget_usd_per_hour = 1;
  EXPECT_NE(reason(poor).find("$/h"), std::string::npos);
  EXPECT_NE(reason(question("pro", {"tpu-v7"})).find("no memory bandwidth"), std::string::npos);
}

TEST(Planner, PricesOfTheModelAskedForOrNone) {
  EXPECT_NE(answer(question("flash", {"b200"})).money.api.find("deepseek-v4-flash"),
            std::string::npos);
  EXPECT_NE(answer(question("v4.1-flash", {"b200"}))
                .money.api.find("deepseek-v4.1-flash at the list "
                                "price from 2026-09-10"),
            std::string::npos);
  const PlanAnswer other = answer(question("v3.2", {"b200"}));
  EXPECT_EQ(other.money.api, "");
  EXPECT_FALSE(other.money.break_even->api_usd_per_million);
}

TEST(Planner, TellsWhatTheCatalogueLacks) {
  const auto assumed = [](const PlanQuestion& asked) {
    std::string text;
    for (const std::string& line : answer(asked).assumptions) text += line + "\n";
    return text;
  };
  const std::string a100 = assumed(question("flash", {"a100-80"}));
  EXPECT_NE(a100.find("no FP8 rate"), std::string::npos) << a100;
  EXPECT_NE(a100.find("not verified"), std::string::npos) << a100;
  EXPECT_EQ(assumed(question("flash", {"b200"})).find("not verified"), std::string::npos);
}

TEST(Planner, MachinesThatNothingJoinsStayAlone) {
  PlanQuestion asked = question("flash", {"m3-ultra"});
  asked.interactivity = 1;
  for (const PlanOption& option : answer(asked).frontier) {
    EXPECT_EQ(option.candidate.deployment.devices(), 1);
  }
}

TEST(Planner, ACurveSetsTheUseAndTheBill) {
  PlanQuestion asked = question("flash", {"b200"});
  LoadYear year{
      .load = std::vector<double>(24, 1), .usd_per_kwh = {0.2}, .pue = {1.1, 1.3, 1.5, 1.3}};
  year.load[20] = 4;
  use_year(asked, year);
  EXPECT_DOUBLE_EQ(asked.utilisation, 27.0 / 24 / 4);
  EXPECT_DOUBLE_EQ(asked.pue, 1.5);
  const PlanAnswer given = answer(asked);
  const YearBill& bill = given.money.year.value();
  EXPECT_NEAR(bill.usd_per_hour, bill.mean_kw * 1.3 * 0.2, 1e-9);
  EXPECT_LE(bill.mean_kw, *given.picks.front().option.it_kw + 1e-9);
  EXPECT_NEAR(given.money.break_even->utilisation, 27.0 / 96, 1e-12);
  const std::string text = plan_text(asked, given);
  EXPECT_NE(text.find("Electricity over a year"), std::string::npos);
  EXPECT_NE(text.find("decided after 13 weeks"), std::string::npos);
  EXPECT_NE(plan_json(asked, given).find("electricity_usd_per_hour"), std::string::npos);
}

TEST(Planner, ATariffReplacesThatOfOnesOwnMachine) {
  PlanQuestion asked = question("flash", {"b200"});
  asked.own = read_deployment_costs(
      R"({"name": "rack", "gpus": 8, "purchase": {"usd": 400000, "years": 4}, "power": {"it_kw": 10}})",
      "costs.json");
  const auto own = [&] { return *answer(asked).money.break_even->own_usd_per_million; };
  const double without = own();
  use_year(asked, {.usd_per_kwh = {0.1}});
  const double cheap = own();
  use_year(asked, {.usd_per_kwh = {0.3}});
  EXPECT_GT(cheap, without);
  EXPECT_NEAR(own() - without, 3 * (cheap - without), 1e-9);
}

TEST(Planner, AMachineWithoutAPriceHasThatOfItsFile) {
  PlanQuestion asked = question("flash", {});
  asked.devices = {local_limits(
      {.threads = 64,
       .read_gb_per_s = 400,
       .read_kernel = "",
       .cache_gb_per_s = 4000,
       .fork_join_us = 5,
       .peaks = {{"fma f32 (512)", 2500}, {"vpdpbusd", 10000}},
       .used = {.fp4_int8 = "vpdpbusd", .int8 = "vpdpbusd", .floats = "fma f32 (512)"}},
      "server", 1e12)};
  asked.engine = engine_traits("hadal");
  asked.interactivity = 1;
  asked.own = read_deployment_costs(
      R"({"name": "server", "gpus": 1, "purchase": {"usd": 20000, "years": 4}, "power": {"it_kw": 1}})",
      "costs.json");
  use_year(asked, {.usd_per_kwh = {0.2}});
  const PlanAnswer given = answer(asked);
  EXPECT_GT(given.money.break_even.value().own_usd_per_million.value(), 0);
  EXPECT_NEAR(given.money.year.value().usd_per_hour, 0.2 * asked.pue, 1e-9);
}

TEST(Planner, NamesThePoolAsTheEngineWould) {
  const auto text = [&](const char* engine) {
    PlanQuestion asked = question("flash", {"b200"});
    asked.engine = engine_traits(engine);
    const PlanAnswer given = answer(asked);
    const std::string printed = plan_text(asked, given);
    const size_t mark = printed.find('[', printed.find("memory of a device"));
    return explain_number(asked, given, std::stoi(printed.substr(mark + 1)));
  };
  EXPECT_NE(text("vllm").find("would print about"), std::string::npos) << text("vllm");
  EXPECT_EQ(text("atom").find("would print about"), std::string::npos) << text("atom");
}

TEST(Planner, ABudgetBelowAllNamesTheNearest) {
  PlanQuestion asked = question("flash", {"h100", "mi300x", "b200"});
  const auto refusal = [&] {
    try {
      answer(asked);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("none");
  };
  asked.budget_usd_per_hour = 0.5;
  EXPECT_NE(refusal().find("--budget: is below"), std::string::npos) << refusal();
  EXPECT_NE(refusal().find("nearest is mi300x, 1.3 $/h"), std::string::npos) << refusal();
  asked.budget_usd_per_hour = {};
  asked.facility_megawatts = 1e-4;
  EXPECT_NE(refusal().find("--power: is below"), std::string::npos) << refusal();
  EXPECT_NE(refusal().find("kW of IT"), std::string::npos) << refusal();
}

TEST(Planner, SaysThatNothingJoinsMachines) {
  PlanQuestion asked = question("pro", {"m3-ultra"});
  try {
    answer(asked);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("nothing joins several"), std::string::npos)
        << error.what();
  }
}

TEST(Planner, EnginesOfStagesHaveOneSequence) {
  PlanQuestion asked = question("flash", {"b200"});
  asked.engine = engine_traits("llama.cpp");
  asked.interactivity = 1;
  for (const PlanOption& option : answer(asked).frontier) {
    EXPECT_EQ(option.candidate.places, 1);
    EXPECT_EQ(option.candidate.deployment.serve.spread.ranks(), 1);
  }
}

TEST(Planner, SmallerChunksKeepGapsShort) {
  PlanQuestion asked = question("flash", {"b200"});
  asked.engine = engine_traits("vllm");
  asked.most_devices = 1;
  const PlanOption free = answer(asked).picks.front().option;
  asked.longest_gap_s = 0.5 * free.candidate.prediction.longest_gap_s;
  const PlanAnswer given = answer(asked);
  const PlanOption& gapped = given.picks.front().option;
  EXPECT_LE(gapped.candidate.prediction.longest_gap_s, *asked.longest_gap_s);
  EXPECT_LT(gapped.candidate.deployment.engine.chunk, free.candidate.deployment.engine.chunk);
  EXPECT_NE(plan_text(asked, given).find(", chunks of "), std::string::npos);
  asked.longest_gap_s = 1e-4;
  EXPECT_THROW(answer(asked), Error);
}

TEST(Planner, LongPromptsAreDealtAmongRanks) {
  PlanQuestion asked = question("pro", {"b200"});
  asked.shape = parse_plan_workload("500000:200");
  asked.most_devices = 32;
  asked.interactivity = 20;
  const auto dealt = [](const PlanAnswer& given) {
    return std::ranges::any_of(given.frontier, [](const PlanOption& option) {
      const std::optional<Role>& front = option.candidate.deployment.prefill;
      return front && front->spread.cp > 1;
    });
  };
  const PlanAnswer with = answer(asked);
  EXPECT_TRUE(dealt(with));
  EXPECT_NE(plan_text(asked, with).find(" CP"), std::string::npos);
  asked.engine = engine_traits("vllm");
  EXPECT_FALSE(dealt(answer(asked)));
}

TEST(Planner, WaitingFollowsTheAssumption) {
  PlanQuestion asked = question("flash", {"b200"});
  asked.constants.set("youth_excess=3");
  EXPECT_NE(plan_text(asked, answer(asked)).find("4.00 times"), std::string::npos);
}

// Of one device alone the same deployment is the cheapest and has the fewest devices, …
TEST(Planner, PrintsADeploymentOnce) {
  const PlanQuestion asked = question("flash", {"b200"});
  const PlanAnswer given = answer(asked);
  ASSERT_GE(given.picks.size(), 4U);
  const std::string text = plan_text(asked, given);
  size_t details = 0;
  for (size_t at = 0; (at = text.find("  first token after", at)) != std::string::npos; ++at) {
    ++details;
  }
  EXPECT_LT(details, given.picks.size());
  const std::string in_short = text.substr(text.find("In short"));
  for (const PlanAnswer::Pick& pick : given.picks) {
    EXPECT_LT(in_short.find("  " + pick.objective), in_short.find("\n\n")) << pick.objective;
  }
}

TEST(Planner, EveryNumberIsExplained) {
  const PlanQuestion asked = question("flash", {"h200"});
  const PlanAnswer given = answer(asked);
  const std::string text = plan_text(asked, given);
  int marks = 0;
  while (text.find("[" + std::to_string(marks + 1) + "]") != std::string::npos) ++marks;
  ASSERT_GT(marks, 20);
  for (int mark = 1; mark <= marks; ++mark) {
    const std::string why = explain_number(asked, given, mark);
    EXPECT_GT(why.substr(why.find('=')).size(), 8U) << why;
  }
  EXPECT_THROW(explain_number(asked, given, marks + 1), Error);
  const nlohmann::json json = nlohmann::json::parse(plan_json(asked, given));
  EXPECT_EQ(json["schema"], "hadal.plan/1");
  EXPECT_EQ(json["picks"].size(), given.picks.size());
}

TEST(PlanWorkload, IsReadFromWords) {
  EXPECT_NEAR(parse_plan_workload("8k1k").input, 7372.8, 0.1);
  EXPECT_EQ(parse_plan_workload("1000:200").output, 200);
  EXPECT_EQ(parse_plan_workload("1000:200:0.5").hit, 0.5);
  for (const char* bad : {"", "8k", "8k2k", "1000", "0:5", "5:0", "1:1:1", "1:1:-1", "a:b",
                          "1:1:0.5:1", "1e99:1", "nan:1"}) {
    EXPECT_THROW(parse_plan_workload(bad), Error) << bad;
  }
}

TEST(PlanTrace, HitsDependOnTheCache) {
  // Two conversations in turn, each of which begins with its own past.
  std::string text;
  for (int turn = 0; turn < 4; ++turn) {
    for (int who = 0; who < 2; ++who) {
      std::string blocks;
      for (int i = 0; i <= turn; ++i) {
        blocks += (i > 0 ? ", " : "") + std::to_string(100 * who + i);
      }
      text += "{\"input_length\": " + std::to_string(512 * (turn + 1)) +
              ", \"output_length\": 10, \"hash_ids\": [" + blocks + "]}\n";
    }
  }
  const PlanTrace trace(text, "trace.jsonl");
  // Of 1 + 2 + 3 + 4 blocks each, 0 + 1 + 2 + 3 were there before.
  EXPECT_NEAR(trace.shape_without_limit().hit, 0.6, 0.01);
  EXPECT_EQ(trace.shape(0).hit, 0);
  EXPECT_LT(trace.shape(3 * 512).hit, 0.6);
  EXPECT_THROW(PlanTrace("", "empty"), Error);
  EXPECT_THROW(PlanTrace("{\"input_length\": 0}\n", "zero"), Error);
  EXPECT_THROW(PlanTrace("no json\n", "bad"), Error);
}

}  // namespace
}  // namespace hadal
