// Words of a command line in every order and form: what each comes to, as exit status, on standard
// output and on standard error. How single words are read is tested in src/cli.
#include <algorithm>
#include <csignal>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sstream>
#include <string>
#include <unistd.h>
#include <vector>

#include <nlohmann/json.hpp>

#include "program.h"
#include "support/source_dir.h"

namespace hadal::integration {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const std::string kNano = test::source_path("models/nano");
const std::string kPet = "Victor has a white owl. What pet does Victor have?";
const std::string kOwl = "Victor has a white owl.\n";
const std::string kHelpOfServe = "Usage: hadal serve [options]";

struct Use {
  std::vector<std::string> words;
  int status = 0;
  std::vector<std::string> out = {};  // parts of standard output; none: it stays empty
  std::vector<std::string> err = {};  // parts of standard error; none: it stays empty
  std::string input = {};
  std::map<std::string, std::string> environment = {};
};

std::string shown(const std::vector<std::string>& words) {
  std::string line = "hadal";
  for (const std::string& word : words) line += " '" + word.substr(0, 60) + "'";
  return line;
}

void expect_parts(const std::string& text, const std::vector<std::string>& parts) {
  if (parts.empty()) {
    EXPECT_EQ(text, "");
  }
  for (const std::string& part : parts) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " is not in: " << text;
  }
}

void expect_uses(const std::vector<Use>& uses) {
  for (const Use& use : uses) {
    SCOPED_TRACE(shown(use.words));
    const Outcome outcome =
        run_hadal({.words = use.words, .input = use.input, .environment = use.environment});
    EXPECT_EQ(outcome.status, use.status) << outcome.err;
    expect_parts(outcome.out, use.out);
    expect_parts(outcome.err, use.err);
    if (use.status != 2) continue;
    EXPECT_TRUE(outcome.err.starts_with("hadal: error: ")) << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_LT(outcome.err.size(), 1000U) << outcome.err;
    // No word of the caller's reaches a terminal with its control characters.
    EXPECT_EQ(std::count_if(outcome.err.begin(), outcome.err.end() - 1,
                            [](char c) { return static_cast<unsigned char>(c) < 0x20; }),
              0)
        << outcome.err;
  }
}

TEST(CommandLineUseTest, HelpAndVersion) {
  expect_uses({
      {.words = {}, .out = {"Usage: hadal COMMAND [options]", "inspect"}},
      {.words = {"help"}, .out = {"Usage: hadal COMMAND [options]"}},
      {.words = {"-h"}, .out = {"Usage: hadal COMMAND [options]"}},
      {.words = {"help", "serve"}, .out = {kHelpOfServe, "--port"}},
      {.words = {"serve", "-h"}, .out = {kHelpOfServe}},
      {.words = {"-V"}, .out = {"hadal "}},
      {.words = {"version"}, .out = {"hadal "}},
      // Help comes before everything else that could be said about the line.
      {.words = {"serve", "--port", "70000", "--help"}, .out = {kHelpOfServe}},
      {.words = {"serve", "--help", "--prot", "1"}, .out = {kHelpOfServe}},
      {.words = {"inspect", "--help"}, .out = {"Usage: hadal inspect DIR [options]"}},
      {.words = {"synth", "pico", "-h"}, .out = {"Usage: hadal synth PRESET DIR [options]"}},
      {.words = {"help", "srve"}, .status = 2, .err = {"srve: ", "did you mean serve?"}},
      {.words = {"help", "nonsense"}, .status = 2, .err = {"nonsense: ", "hadal --help"}},
  });
}

TEST(CommandLineUseTest, HelpDependsOnNoTerminal) {
  const std::string help = run_hadal({.words = {"run", "--help"}}).out;
  for (const std::string columns : {"1", "0", "-1", "20", "1000000000000", "wide", ""}) {
    const Outcome outcome = run_hadal(
        {.words = {"run", "--help"}, .environment = {{"COLUMNS", columns}, {"TERM", "dumb"}}});
    EXPECT_EQ(outcome.status, 0) << columns;
    EXPECT_EQ(outcome.out, help) << columns;
    EXPECT_EQ(outcome.out.find('\x1b'), std::string::npos);
  }
}

