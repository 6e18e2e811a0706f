// The commands of `hadal plan`, as the command line reads them.
#include <gtest/gtest.h>
#include <iterator>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "cli/command_line.h"
#include "cli/command_table.h"
#include "cli/help_text.h"
#include "cli/plan_setup.h"
#include "support/command_lines.h"

namespace hadal {
namespace {

using test::parse;
using test::refusal;

TEST(PlanCommandLine, AQuestionNeedsNoWord) {
  const ParsedLine line = parse({"plan", "--model", "flash", "--users", "50"});
  EXPECT_EQ(line.command, Command::kPlanAsk);
  EXPECT_EQ(line.value(option::kPlanModel), "flash");
  EXPECT_EQ(line.get(option::kUsers), 50);
  EXPECT_EQ(parse({"plan", "ask", "--model", "pro"}).command, Command::kPlanAsk);
  EXPECT_EQ(parse({"plan", "validate", "--json"}).command, Command::kPlanValidate);
  EXPECT_EQ(parse({"plan", "--json", "validate"}).command, Command::kPlanValidate);
  EXPECT_EQ(parse({"plan", "fleet", "--rate", "2"}).command, Command::kPlanFleet);
}

// What the help shows can be typed as it stands.
TEST(PlanCommandLine, ExamplesAreWhole) {
  for (const CommandSpec& command : plan_commands()) {
    for (const std::string_view example : command.examples) {
      std::istringstream text{std::string(example)};
      std::vector<std::string> words{std::istream_iterator<std::string>(text), {}};
      words.erase(words.begin());  // hadal
      const ParsedLine line = parse(words);
      EXPECT_TRUE(command.id == Command::kPlanValidate || line.has(option::kPlanModel)) << example;
    }
  }
}

TEST(PlanCommandLine, MistakesAreNamed) {
  EXPECT_NE(refusal({"plan", "valdate"}).find("did you mean validate?"), std::string::npos);
  EXPECT_NE(refusal({"plan", "--user", "5"}).find("--users"), std::string::npos);
  EXPECT_NE(refusal({"plan", "--model", "pro", "--users", "-3"}).find("--users"),
            std::string::npos);
  EXPECT_NE(refusal({"plan", "--model", "pro", "--utilisation", "2"}).find("from 0.001 to 1"),
            std::string::npos);
  EXPECT_NE(refusal({"plan", "validate", "--points", "a", "--local", "b"}).find("beside"),
            std::string::npos);
}

TEST(PlanCommandLine, NumbersOfAListAreCountedAndBounded) {
  const auto refusal_of = [](const std::string& tariff) -> std::string {
    try {
      const ParsedLine line =
          parse({"plan", "--model", "flash", "--hardware", "b200", "--tariff", tariff});
      ask_question(line, HardwareCatalogue::built_in());
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(refusal_of("0.1"), "");
  EXPECT_NE(refusal_of("0.1,0.2").find("has 2 numbers"), std::string::npos);
  EXPECT_NE(refusal_of("0.1,0.2").find("give 1 or 24 numbers from 0 to 100"), std::string::npos);
  EXPECT_NE(refusal_of("cheap").find("cannot be 'cheap'"), std::string::npos);
  EXPECT_NE(refusal_of("nan").find("cannot be 'nan'"), std::string::npos);
  EXPECT_NE(refusal_of("101").find("cannot be '101'"), std::string::npos);
}

TEST(PlanCommandLine, HelpNamesTheMembers) {
  const std::string help = group_help(*find_group("plan"));
  for (const char* member : {"ask", "fleet", "validate"}) {
    EXPECT_NE(help.find(member), std::string::npos) << member;
  }
}

}  // namespace
}  // namespace hadal
