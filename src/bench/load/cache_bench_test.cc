// The simulated day: that it finds what is wrong, counts what it says it counts, and is the same
// for the same seed; and the sizes of long contexts.
#include "bench/load/cache_bench.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "checkpoint/v4/config_presets.h"

namespace hadal {
namespace {

CacheSimulationOptions small_day(int requests, size_t pool_bytes) {
  return {.traffic = {.requests = requests, .seconds = 0.864 * requests}, .pool_bytes = pool_bytes};
}

const CacheLayout& flash_layout() {
  static const CacheLayout layout = make_cache_layout(preset_config("flash"));
  return layout;
}

TEST(ContextSize, AMillionTokensCostWhatTheFormulaSays) {
  for (const auto& [name, mebibytes] : {std::pair("flash", 3517.3), std::pair("pro", 5035.8)}) {
    const ModelConfig config = preset_config(name);
    const ContextSize size = context_size(config, make_cache_layout(config), 1 << 20);
    EXPECT_NEAR(static_cast<double>(size.formula_bytes) / (1 << 20), mebibytes, 0.1) << name;
    EXPECT_GE(size.over_formula(), 0) << name;
    EXPECT_LT(size.over_formula(), 0.01) << name;
    EXPECT_NEAR(size.gqa_ratio(), 50, 1) << name;
  }
}

TEST(Traffic, TurnsFollowAnswersAndBeginAsTheConversationDid) {
  Traffic traffic({.requests = 400, .seconds = 400});
  std::map<int, std::vector<int32_t>> prompts;
  int followed = 0;
  double last = 0;
  while (traffic.next_arrival()) {
    EXPECT_GE(*traffic.next_arrival(), last);
    TrafficRequest request = traffic.next();
    last = request.arrival;
    ASSERT_FALSE(request.prompt.empty());
    ASSERT_LE(request.suffix_begin, static_cast<int>(request.prompt.size()));
    const auto before = prompts.find(request.conversation);
    if (before != prompts.end()) {
      ++followed;
      ASSERT_GT(request.prompt.size(), before->second.size());
      EXPECT_TRUE(
          std::equal(before->second.begin(), before->second.end() - 3, request.prompt.begin()));
    }
    const std::vector<int32_t> answer(static_cast<size_t>(request.answer_tokens), 7);
    traffic.answered(request.conversation, answer, request.arrival + 1);
    prompts[request.conversation] = std::move(request.prompt);
  }
  EXPECT_EQ(traffic.issued(), 400);
  EXPECT_TRUE(traffic.exhausted());
  EXPECT_GT(followed, 200);
}

TEST(CacheSimulation, EveryRequestEndsAndEveryPrefixIsRight) {
  const CacheSimulation day = simulate_cache(flash_layout(), small_day(600, size_t{4} << 30));
  const CacheOutcome& outcome = day.outcome;
  EXPECT_EQ(outcome.requests, 600);
  EXPECT_EQ(outcome.completed + outcome.hung_up, 600);
  EXPECT_GT(outcome.hung_up, 5);
  EXPECT_GT(day.checked_prefixes, 300);
  EXPECT_EQ(day.wrong_pages, 0);
  // Whatever was not cached was computed, and nothing else but answers.
  EXPECT_GE(outcome.computed_tokens, outcome.prompt_tokens - outcome.cached_tokens);
  EXPECT_LE(outcome.computed_tokens, outcome.prompt_tokens - outcome.cached_tokens +
                                         outcome.answer_tokens + outcome.recomputed_tokens);
  EXPECT_GT(outcome.hit_rate(), 0.6);
  EXPECT_LT(outcome.hit_rate(), 1);
}

TEST(CacheSimulation, TheSameSeedIsTheSameDay) {
  const CacheSimulationOptions options = small_day(200, size_t{3} << 30);
  const CacheSimulation a = simulate_cache(flash_layout(), options);
  const CacheSimulation b = simulate_cache(flash_layout(), options);
  EXPECT_EQ(a.outcome.cached_tokens, b.outcome.cached_tokens);
  EXPECT_EQ(a.outcome.computed_tokens, b.outcome.computed_tokens);
  EXPECT_EQ(a.checked_pages, b.checked_pages);
  EXPECT_DOUBLE_EQ(a.outcome.waste.mean, b.outcome.waste.mean);
  CacheSimulationOptions other = options;
  other.traffic.seed = 2;
  EXPECT_NE(simulate_cache(flash_layout(), other).outcome.prompt_tokens, a.outcome.prompt_tokens);
}

TEST(CacheSimulation, SpoiltPagesAreFound) {
  CacheSimulationOptions options = small_day(200, size_t{3} << 30);
  options.spoil_every = 1000;
  EXPECT_GT(simulate_cache(flash_layout(), options).wrong_pages, 0);
}

// Long prompts in a small pool, where pages taken before they are filled would show.
TEST(CacheSimulation, LittleIsWastedUnderPressure) {
  CacheSimulationOptions options = small_day(600, size_t{2} << 30);
  options.costs.prefill_row *= 4;
  const CacheSimulation day = simulate_cache(flash_layout(), options);
  EXPECT_GT(day.outcome.evicted_blocks, 0);
  EXPECT_GT(day.outcome.mean_running, 5);
  EXPECT_LT(day.outcome.waste.mean, 0.03);
  EXPECT_EQ(day.outcome.fragmented.greatest, 0);
}

TEST(CacheSimulation, APoolForNoRequestIsRefused) {
  EXPECT_THROW(simulate_cache(flash_layout(), small_day(10, size_t{100} << 20)), Error);
}

TEST(CacheReport, TextAndJsonHoldTheDay) {
  CacheBenchOptions options{.models = {"flash"}, .simulation = small_day(60, size_t{3} << 30)};
  size_t last = 0;
  options.progress = [&](size_t done, size_t all) {
    EXPECT_LE(done, all);
    last = done;
  };
  const CacheBenchReport report = bench_cache(options);
  EXPECT_TRUE(report.sound());
  const std::string text = cache_report_text(report);
  for (const char* part : {"1048576", "pool wasted", "1/50"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part;
  }
  const auto json = nlohmann::json::parse(cache_report_json(report));
  EXPECT_EQ(json.at("models")[0].at("cache").at("wrong_pages"), 0);
  EXPECT_EQ(json.at("models")[0].at("cache").at("requests"), 60);
  EXPECT_EQ(json.at("models")[0].at("contexts").size(), 3U);
}

}  // namespace
}  // namespace hadal
