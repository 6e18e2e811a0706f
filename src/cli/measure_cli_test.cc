// The commands that need no engine, as the command line reads them.
#include <filesystem>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/help_text.h"
#include "measure/exchange/import.h"
#include "support/command_lines.h"
#include "support/temporary_directory.h"

namespace hadal {
namespace {

using test::parse;
using test::refusal;

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

// What `measure costs` prints on standard output; or what it is refused for.
std::string costs(std::vector<std::string> words) {
  words.insert(words.begin(), {"measure", "costs"});
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  std::string refused;
  try {
    EXPECT_EQ(measure_costs_command(parse(words)), 0);
  } catch (const Error& error) {
    refused = error.what();
  }
  testing::internal::GetCapturedStderr();
  const std::string printed = testing::internal::GetCapturedStdout();
  return refused.empty() ? printed : refused;
}

TEST(MeasureCostsCommand, PrintsDocumentsForPrograms) {
  using nlohmann::json;
  const json report = json::parse(costs({"--hardware", "b200", "--output-rate", "650", "--json"}));
  EXPECT_EQ(report["schema"], "hadal.costs/1");
  EXPECT_EQ(report["tokens_per_gpu_second"]["output"], 650);
  const json catalogue = json::parse(costs({"--json", "--era", "2026-06"}));
  EXPECT_EQ(catalogue["schema"], "hadal.accelerators/1");
  EXPECT_EQ(catalogue["era"], "2026-06");
  EXPECT_GT(catalogue["accelerators"].size(), 3U);
  const json published = json::parse(costs({"--published", "--json"}));
  EXPECT_EQ(published["schema"], "hadal.conversions/1");
  EXPECT_EQ(published["conversions"][0]["published"], 651);
}

TEST(MeasureCostsCommand, SetsAnApiBesideTheMachine) {
  const std::vector<std::string> machine = {"--price", "2", "--output-rate", "500", "--gpus", "8"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), machine.begin(), machine.end());
    return costs(more);
  };
  // Sixteen dollars for 14.4 million tokens are 1.11 a million.
  const std::string cheaper = with({"--api-price", "1/2/0.1"});
  EXPECT_NE(cheaper.find("own 1.11, the API 2.00"), std::string::npos) << cheaper;
  EXPECT_NE(cheaper.find("Own costs less than the API from 55.6 % utilisation on."),
            std::string::npos)
      << cheaper;
  EXPECT_NE(with({"--api-price", "DeepSeek/deepseek-v4-pro"}).find("DeepSeek/deepseek-v4-pro"),
            std::string::npos);
  const nlohmann::json document = nlohmann::json::parse(with({"--api-price", "1/2", "--json"}));
  EXPECT_EQ(document["api"]["usd_per_million"]["output"], 2);
  EXPECT_NEAR(document["break_even"]["own_beats_api_from"].get<double>(), 5.0 / 9, 1e-9);
  EXPECT_NE(with({"--api-price", "nobody/nothing"}).find("--api-price"), std::string::npos);
  EXPECT_NE(costs({"--api-price", "1/2"}).find("has nothing to be compared with"),
            std::string::npos);
}

// Nobody listens there: what is refused first is the place.
TEST(MeasureVerifyCommand, APlaceThatCannotBeWrittenIsRefusedBeforeAnybodyIsAsked) {
  const auto refusal_of_record = [](const std::string& path) {
    try {
      measure_verify_command(
          parse({"measure", "verify", "--url", "http://127.0.0.1:9", "--record", path}));
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(refusal_of_record("/dev/null/x").find("/dev/null/x"), 0U)
      << refusal_of_record("/dev/null/x");
  const test::TemporaryDirectory folder;
  const std::string path = (folder / "r.jsonl").string();
  EXPECT_NE(refusal_of_record(path).find("127.0.0.1:9"), std::string::npos);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
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

TEST_F(StoredRunsCommand, ARunComesOnceIntoAStoreWhateverTheForm) {
  write("row.json", R"({"hw": "h100", "model": "m", "framework": "vllm", "conc": 4, "isl": 1024,
    "osl": 1024, "num_gpus": 8, "metrics": {"tput_per_gpu": 450, "mean_ttft": 0.5}})");
  runs("a", {"import", path("row.json")});
  for (const std::string format : {"csv", "jsonl", "benchmark-report", "benchmark-report-json"}) {
    write(format, runs("a", {"export", "last", "--format", format}));
    const std::string into = "into_" + format;
    EXPECT_NE(runs(into, {"import", path(format)}).find("1 points from"), std::string::npos);
    EXPECT_EQ(runs(into, {"export", "last", "--format", format}),
              runs("a", {"export", "last", "--format", format}));
    const std::string twice = runs(into, {"import", path(format)});
    EXPECT_NE(twice.find("is in this store already"), std::string::npos) << format << twice;
  }
}

}  // namespace
}  // namespace hadal
