// hadal bench engine on the built-in model, in small. No test looks at how long anything took.
#include "bench/load/engine_bench.h"

#include <filesystem>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "bench/load/engine_client.h"
#include "checkpoint/v4/checkpoint.h"
#include "model/v4/cache_layout.h"
#include "support/source_dir.h"

namespace hadal {
namespace {

std::filesystem::path nano() { return test::source_path("models/nano"); }

ModelOptions model() { return {.activations = ActivationPolicy::kNone}; }

TEST(EngineClient, PromptsOfOneTextBeginAlike) {
  const Checkpoint checkpoint = Checkpoint::open(nano());
  const std::vector<int32_t> shorter = made_up_prompt(checkpoint.config(), 10, 3);
  const std::vector<int32_t> longer = made_up_prompt(checkpoint.config(), 20, 3);
  EXPECT_TRUE(std::equal(shorter.begin(), shorter.end(), longer.begin()));
  EXPECT_NE(made_up_prompt(checkpoint.config(), 10, 4), shorter);
  for (const int32_t token : longer) {
    EXPECT_GE(token, 0);
    EXPECT_LT(token, checkpoint.config().vocab_size);
  }
  EXPECT_GT(anonymous_memory(), 0U);
}

TEST(EngineBench, EveryFigureIsThere) {
  EngineBenchOptions options{.model = model(),
                             .threads = 2,
                             .requests = 3,
                             .answer_tokens = 4,
                             .rounds = 1,
                             .least_seconds = 0,
                             .long_prompt = 400,
                             .probes = 2,
                             .restart_prompt = 300};
  std::vector<std::string> stages;
  options.progress = [&](const std::string& stage) { stages.push_back(stage); };
  const EngineReport report = bench_engine(nano(), options);
  EXPECT_GT(report.throughput.together_tokens_per_s, 0);
  EXPECT_GT(report.throughput.alone_tokens_per_s, 0);
  EXPECT_EQ(report.throughput.rounds, 1);
  EXPECT_EQ(report.first_token.long_prompt, 400);
  EXPECT_GT(report.first_token.idle_seconds, 0);
  EXPECT_LE(report.first_token.greatest_steps, 2);
  EXPECT_EQ(report.restart.prompt_tokens, 300);
  EXPECT_LT(report.restart.computed_tokens, 256);
  EXPECT_TRUE(report.restart.same_answer);
  EXPECT_GT(stages.size(), 4U);
  const auto json = nlohmann::json::parse(engine_report_json(report));
  EXPECT_EQ(json.at("throughput").at("requests"), 3);
  EXPECT_EQ(json.at("restart").at("same_answer"), true);
  EXPECT_NE(engine_report_text(report).find("requests together"), std::string::npos);
}

TEST(EngineSoak, AnswersAreThoseOfTheRequestsAlone) {
  const Checkpoint checkpoint = Checkpoint::open(nano());
  const size_t block_bytes = make_cache_layout(checkpoint.config()).block_bytes;
  int looks = 0;
  const SoakFigures figures = soak_engine(checkpoint, model(), 2,
                                          {.seconds = 0.2,
                                           .least_answers = 12,
                                           .running = 6,
                                           .kv_memory = 12 * block_bytes,
                                           .progress = [&](double, int64_t, size_t) { ++looks; }});
  EXPECT_GE(figures.finished, 12);
  EXPECT_GT(figures.checked_answers, 0);
  EXPECT_EQ(figures.wrong_answers, 0);
  EXPECT_GT(figures.peak_bytes, 0U);
  EXPECT_GT(looks, 0);
  EngineReport report{.model = "nano", .soak = figures};
  SoakFigures growing = figures;
  growing.growth_bytes = SoakFigures::kMostGrowth + 1;
  EXPECT_NE(engine_report_text({.model = "nano", .soak = growing}).find("NO: memory grew"),
            std::string::npos);
  EXPECT_NE(engine_report_text(report).find("sound"), std::string::npos);
  EXPECT_EQ(nlohmann::json::parse(engine_report_json(report)).at("soak").at("wrong_answers"), 0);
}

}  // namespace
}  // namespace hadal
