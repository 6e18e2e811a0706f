// The commands that need no engine, as the command line reads them.
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/help_text.h"
#include "measure/exchange/import.h"
#include "support/temporary_directory.h"

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

// A number that was meant to stand there would be missing from the run.
TEST(MeasureCommandLine, ListsHaveNoHoles) {
  for (const std::string list : {"1,,2", ",1", "1,", "1, ,2"}) {
    EXPECT_NE(refusal({"measure", "run", "--url", "x", "-c", list}).find("a value is missing"),
              std::string::npos)
        << list;
  }
  EXPECT_EQ(parse({"measure", "run", "--url", "x", "-c", "1, 2", "-c", "4"})
                .list(option::kConcurrency)
                .size(),
            3U);
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

class StoredRunsCommand : public ::testing::Test {
 protected:
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  void write(const std::string& name, const std::string& text) const {
    AtomicFile file(path(name));
    file.write(text);
    file.commit();
  }
  // What it prints; or what it is refused for.
  std::string runs(const std::string& store, std::vector<std::string> words) const {
    words.insert(words.begin(), {"measure", "--store", path(store), "runs"});
    testing::internal::CaptureStdout();
    std::string refused;
    try {
      EXPECT_EQ(measure_runs_command(parse(words)), 0);
    } catch (const Error& error) {
      refused = error.what();
    }
    const std::string printed = testing::internal::GetCapturedStdout();
    return refused.empty() ? printed : refused;
  }

  test::TemporaryDirectory folder_;
};

TEST_F(StoredRunsCommand, AnImportReadsTheFormatItIsTold) {
  write("row.json", R"({"hw": "h100", "model": "m", "framework": "vllm", "conc": 4, "isl": 1024,
    "osl": 1024, "num_gpus": 8, "metrics": {"tput_per_gpu": 450, "mean_ttft": 0.5}})");
  EXPECT_NE(runs("a", {"import", path("row.json")}).find("from inferencex"), std::string::npos);
  const std::string refused = runs("b", {"import", path("row.json"), "--format", "guidellm"});
  EXPECT_NE(refused.find("it looks like inferencex"), std::string::npos) << refused;
}

TEST_F(StoredRunsCommand, ADocumentThatWasExportedIsImportedAgain) {
  write("row.json", R"({"hw": "h100", "model": "m", "framework": "vllm", "conc": 4, "isl": 1024,
    "osl": 1024, "num_gpus": 8, "metrics": {"tput_per_gpu": 450, "mean_ttft": 0.5}})");
  runs("a", {"import", path("row.json")});
  const std::string document = runs("a", {"export", "last", "--format", "json"});
  write("run.json", document);
  EXPECT_NE(runs("b", {"import", path("run.json")}).find("from hadal-run"), std::string::npos);
  EXPECT_EQ(runs("b", {"export", "last", "--format", "json"}), document);
  const std::string twice = runs("b", {"import", path("run.json")});
  EXPECT_NE(twice.find("is in this store already"), std::string::npos) << twice;
}

}  // namespace
}  // namespace hadal