TEST(CommandLineUseTest, WordsThatAreNoCommand) {
  expect_uses({
      {.words = {"rnu"}, .status = 2, .err = {"rnu: ", "did you mean run?"}},
      {.words = {"--vresion"}, .status = 2, .err = {"did you mean --version?"}},
      {.words = {""}, .status = 2, .err = {"hadal --help"}},
      {.words = {"-"}, .status = 2, .err = {"hadal --help"}},
      {.words = {"--"}, .status = 2, .err = {"--: is no command of hadal"}},
      {.words = {"\xff\xfe"}, .status = 2, .err = {"hadal --help"}},
      {.words = {"\x1b[31mrun\n"}, .status = 2, .err = {"hadal --help"}},
      {.words = {std::string(100'000, 'r')}, .status = 2, .err = {"hadal --help"}},
      // An option cannot come before the command, whose option it is.
      {.words = {"--threads", "1", "run", "-p", "Hi"},
       .status = 2,
       .err = {"--threads: ", "after the command"}},
      {.words = {"--port=8000", "serve"},
       .status = 2,
       .err = {"--port=8000: ", "after the command"}},
      {.words = {"-t", "1", "run"}, .status = 2, .err = {"-t: ", "after the command"}},
  });
}

TEST(CommandLineUseTest, OptionsInEveryPlaceAndForm) {
  const std::string json_start = "{";
  expect_uses({
      {.words = {"inspect", kNano, "--json"}, .out = {json_start}},
      {.words = {"inspect", "--json", kNano}, .out = {json_start}},
      {.words = {"inspect", "--json", "--json", kNano}, .out = {json_start}},
      {.words = {"inspect", "--json", "--", kNano}, .out = {json_start}},
      {.words = {"run", "--prompt=" + kPet, "--temperature=0"}, .out = {kOwl}},
      {.words = {"run", "-p" + kPet, "-t1"}, .out = {kOwl}},
      {.words = {"run", "--temperature", "2", "-p", "?", "-p", kPet, "--temperature", "0"},
       .out = {kOwl}},
      {.words = {"run", "-p", kPet, "--temperature", "1e-3", "--top-p", "0"}, .out = {kOwl}},
      {.words = {"run", "-m", kNano + "/", "-p", kPet, "--kv-memory", "64m"}, .out = {kOwl}},
      {.words = {"run", "-p", "Count from 1 to 9.", "--max-tokens=1", "--seed", "0"},
       .out = {"\n"},
       .err = {"(cut off after 1 tokens)"}},
  });
}

TEST(CommandLineUseTest, PromptsFromEverywhere) {
  const Scratch scratch;
  expect_uses({
      {.words = {"run", "-p", "-"}, .out = {kOwl}, .input = kPet},
      {.words = {"run", "-p", "-"}, .out = {kOwl}, .input = kPet + "\n"},
      {.words = {"run", "-p", kPet}, .out = {kOwl}, .input = "never read"},
      {.words = {"run"}, .out = {kOwl}, .input = kPet},
      {.words = {"run"}, .out = {kOwl}, .input = "\n  \n" + kPet + "\r\n"},
      {.words = {"run"},
       .out = {kOwl},
       .input = "Victor has a white owl. \\\nWhat pet does Victor have?\n"},
      {.words = {"run"}, .input = ""},
      {.words = {"run"}, .input = "/quit\nnever read\n"},
      {.words = {"run"}, .err = {"/reset"}, .input = "/help\n"},
      {.words = {"run"}, .status = 2, .err = {"/rest", "did you mean /reset?"}, .input = "/rest\n"},
      {.words = {"run"}, .status = 2, .err = {"standard input", "UTF-8"}, .input = "caf\xe9\n"},
      {.words = {"run", "-p", " \t\n"}, .status = 2, .err = {"--prompt", "empty"}},
      // A file's name is a prompt like any other text.
      {.words = {"run", "-p", "--help", "--max-tokens", "1"}, .out = {"\n"}, .err = {"cut off"}},
  });
}

TEST(CommandLineUseTest, ValuesThatAreNone) {
  expect_uses({
      {.words = {"run", "--seed"}, .status = 2, .err = {"--seed: needs a value"}},
      {.words = {"run", "-p"}, .status = 2, .err = {"-p: needs a value"}},
      {.words = {"run", "--max-tokens", "--seed", "5"},
       .status = 2,
       .err = {"--max-tokens: ", "--seed", "whole number"}},
      {.words = {"run", "--max-tokens=", "5"}, .status = 2, .err = {"--max-tokens: ", "after ="}},
      {.words = {"run", "--max-tokens", ""}, .status = 2, .err = {"--max-tokens: ", "''"}},
      {.words = {"run", "--max-tokens", "1k"}, .status = 2, .err = {"--max-tokens: ", "1k"}},
      {.words = {"run", "--max-tokens", "-5"}, .status = 2, .err = {"--max-tokens: ", "-5"}},
      {.words = {"run", "--max-tokens=-5"}, .status = 2, .err = {"--max-tokens: ", "-5"}},
      {.words = {"run", "--max-tokens", "1,000"}, .status = 2, .err = {"--max-tokens: ", "1,000"}},
      {.words = {"run", "--max-tokens", "0x10"}, .status = 2, .err = {"--max-tokens: ", "0x10"}},
      {.words = {"run", "--max-tokens", "4.0"}, .status = 2, .err = {"--max-tokens: ", "4.0"}},
      {.words = {"run", "--seed", "-1"}, .status = 2, .err = {"--seed: ", "-1"}},
      {.words = {"run", "--temperature", "1e400"},
       .status = 2,
       .err = {"--temperature: ", "1e400"}},
      {.words = {"run", "--temperature", "0,5"}, .status = 2, .err = {"--temperature: ", "0,5"}},
      {.words = {"serve", "--port", "65536"}, .status = 2, .err = {"--port: ", "65535"}},
      {.words = {"serve", "--kv-memory", "16 GB"}, .status = 2, .err = {"--kv-memory: ", "16G"}},
      {.words = {"serve", "--kv-disk", ""}, .status = 2, .err = {"--kv-disk: is empty"}},
      {.words = {"serve", "--name", ""}, .status = 2, .err = {"--name: is empty"}},
      {.words = {"serve", "--name", "a\xff"}, .status = 2, .err = {"--name: ", "UTF-8"}},
      {.words = {"serve", "--host", ""}, .status = 2, .err = {"--host: is empty"}},
      {.words = {"run", "--think", "HIGH", "-p", "x"}, .status = 2, .err = {"--think: ", "high"}},
      {.words = {"run", "--think", "a\nb", "-p", "x"}, .status = 2, .err = {"--think: "}},
      {.words = {"run", "-m", ""}, .status = 2, .err = {"--model: is empty"}},
      {.words = {"run", "-m", "/no\xff\nwhere", "-p", "x"}, .status = 2, .err = {"does not exist"}},
      {.words = {"run", "-m", kNano + "/config.json", "-p", "x"},
       .status = 2,
       .err = {"is a file of a model"}},
      {.words = {"inspect", "--json=yes", kNano}, .status = 2, .err = {"--json: takes no value"}},
  });
}

TEST(CommandLineUseTest, WordsTooFewOrTooMany) {
  expect_uses({
      {.words = {"inspect"}, .status = 2, .err = {"needs DIR"}},
      {.words = {"inspect", ""}, .status = 2, .err = {"needs DIR"}},
      {.words = {"synth", "pico"}, .status = 2, .err = {"needs DIR"}},
      {.words = {"text"}, .status = 2, .err = {"needs ACTION", "tokenize"}},
      {.words = {"text", "tokenise"}, .status = 2, .err = {"did you mean tokenize?"}},
      {.words = {"bench", "everything"}, .status = 2, .err = {"kernels", "engine"}},
      {.words = {"inspect", kNano, kNano}, .status = 2, .err = {"one argument more"}},
      // A prompt without its quotes.
      {.words = {"run", "-p", "What", "is", "12", "plus", "30?"},
       .status = 2,
       .err = {"is: is one argument more", "quote"}},
      {.words = {"run", "--", "-p", "Hi"}, .status = 2, .err = {"-p: "}},
      {.words = {"inspect", "--", "--json"}, .status = 2, .err = {"--json"}},
      {.words = {"run", "--port", "8000"},
       .status = 2,
       .err = {"--port: is no option of hadal run"}},
      {.words = {"serve", "--temperature", "0"},
       .status = 2,
       .err = {"--temperature: is no option"}},
      {.words = {"serve", "-x"}, .status = 2, .err = {"-x: is no option", "--help"}},
      {.words = {"score"}, .status = 2, .err = {"hadal score"}},
  });
}

TEST(CommandLineUseTest, ADirectoryWhoseNameBeginsWithADash) {
  const Scratch scratch;
  const fs::path model = scratch.nano_copy("-model");
  const Outcome outcome = run_hadal({.words = {"inspect", "--json", "--", model.string()}});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_TRUE(json::parse(outcome.out).is_object());
}

// Where standard output goes to is not what is written there.
TEST(CommandLineUseTest, AReaderThatGoesAwayEndsTheProgram) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  ::close(ends[0]);
  const Scratch scratch;
  const int err = ::open(scratch.path("err").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  const pid_t pid = start_hadal({"help", "--markdown"}, -1, ends[1], err);
  ::close(ends[1]);
  ::close(err);
  const int status = wait_for_end(pid);
  EXPECT_TRUE(status == 128 + SIGPIPE || status == 2) << status;
  EXPECT_EQ(read_bytes(scratch.path("err")).find("internal"), std::string::npos);
}

// Whether the process has a handler for SIGINT by now.
bool catches_interrupts(pid_t pid) {
  std::istringstream status(read_bytes("/proc/" + std::to_string(pid) + "/status"));
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with("SigCgt:")) continue;
    return (std::stoull(line.substr(line.find('\t')), nullptr, 16) >> (SIGINT - 1) & 1) != 0;
  }
  return false;
}

TEST(CommandLineUseTest, AnInterruptedAnswerEndsWith130) {
  // A prompt that takes seconds of computing: the answer cannot come before the signal.
  std::string prompt;
  for (int i = 0; i < 330; ++i) prompt += "We drank tea and talked for an hour. ";
  const pid_t pid =
      start_hadal({"run", "-p", prompt, "--isa", "ref", "--threads", "1"}, -1, -1, -1);
  constexpr int kMostPauses = 60'000;
  for (int i = 0; i < kMostPauses && !catches_interrupts(pid); ++i) ::usleep(1000);
  ::kill(pid, SIGINT);
  EXPECT_EQ(wait_for_end(pid), 130);
}

}  // namespace
}  // namespace hadal::integration
