#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <set>
#include <string>
#include <unistd.h>
#include <vector>

#include "base/check.h"
#include "base/error.h"
#include "base/files.h"
#include "cli/command_line.h"
#include "cli/help_text.h"
#include "cli/model_setup.h"
#include "cli/serve_options.h"
#include "support/command_lines.h"
#include "support/source_dir.h"

namespace hadal {
namespace {

using test::parse;
using test::refusal;

using Names = std::vector<std::string>;

std::vector<std::string> typed_words(const CommandSpec& command) {
  std::vector<std::string> words;
  if (!command.group.empty()) words.emplace_back(command.group);
  words.emplace_back(command.name);
  return words;
}

ParsedLine parse_typed(const CommandSpec& command, const std::vector<std::string>& options) {
  std::vector<std::string> words = typed_words(command);
  words.insert(words.end(), options.begin(), options.end());
  return parse(words);
}

TEST(CommandLineTest, TakesValuesInEveryForm) {
  const ParsedLine line = parse({"run", "-p", "hi", "--seed=7", "--think", "max", "-m", "dir"});
  EXPECT_EQ(line.command, Command::kRun);
  EXPECT_EQ(line.get(option::kPrompt), "hi");
  EXPECT_EQ(line.get(option::kSeed), 7U);
  EXPECT_EQ(line.get(option::kThink), "max");
  EXPECT_EQ(line.get(option::kModel), "dir");
}

TEST(CommandLineTest, AnOptionGivenTwiceAddsUpOnlyWhereItIsAList) {
  EXPECT_EQ(parse({"serve", "--name", "a"}).list(option::kName), Names({"a"}));
  EXPECT_EQ(parse({"serve", "--name", "a,b", "--name=c/d"}).list(option::kName),
            Names({"a", "b", "c/d"}));
  EXPECT_EQ(parse({"serve", "--name", "a b", "--name", "[x,y]"}).list(option::kName),
            Names({"a b", "[x", "y]"}));
  EXPECT_EQ(parse({"serve", "--host", "::1", "--host", "localhost"}).get(option::kHost),
            "localhost");
}

TEST(CommandLineTest, FallbacksComeFromTheTable) {
  const ParsedLine line = parse({"serve"});
  EXPECT_EQ(line.get(option::kPort), 8000);
  EXPECT_EQ(line.get(option::kHost), "127.0.0.1");
  EXPECT_EQ(line.get(option::kActivations), "int8");
  EXPECT_EQ(line.get(option::kModel), std::nullopt);
}

TEST(CommandLineTest, KeepsFreeTextAsItIs) {
  for (const std::string text :
       {"", "-", "-5 + 3", "[a,b]", "{\"x\":1}", "--seed", "a=b", "日本"}) {
    EXPECT_EQ(parse({"run", "-p", text}).get(option::kPrompt), text);
  }
  EXPECT_EQ(parse({"inspect", "[a,b]"}).argument(argument::kDirectory), "[a,b]");
}

TEST(CommandLineTest, TheSameNameCanMeanDifferentThings) {
  EXPECT_EQ(parse({"synth", "pico", "d", "--layers", "4"}).get(option::kLayers), 4);
  EXPECT_EQ(parse({"score", "--layers", "golden.safetensors"}).get(option::kLayersFile),
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
  EXPECT_EQ(parse({"serve", "--name", "深い 海/V4"}).list(option::kName), Names({"深い 海/V4"}));
  EXPECT_EQ(refusal({"run", "--prompt=", "--seed", "3"}),
            "--prompt: has no value after =; write --prompt TEXT");
  EXPECT_EQ(refusal({"inspect", "--json=no", "d"}), "--json: takes no value; write --json");
}

TEST(CommandLineTest, ListsGrowWithEveryUse) {
  const auto hosts = [](std::vector<std::string> words) {
    words.insert(words.begin(), "serve");
    return parse(words).list(option::kAllowedHost);
  };
  EXPECT_EQ(hosts({}), Names());
  EXPECT_EQ(hosts({"--allowed-host", "a"}), Names({"a"}));
  EXPECT_EQ(hosts({"--allowed-host", "a,b", "--port", "1", "--allowed-host=c"}),
            Names({"a", "b", "c"}));
  EXPECT_EQ(hosts({"--allowed-host", "[::1]"}), Names({"[::1]"}));
  EXPECT_EQ(refusal({"serve", "--allowed-host", "a,,b"}),
            "--allowed-host: cannot be 'a,,b'; a value is missing before or behind a comma");
  EXPECT_EQ(hosts({"--allowed-host", "*.a"}), Names({"*.a"}));
}

TEST(CommandLineTest, ReadsSizes) {
  const auto size = [](const std::string& value) {
    return parse({"serve", "--kv-spill", value}).get(option::kKvSpill);
  };
  EXPECT_EQ(size("0"), 0U);
  EXPECT_EQ(size("1000"), 1000U);
  EXPECT_EQ(size("2k"), 2048U);
  EXPECT_EQ(size("1.5M"), 1572864U);
  EXPECT_EQ(size("16G"), uint64_t{16} << 30);
  EXPECT_EQ(parse({"serve"}).get(option::kKvDiskSize), uint64_t{16} << 30);
  EXPECT_EQ(parse({"serve"}).get(option::kKvMemory), std::nullopt);
  for (const char* wrong : {"G", "", "-1G", "1GB", "nan", "inf", "1e30", "9999999T", "1 G"}) {
    EXPECT_NE(refusal({"serve", "--kv-spill", wrong}), "") << wrong;
  }
  EXPECT_EQ(refusal({"serve", "--kv-memory", "0"}),
            "--kv-memory: cannot be '0'; give at least 1 byte, such as 16G");
  EXPECT_EQ(refusal({"serve", "--max-headers", "10"})
                .find("--max-headers: cannot be '10'; give at "
                      "least "),
            0U);
}

TEST(CommandLineTest, TheGreatestSeedIsToldFromTheNext) {
  EXPECT_EQ(refusal({"run", "--seed", "9007199254740992"}), "");
  EXPECT_EQ(refusal({"run", "--seed", "9007199254740993"}),
            "--seed: cannot be '9007199254740993'; give a whole number from 0 to 9007199254740992");
}

TEST(CommandLineTest, RefusesOptionsThatMeanNothingAlone) {
  EXPECT_EQ(refusal({"serve", "--kv-disk-size", "1G"}),
            "--kv-disk-size: does nothing without --kv-disk; add --kv-disk or leave it out");
  EXPECT_EQ(refusal({"serve", "--kv-disk", "d", "--kv-disk-size", "1G"}), "");
}

TEST(CommandLineTest, RefusesOptionsThatExcludeEachOther) {
  EXPECT_EQ(refusal({"bench", "kernels", "--all-isas", "--isa", "ref"}),
            "--all-isas: cannot stand beside --isa; leave one of them out");
  EXPECT_EQ(refusal({"bench", "kernels", "--all-isas"}), "");
  EXPECT_EQ(refusal({"bench", "engine", "--soak", "1", "--long-prompt", "2000"}),
            "--long-prompt: cannot stand beside --soak; leave one of them out");
}

TEST(CommandLineTest, RefusesMissingAndSurplusArguments) {
  EXPECT_EQ(refusal({"synth"}), "hadal synth: needs PRESET; give pico, flash or pro");
  EXPECT_EQ(refusal({"inspect"}), "hadal inspect: needs DIR; see hadal inspect --help");
  EXPECT_NE(refusal({"inspect", "a", "b"}).find("b: is one argument more"), std::string::npos);
  EXPECT_THROW(parse({"score"}).value(option::kOutput), Error);
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
      const ParsedLine line = parse_typed(command, {flag});
      EXPECT_EQ(line.request, Request::kHelp) << command.name;
      EXPECT_EQ(line.command, command.id);
    }
    EXPECT_EQ(parse_typed(command, {"--version"}).request, Request::kVersion);
    std::vector<std::string> words = typed_words(command);
    words.insert(words.begin(), "help");
    EXPECT_EQ(parse(words).command, command.id);
  }
}

TEST(CommandLineTest, CommandsOfAGroupHaveOptionsOfTheirOwn) {
  EXPECT_EQ(parse({"bench", "decode", "--context", "5"}).command, Command::kBenchDecode);
  // Options may stand before the member's name, with values that look like one.
  const ParsedLine line = parse({"bench", "--json", "--model", "cache", "prefill", "-t1"});
  EXPECT_EQ(line.command, Command::kBenchPrefill);
  EXPECT_EQ(line.get(option::kModel), "cache");
  EXPECT_EQ(line.get(option::kThreads), 1);
  EXPECT_EQ(parse({"bench", "engine"}).get(option::kRequests), 16);
  EXPECT_EQ(parse({"bench", "cache"}).get(option::kRequests), 100'000);
  EXPECT_EQ(refusal({"bench", "decode", "--quick"}),
            "--quick: is no option of hadal bench decode; it belongs to hadal bench kernels");
  EXPECT_EQ(refusal({"bench", "--quick", "decode"}), refusal({"bench", "decode", "--quick"}));
  EXPECT_EQ(refusal({"text"}),
            "hadal text: needs ACTION; give tokenize, detokenize, encode-chat or parse-chat");
  EXPECT_EQ(refusal({"bench", "kernel"}), "WHAT: cannot be 'kernel'; did you mean kernels?");
  EXPECT_EQ(refusal({"bench decode"}).find("bench decode: is no command"), 0U);
  for (const GroupSpec& group : group_table()) {
    const std::string name(group.name);
    for (const Names& words : {Names{name, "--help"}, Names{"help", name}, Names{name, "-h"}}) {
      const ParsedLine help = parse(words);
      EXPECT_EQ(help.request, Request::kHelp);
      EXPECT_EQ(help.group, &group);
      EXPECT_EQ(help.command, std::nullopt);
    }
  }
}

TEST(CommandLineTest, CommandsReadTheirOwnOptionsOnly) {
  const ParsedLine line = parse({"run"});
  EXPECT_THROW(line.get(option::kPort), InvariantError);
  EXPECT_THROW(line.get(option::kLayersFile), InvariantError);
  // Of the same name, but another type.
  EXPECT_THROW(parse({"score"}).get(option::kLayers), InvariantError);
}

TEST(OptionTableTest, DefaultsOfServeAreThoseOfServerAndEngine) {
  const ParsedLine line = parse({"serve"});
  const ServerOptions server = server_options(line);
  const ServerOptions plain;
  EXPECT_EQ(server.host, plain.host);
  EXPECT_EQ(server.port, plain.port);
  EXPECT_EQ(server.model_name, plain.model_name);
  EXPECT_EQ(server.other_names, plain.other_names);
  EXPECT_EQ(server.strict, plain.strict);
  EXPECT_EQ(server.allowed_hosts, plain.allowed_hosts);
  EXPECT_EQ(server.allowed_origins, plain.allowed_origins);
  EXPECT_EQ(server.max_body_bytes, plain.max_body_bytes);
  EXPECT_EQ(server.max_header_bytes, plain.max_header_bytes);
  EXPECT_EQ(server.max_connections, plain.max_connections);
  EXPECT_EQ(server.idle_timeout, plain.idle_timeout);
  EXPECT_EQ(server.read_timeout, plain.read_timeout);
  EXPECT_EQ(server.write_timeout, plain.write_timeout);
  EXPECT_EQ(server.keep_alive, plain.keep_alive);
  EXPECT_EQ(server.shutdown_timeout, plain.shutdown_timeout);
  const EngineOptions engine = engine_options(line);
  const EngineOptions still;
  EXPECT_EQ(engine.max_context, still.max_context);
  EXPECT_EQ(engine.max_running, still.max_running);
  EXPECT_EQ(engine.max_queue, still.max_queue);
  EXPECT_EQ(engine.step_budget_ms, still.step_budget_ms);
  EXPECT_EQ(engine.kv_memory, still.kv_memory);
  EXPECT_EQ(engine.kv_disk, still.kv_disk);
  EXPECT_EQ(engine.kv_disk_size, still.kv_disk_size);
  EXPECT_EQ(engine.kv_spill, still.kv_spill);
  EXPECT_EQ(engine.speculation, Speculation{});
  EXPECT_EQ(engine_options(parse({"serve", "--speculation", "lookup:3"})).speculation,
            (Speculation{.kind = SpeculationKind::kLookup, .drafts = 3}));
}

TEST(OptionTableTest, OptionsOfServeReachTheServer) {
  const ServerOptions server = server_options(
      parse({"serve", "--max-connections", "9", "--max-headers", "32K", "--idle-timeout", "5",
             "--read-timeout=6", "--write-timeout=7", "--keep-alive=8", "--max-body", "2M"}));
  EXPECT_EQ(server.max_connections, 9);
  EXPECT_EQ(server.max_header_bytes, size_t{32} << 10);
  EXPECT_EQ(server.idle_timeout, std::chrono::seconds(5));
  EXPECT_EQ(server.read_timeout, std::chrono::seconds(6));
  EXPECT_EQ(server.write_timeout, std::chrono::seconds(7));
  EXPECT_EQ(server.keep_alive, std::chrono::seconds(8));
  EXPECT_EQ(server.max_body_bytes, size_t{2} << 20);
  EXPECT_EQ(refusal({"serve", "--max-headers", "1G"}),
            "--max-headers: cannot be '1G'; give at most 1048576 bytes");
}

// A fallback is a value that the option itself would take.
TEST(OptionTableTest, FallbacksAreValues) {
  for (const CommandSpec& command : command_table()) {
    for (const OptionSpec* option : options_of(command.id)) {
      if (option->fallback.empty()) continue;
      std::vector<std::string> words = typed_words(command);
      words.insert(words.end(), {"--" + std::string(option->key.name), option->fallback});
      if (!option->needs.name.empty()) {
        words.insert(words.end(), {"--" + std::string(option->needs.name), "x"});
      }
      for (const ArgumentSpec& argument : command.arguments) {
        words.emplace_back(argument.choices.empty() ? "x" : argument.choices.front());
      }
      EXPECT_EQ(refusal(words), "") << option->key.name;
      EXPECT_TRUE(option->fallback_note.empty()) << option->key.name;
    }
  }
}

TEST(OptionTableTest, IsWellFormed) {
  for (const CommandSpec& command : command_table()) {
    std::set<std::string_view> names;
    std::set<char> letters = {'h', 'V'};
    for (const OptionSpec* option : options_of(command.id)) {
      EXPECT_TRUE(names.insert(option->key.name).second)
          << command.name << " --" << option->key.name;
      if (option->letter != 0) {
        EXPECT_TRUE(letters.insert(option->letter).second) << option->letter;
      }
      EXPECT_FALSE(option->help.empty()) << option->key.name;
      EXPECT_EQ(option->key.type == OptionType::kFlag, option->value_name.empty())
          << option->key.name;
      EXPECT_EQ(option->key.type == OptionType::kChoice, !option->choices.empty())
          << option->key.name;
      if (option->key.type == OptionType::kInteger) {
        EXPECT_TRUE(option->key.name == option::kSeed.name || option->maximum <= 2147483647)
            << option->key.name << " does not fit an int";
      }
    }
  }
}

TEST(HelpTextTest, NamesEveryOptionAndFitsTheTerminal) {
  constexpr size_t kColumns = 100;
  for (const CommandSpec& command : command_table()) {
    const std::string help = command_help(command);
    for (const OptionSpec* option : options_of(command.id)) {
      EXPECT_NE(help.find("--" + std::string(option->key.name)), std::string::npos)
          << option->key.name;
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
  const std::string page = read_text_file(test::source_path("docs/cli.md"), 1 << 20);
  EXPECT_TRUE(page == markdown_reference()) << "docs/cli.md is out of date; run make docs";
}

}  // namespace
}  // namespace hadal
