#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <set>
#include <string>
#include <unistd.h>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "cli/command_line.h"
#include "cli/help_text.h"
#include "cli/model_setup.h"
#include "cli/suggest.h"

namespace hadal {
namespace {

ParsedLine parse(std::vector<std::string> words) { return parse_command_line(words); }

std::string refusal(std::vector<std::string> words) {
  try {
    parse_command_line(words);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    return error.what();
  }
  return "";
}

TEST(SuggestTest, CountsEdits) {
  EXPECT_EQ(edit_distance("", "abc"), 3);
  EXPECT_EQ(edit_distance("model", "model"), 0);
  EXPECT_EQ(edit_distance("modle", "model"), 1);  // neighbours swapped
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3);
}

TEST(SuggestTest, NearestIsNearOrNothing) {
  const std::vector<std::string> known = {"run", "serve", "inspect"};
  EXPECT_EQ(nearest("srve", known), "serve");
  EXPECT_EQ(nearest("insp", known), "inspect");
  EXPECT_EQ(nearest("banana", known), "");
  EXPECT_EQ(nearest("", known), "");
  EXPECT_EQ(nearest(std::string(100000, 'r'), known), "");
}

TEST(CommandLineTest, TakesValuesInEveryForm) {
  const ParsedLine line = parse({"run", "-p", "hi", "--seed=7", "--think", "max", "-m", "dir"});
  EXPECT_EQ(line.command, Command::kRun);
  EXPECT_EQ(line.text("prompt"), "hi");
  EXPECT_EQ(line.integer("seed"), 7);
  EXPECT_EQ(line.text("think"), "max");
  EXPECT_EQ(line.text("model"), "dir");
}

TEST(CommandLineTest, AnOptionGivenTwiceAddsUpOnlyWhereItIsAList) {
  EXPECT_EQ(parse({"serve", "--name", "a"}).text("name"), "a");
  EXPECT_EQ(parse({"serve", "--name", "a,b", "--name=c/d"}).text("name"), "a,b,c/d");
  EXPECT_EQ(parse({"serve", "--name", "a b", "--name", "[x,y]"}).text("name"), "a b,[x,y]");
  EXPECT_EQ(parse({"serve", "--host", "::1", "--host", "localhost"}).text("host"), "localhost");
}

TEST(CommandLineTest, FallbacksComeFromTheTable) {
  const ParsedLine line = parse({"serve"});
  EXPECT_EQ(line.integer("port"), 8000);
  EXPECT_EQ(line.text("host"), "127.0.0.1");
  EXPECT_EQ(line.text("activations"), "int8");
  EXPECT_EQ(line.text("model"), std::nullopt);
}

TEST(CommandLineTest, KeepsFreeTextAsItIs) {
  for (const std::string text :
       {"", "-", "-5 + 3", "[a,b]", "{\"x\":1}", "--seed", "a=b", "日本"}) {
    EXPECT_EQ(parse({"run", "-p", text}).text("prompt"), text);
  }
  EXPECT_EQ(parse({"inspect", "[a,b]"}).text("DIR"), "[a,b]");
}

TEST(CommandLineTest, TheSameNameCanMeanDifferentThings) {
  EXPECT_EQ(parse({"synth", "pico", "d", "--layers", "4"}).integer("layers"), 4);
  EXPECT_EQ(parse({"score", "--layers", "golden.safetensors"}).text("layers"),
            "golden.safetensors");
}

TEST(CommandLineTest, RefusesAndSaysWhatWasMeant) {
  EXPECT_EQ(refusal({"run", "--modle", "x"}),
            "--modle: is no option of hadal run; did you mean --model?");
  EXPECT_EQ(refusal({"rnu"}), "rnu: is no command of hadal; did you mean run?");
  EXPECT_EQ(refusal({"run", "--think", "hig"}), "--think: cannot be 'hig'; did you mean high?");
  EXPECT_EQ(refusal({"run", "--frobnicate"}),
            "--frobnicate: is no option of hadal run; hadal run --help lists them");
  EXPECT_EQ(refusal({"inspect", "--verfy=x", "d"}),
            "--verfy: is no option of hadal inspect; did you mean --verify?");
  EXPECT_EQ(refusal({"--port=1", "serve"}),
            "--port=1: stands where a command is expected; write it after the command, as in hadal "
            "serve --port=1");
  EXPECT_EQ(refusal({"-t", "2", "run"}),
            "-t: stands where a command is expected; write it after the command, as in hadal run "
            "-t");
}

TEST(CommandLineTest, RefusesWrongValues) {
  EXPECT_EQ(refusal({"run", "--temperature", "-1"}),
            "--temperature: cannot be '-1'; give a number from 0 to 2");
  EXPECT_NE(refusal({"run", "--temperature", "nan"}), "");
  EXPECT_NE(refusal({"run", "--temperature", "1.0x"}), "");
  EXPECT_EQ(refusal({"serve", "--port", "70000"}),
            "--port: cannot be '70000'; give a whole number from 0 to 65535");
  EXPECT_NE(refusal({"serve", "--port", "99999999999999999999"}), "");
  EXPECT_NE(refusal({"serve", "--port", ""}), "");
  EXPECT_NE(refusal({"serve", "--port", "80 "}), "");
  EXPECT_EQ(refusal({"run", "--model", ""}), "--model: is empty; name a file or directory");
  EXPECT_EQ(refusal({"run", "--seed"}), "--seed: needs a value; see hadal run --help");
  // The option's name is taken for the value, and the value is left over.
  EXPECT_EQ(refusal({"run", "--max-tokens", "--seed", "5"}),
            "--max-tokens: cannot be '--seed'; give a whole number from 1 to 2147483647");
  EXPECT_EQ(refusal({"serve", "--host", ""}), "--host: is empty; write --host ADDRESS");
  EXPECT_EQ(refusal({"serve", "--host", "a\xff"}),
            "--host: cannot be 'a\\xff'; give UTF-8 without control characters");
  EXPECT_EQ(parse({"serve", "--name", "深い 海/V4"}).text("name"), "深い 海/V4");
  EXPECT_EQ(refusal({"run", "--prompt=", "--seed", "3"}),
            "--prompt: has no value after =; write --prompt TEXT");
  EXPECT_EQ(refusal({"inspect", "--json=no", "d"}), "--json: takes no value; write --json");
}

TEST(CommandLineTest, ListsGrowWithEveryUse) {
  const auto hosts = [](std::vector<std::string> words) {
    words.insert(words.begin(), "serve");
    return parse(words).list("allowed-host");
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(hosts({}), Names());
  EXPECT_EQ(hosts({"--allowed-host", "a"}), Names({"a"}));
  EXPECT_EQ(hosts({"--allowed-host", "a,b", "--port", "1", "--allowed-host=c"}),
            Names({"a", "b", "c"}));
  EXPECT_EQ(hosts({"--allowed-host", "[::1]"}), Names({"[::1]"}));
  EXPECT_EQ(hosts({"--allowed-host", "a,,b,"}), Names({"a", "b"}));
  EXPECT_EQ(hosts({"--allowed-host", "*.a"}), Names({"*.a"}));
}

TEST(CommandLineTest, ReadsSizes) {
  const auto size = [](const std::string& value) {
    return parse({"serve", "--kv-spill", value}).size("kv-spill");
  };
  EXPECT_EQ(size("0"), 0U);
  EXPECT_EQ(size("1000"), 1000U);
  EXPECT_EQ(size("2k"), 2048U);
  EXPECT_EQ(size("1.5M"), 1572864U);
  EXPECT_EQ(size("16G"), uint64_t{16} << 30);
  EXPECT_EQ(parse({"serve"}).size("kv-disk-size"), uint64_t{16} << 30);
  EXPECT_EQ(parse({"serve"}).size("kv-memory"), std::nullopt);
  for (const char* wrong : {"G", "", "-1G", "1GB", "nan", "inf", "1e30", "9999999T", "1 G"}) {
    EXPECT_NE(refusal({"serve", "--kv-spill", wrong}), "") << wrong;
  }
  EXPECT_EQ(refusal({"serve", "--kv-memory", "0"}),
            "--kv-memory: cannot be '0'; give a number of bytes with K, M, G or T behind it, such "
            "as 16G");
}

TEST(CommandLineTest, RefusesMissingAndSurplusArguments) {
  EXPECT_EQ(refusal({"synth"}), "hadal synth: needs PRESET; give pico, flash or pro");
  EXPECT_EQ(refusal({"inspect"}), "hadal inspect: needs DIR; see hadal inspect --help");
  EXPECT_NE(refusal({"inspect", "a", "b"}).find("b: is one argument more"), std::string::npos);
  EXPECT_THROW(parse({"score"}).required_text("output"), Error);
}

TEST(CommandLineTest, HostileWordsStayOnOneLine) {
  const std::string line = refusal({"run", "--\x1b[2J\n" + std::string(5000, 'x')});
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_EQ(line.find('\x1b'), std::string::npos);
  EXPECT_LT(line.size(), 1000u);
}

TEST(CommandLineTest, HelpIsEverywhere) {
  EXPECT_EQ(parse({}).request, Request::kHelp);
  EXPECT_EQ(parse({"--help"}).request, Request::kHelp);
  EXPECT_EQ(parse({"--version"}).request, Request::kVersion);
  for (const CommandSpec& command : command_table()) {
    for (const std::string flag : {"-h", "--help"}) {
      const ParsedLine line = parse({std::string(command.name), flag});
      EXPECT_EQ(line.request, Request::kHelp) << command.name;
      EXPECT_EQ(line.command, command.id);
    }
    EXPECT_EQ(parse({"help", std::string(command.name)}).command, command.id);
    EXPECT_EQ(parse({std::string(command.name), "--version"}).request, Request::kVersion);
  }
}

TEST(OptionTableTest, IsWellFormed) {
  for (const CommandSpec& command : command_table()) {
    std::set<std::string_view> names;
    std::set<char> letters = {'h', 'V'};
    for (const OptionSpec* option : options_of(command.id)) {
      EXPECT_TRUE(names.insert(option->name).second) << command.name << " --" << option->name;
      if (option->letter != 0) {
        EXPECT_TRUE(letters.insert(option->letter).second) << option->letter;
      }
      EXPECT_FALSE(option->help.empty()) << option->name;
      EXPECT_EQ(option->type == OptionType::kFlag, option->value_name.empty()) << option->name;
      EXPECT_EQ(option->type == OptionType::kChoice, !option->choices.empty()) << option->name;
    }
  }
}

TEST(HelpTextTest, NamesEveryOptionAndFitsTheTerminal) {
  constexpr size_t kColumns = 100;
  for (const CommandSpec& command : command_table()) {
    const std::string help = command_help(command);
    for (const OptionSpec* option : options_of(command.id)) {
      EXPECT_NE(help.find("--" + std::string(option->name)), std::string::npos) << option->name;
    }
    size_t begin = 0;
    while (begin < help.size()) {
      const size_t end = std::min(help.find('\n', begin), help.size());
      EXPECT_LE(end - begin, kColumns) << help.substr(begin, end - begin);
      begin = end + 1;
    }
  }
}

TEST(HelpTextTest, TheReferenceInDocsIsCurrent) {
  const std::string page = read_text_file(HADAL_SOURCE_DIR "/docs/cli.md", 1 << 20);
  EXPECT_TRUE(page == markdown_reference()) << "docs/cli.md is out of date; run make docs";
}

}  // namespace
}  // namespace hadal
