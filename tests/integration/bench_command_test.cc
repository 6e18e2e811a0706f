// hadal bench as a user runs it, on models of a few layers. No test looks at how long anything
// took.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "program.h"

namespace hadal::integration {
namespace {

TEST(BenchTest, MeasuresTheBuiltInModel) {
  const Outcome outcome =
      run_hadal({.words = {"bench", "decode", "--tokens", "3", "--threads", "2", "--json"}});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const nlohmann::json json = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(json.at("model"), "hadal-nano");
  EXPECT_EQ(json.at("steps"), 3);
  EXPECT_GT(json.at("tokens_per_s"), 0);
  EXPECT_FALSE(json.at("ops").empty());
}

TEST(BenchTest, TheDifferenceOfTwoModelsIsTheCostOfALayer) {
  const Scratch scratch;
  for (const char* layers : {"3", "5"}) {
    const std::string directory = scratch.path(std::string("pico-") + layers).string();
    const Outcome outcome = run_hadal({.words = {"synth", "pico", directory, "--layers", layers}});
    ASSERT_EQ(outcome.status, 0) << outcome.err;
  }
  const std::string few = scratch.path("pico-3").string();
  const std::string many = scratch.path("pico-5").string();
  const Outcome outcome = run_hadal({.words = {"bench", "prefill", "--model", many, "--difference",
                                               few, "--tokens", "8", "--json"}});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const nlohmann::json json = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(json.at("difference").at("model"), "pico-3");
  EXPECT_EQ(json.at("difference").at("layers"), 2);
  EXPECT_GT(json.at("difference").at("costs_of_all").at("bytes"), 0);

  const Outcome swapped =
      run_hadal({.words = {"bench", "prefill", "--model", few, "--difference", many}});
  EXPECT_EQ(swapped.status, 2);
  EXPECT_NE(swapped.err.find("must have fewer layers"), std::string::npos) << swapped.err;
}

TEST(BenchTest, SimulatesADayOfTraffic) {
  const Outcome outcome =
      run_hadal({.words = {"bench", "cache", "--requests", "50", "--kv-memory", "3G", "--json"}});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const nlohmann::json json = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(json.at("sound"), true);
  ASSERT_EQ(json.at("models").size(), 2U);
  for (const nlohmann::json& model : json.at("models")) {
    EXPECT_EQ(model.at("cache").at("requests"), 50);
    EXPECT_LT(model.at("cache").at("wasted_share").at("mean"), 0.03);
    EXPECT_LT(model.at("contexts").back().at("over_formula"), 0.01);
  }
  const Outcome text = run_hadal(
      {.words = {"bench", "cache", "--requests", "20", "--kv-memory", "3G", "--layout", "flash"}});
  EXPECT_NE(text.out.find("pool wasted"), std::string::npos) << text.err;
}

TEST(BenchTest, DrivesTheEngine) {
  const Outcome outcome = run_hadal(
      {.words = {"bench", "engine", "--requests", "2", "--long-prompt", "1000", "--json"}});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const nlohmann::json json = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(json.at("model"), "hadal-nano");
  EXPECT_GT(json.at("throughput").at("ratio"), 0);
  EXPECT_EQ(json.at("restart").at("same_answer"), true);
  const Outcome soak = run_hadal({.words = {"bench", "engine", "--soak", "0.02", "--json"}});
  const nlohmann::json soaked = nlohmann::json::parse(soak.out).at("soak");
  EXPECT_EQ(soaked.at("wrong_answers"), 0);
#ifdef HADAL_SANITIZED
  // Sanitizers keep freed memory, which the soak takes for growth.
  ASSERT_TRUE(soak.status == 0 || soak.status == 1) << soak.err;
#else
  ASSERT_EQ(soak.status, 0) << soak.err;
  EXPECT_EQ(soaked.at("sound"), true);
#endif
}

TEST(BenchTest, RefusesWhatDoesNotBelongTogether) {
  const std::vector<std::vector<std::string>> wrong = {
      {"bench"},
      {"bench", "engines"},
      {"bench", "kernels", "--batch", "2"},
      {"bench", "decode", "--quick"},
      {"bench", "decode", "--requests", "3"},
      {"bench", "cache", "--model", "/nowhere"},
      {"bench", "engine", "--requests", "100000"},
      {"bench", "engine", "--soak", "0"},
      {"bench", "cache", "--soak", "1"},
      {"bench", "cache", "--kv-memory", "20M"},
      {"bench", "decode", "--isa", "mmx"},
      {"bench", "decode", "--batch", "0"},
      {"bench", "decode", "--context", "1000000"},
      {"bench", "prefill", "--model", "/nowhere"},
      {"bench", "prefill", "--difference", "/nowhere"},
  };
  for (const std::vector<std::string>& words : wrong) {
    const Outcome outcome = run_hadal({.words = words});
    EXPECT_EQ(outcome.status, 2) << words.back() << ": " << outcome.err;
    EXPECT_EQ(outcome.out, "") << words.back();
    EXPECT_TRUE(outcome.err.starts_with("hadal: error: ")) << outcome.err;
  }
}

}  // namespace
}  // namespace hadal::integration
