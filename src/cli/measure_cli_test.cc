// The commands that need no engine, as the command line reads them.
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/command_line.h"
#include "cli/help_text.h"
#include "measure/exchange/import.h"

namespace hadal {
namespace {

ParsedLine parse(std::vector<std::string> words) { return parse_command_line(words); }

std::string refusal(const std::vector<std::string>& words) {
  try {
    static_cast<void>(parse(words));
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(MeasureCommandLine, GroupsStandWithinGroups) {
  EXPECT_EQ(parse({"measure", "quick", "--url", "x"}).command, Command::kMeasureQuick);
  EXPECT_EQ(parse({"measure", "runs", "list"}).command, Command::kRunsList);
  EXPECT_EQ(parse({"measure", "--store", "s", "runs", "show", "last"}).command, Command::kRunsShow);
  EXPECT_EQ(parse({"measure", "runs", "annotate", "last", "why"}).argument(argument::kText), "why");
  EXPECT_EQ(parse({"help", "measure", "runs", "list"}).command, Command::kRunsList);
  EXPECT_EQ(parse({"help", "measure", "runs"}).group, find_group("measure runs"));
  EXPECT_EQ(refusal({"measure", "runs"}).find("hadal measure runs: needs ACTION"), 0U);
  EXPECT_NE(refusal({"measure", "quik"}).find("did you mean quick?"), std::string::npos);
  EXPECT_NE(refusal({"measure", "runs", "lst"}).find("did you mean list?"), std::string::npos);
}

TEST(MeasureCommandLine, HelpNamesGroupsOnce) {
  const std::string overview = overview_help();
  EXPECT_NE(overview.find("measure "), std::string::npos);
  EXPECT_EQ(overview.find("measure runs "), std::string::npos);
  const std::string group = group_help(*find_group("measure"));
  EXPECT_NE(group.find("runs "), std::string::npos);
  EXPECT_NE(group_help(*find_group("measure runs")).find("bundle"), std::string::npos);
}

TEST(MeasureCommandLine, MetersAreRepeatedAndKeepTheirCommas) {
  const ParsedLine line =
      parse({"measure", "run", "--url", "x", "--power", "nvml:0,1", "--power", "command@wall:a b"});
  EXPECT_EQ(line.list(option::kPower), (std::vector<std::string>{"nvml:0,1", "command@wall:a b"}));
  EXPECT_EQ(parse({"measure", "run", "--url", "x"}).list(option::kPower),
            std::vector<std::string>{"auto"});
  EXPECT_NE(refusal({"measure", "run", "--url", "x", "--power", ""}), "");
  EXPECT_NE(refusal({"measure", "run", "--url", "x", "--power", "a\nb"}), "");
}

TEST(MeasureCommandLine, ImportFormatsAreThoseThatImportKnows) {
  for (const OptionSpec* spec : options_of(Command::kRunsImport)) {
    if (spec->key.name != option::kFormat.name) continue;
    std::string names;
    for (const std::string_view choice : spec->choices) {
      EXPECT_TRUE(find_import_format(choice)) << choice;
      names += (names.empty() ? "" : ", ") + std::string(choice);
    }
    EXPECT_EQ(names, import_format_names());
  }
}

TEST(MeasureCommandLine, OptionsThatContradictAreRefused) {
  EXPECT_NE(refusal({"measure", "run", "--url", "x", "--price", "2", "--costs", "f"}), "");
  EXPECT_NE(refusal({"measure", "verify", "--url", "x", "--record", "a", "--reference", "b"}), "");
  EXPECT_NE(refusal({"measure", "run", "--url", "x", "--prefill-gpus", "4"}), "");
  EXPECT_NE(refusal({"measure", "run", "--concurency", "4"}).find("--concurrency"),
            std::string::npos);
}

}  // namespace
}  // namespace hadal
