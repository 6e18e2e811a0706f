// The commands together: what one writes the next one reads.
#include <algorithm>
#include <cstring>
#include <gtest/gtest.h>
#include <set>
#include <sstream>
#include <string>

#include <nlohmann/json.hpp>

#include "program.h"
#include "support/source_dir.h"

namespace hadal::integration {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const std::string kGolden = test::source_path("tests/golden/data/model/pico");

json header_of(const fs::path& path) {
  const std::string bytes = read_bytes(path);
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof(length));
  return json::parse(bytes.substr(sizeof(length), length));
}

Outcome expect_success(const Invocation& invocation) {
  Outcome outcome = run_hadal(invocation);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  return outcome;
}

TEST(HelpTest, ComesFromEveryCommand) {
  EXPECT_TRUE(expect_success({.words = {"--version"}}).out.starts_with("hadal "));
  EXPECT_NE(expect_success({.words = {"--help"}}).out.find("inspect"), std::string::npos);
  EXPECT_NE(expect_success({.words = {"score", "--help"}}).out.find("--mtp"), std::string::npos);
}

TEST(SynthTest, WhatItWritesCanBeInspectedScoredAndAsked) {
  const Scratch scratch;
  const std::string model = scratch.path("pico").string();
  expect_success({.words = {"synth", "pico", model, "--seed", "3"}});

  const Outcome inspected = expect_success({.words = {"inspect", model, "--verify"}});
  EXPECT_NE(inspected.out.find("MTP"), std::string::npos) << inspected.out;
  EXPECT_TRUE(json::parse(expect_success({.words = {"inspect", model, "--json"}}).out).is_object());

  const Outcome answer = expect_success({.words = {"run", "--model", model, "-p", "Hello",
                                                   "--max-tokens", "8", "--temperature", "0"}});
  EXPECT_FALSE(answer.out.empty());

  write_bytes(scratch.path("rows"), "{\"ids\":[1,2,3]}\n");
  expect_success({.words = {"score", "--model", model, "--input", scratch.path("rows").string(),
                            "--output", scratch.path("out").string(), "--mtp"}});
  EXPECT_TRUE(header_of(scratch.path("out")).contains("mtp_logits.0"));
}

TEST(SynthTest, DependsOnTheSeedAlone) {
  const Scratch scratch;
  const auto weights = [&](const std::string& name, const std::string& seed) {
    expect_success({.words = {"synth", "pico", scratch.path(name).string(), "--seed", seed}});
    std::string all;
    std::set<fs::path> files;
    for (const auto& entry : fs::directory_iterator(scratch.path(name))) files.insert(entry.path());
    for (const fs::path& file : files) all += file.filename().string() + read_bytes(file);
    return all;
  };
  const std::string first = weights("a", "1");
  EXPECT_TRUE(first == weights("b", "1"));
  EXPECT_FALSE(first == weights("c", "2"));
}

TEST(InspectTest, ConfigAloneIsEnough) {
  const Scratch scratch;
  fs::create_directories(scratch.path("bare"));
  fs::copy(test::source_path("models/nano/config.json"), scratch.path("bare") / "config.json");
  const Outcome outcome = expect_success({.words = {"inspect", scratch.path("bare").string()}});
  EXPECT_NE(outcome.out.find("7,136,959"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("1,137,733"), std::string::npos) << outcome.out;
}

TEST(ScoreTest, LogitsDependOnNeitherChunksNorThreads) {
  const Scratch scratch;
  std::ostringstream rows;
  rows << "{\"ids\":[5]}\n{\"ids\":[";
  for (int i = 0; i < 150; ++i) rows << (i > 0 ? "," : "") << (i * 7 + 3) % 256;
  rows << "]}\n";
  write_bytes(scratch.path("rows"), rows.str());
  const auto score = [&](const std::vector<std::string>& more) {
    std::vector<std::string> words = {"score",
                                      "--model",
                                      kGolden + "/model",
                                      "--input",
                                      scratch.path("rows").string(),
                                      "--output",
                                      scratch.path("out").string(),
                                      "--mtp"};
    words.insert(words.end(), more.begin(), more.end());
    expect_success({.words = words});
    return read_bytes(scratch.path("out"));
  };
  const std::string whole = score({"--threads", "1"});
  const json header = header_of(scratch.path("out"));
  EXPECT_EQ(header["logits.0"]["shape"][0], 1);
  EXPECT_EQ(header["mtp_logits.0"]["shape"][0], 0);
  EXPECT_EQ(header["logits.1"]["shape"][0], 150);
  EXPECT_EQ(header["mtp_logits.1"]["shape"][0], 149);
  EXPECT_TRUE(whole == score({"--threads", "2"}));
  EXPECT_TRUE(whole == score({"--threads", "2", "--chunk", "7"}));
  EXPECT_FALSE(whole == score({"--activations", "none"}));
}

// How close the layers must come is judged by the golden tests; here only that each is there.
TEST(ScoreTest, LayersAreFedFromTheFile) {
  const Scratch scratch;
  expect_success(
      {.words = {"score", "--model", kGolden + "/model", "--layers",
                 kGolden + "/golden.safetensors", "--output", scratch.path("out").string()}});
  const json out = header_of(scratch.path("out"));
  const json golden = header_of(kGolden + "/golden.safetensors");
  int layers = 0;
  for (const auto& [name, tensor] : golden.items()) {
    if (!name.starts_with("layers.") || !name.ends_with(".out")) continue;
    ++layers;
    ASSERT_TRUE(out.contains(name)) << name;
    EXPECT_EQ(out[name]["shape"], tensor["shape"]);
    EXPECT_EQ(out[name]["dtype"], "F32");
  }
  EXPECT_GT(layers, 0);
}

TEST(TextTest, TokenisesThereAndBack) {
  const std::string text = "{\"text\":\"Anna lives in Lisbon.\"}\n";
  const Outcome ids = expect_success({.words = {"text", "tokenize"}, .input = text});
  const Outcome back = expect_success({.words = {"text", "detokenize"}, .input = ids.out});
  EXPECT_EQ(json::parse(back.out), json::parse(text));
}

// The golden files themselves are judged in src/text; here their way through the program.
TEST(TextTest, EncodesAndParsesLineByLine) {
  const std::string golden = test::source_path("tests/golden/data/chat/");
  std::istringstream cases(read_bytes(golden + "encode.jsonl"));
  std::string input;
  std::vector<std::string> prompts;
  for (std::string line; std::getline(cases, line);) {
    json value = json::parse(line);
    prompts.push_back(value["prompt"]);
    input += line + "\n";
  }
  std::istringstream encoded(
      expect_success({.words = {"text", "encode-chat"}, .input = input}).out);
  for (const std::string& prompt : prompts) {
    std::string line;
    ASSERT_TRUE(std::getline(encoded, line));
    EXPECT_EQ(json::parse(line)["prompt"], prompt);
  }

  const std::string completions = read_bytes(golden + "parse.jsonl");
  std::istringstream parsed(
      expect_success({.words = {"text", "parse-chat"}, .input = completions}).out);
  std::istringstream expected(completions);
  for (std::string want; std::getline(expected, want);) {
    std::string line;
    ASSERT_TRUE(std::getline(parsed, line));
    const json value = json::parse(want);
    const json got = json::parse(line);
    if (value.contains("parsed")) {
      EXPECT_EQ(got["parsed"], value["parsed"]);
    } else {
      EXPECT_EQ(got["malformed"], true);
    }
  }
}

TEST(TextTest, NamesTheBadLine) {
  const Outcome outcome =
      run_hadal({.words = {"text", "tokenize"}, .input = "{\"text\":\"a\"}\n{\"txt\":1}\n"});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 1);
  EXPECT_NE(outcome.err.find("line 2"), std::string::npos) << outcome.err;
}

}  // namespace
}  // namespace hadal::integration
