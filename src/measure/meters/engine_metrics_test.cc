#include "measure/meters/engine_metrics.h"

#include <algorithm>
#include <atomic>
#include <gtest/gtest.h>
#include <iterator>

#include "base/error.h"
#include "base/files.h"
#include "measure/meters/engine_recorder.h"
#include "support/source_dir.h"

namespace hadal {
namespace {

std::optional<double> value(const EnginePage& page, std::string_view name) {
  const auto* const found = std::find(std::begin(kEngineFigures), std::end(kEngineFigures), name);
  return page.values.at(static_cast<size_t>(found - std::begin(kEngineFigures)));
}

constexpr std::string_view kVllmPage = R"(# HELP vllm:num_requests_running Number of requests
vllm:num_requests_running{engine="0",model_name="m"} 3
vllm:num_requests_running{engine="1",model_name="m"} 4
vllm:num_requests_waiting{engine="0"} 0
vllm:kv_cache_usage_perc{engine="0"} 0.25
vllm:kv_cache_usage_perc{engine="1"} 0.75
vllm:prompt_tokens_total 1000
vllm:prefix_cache_hits_total 60
vllm:prefix_cache_queries_total 100
vllm:generation_tokens_total 500
)";

TEST(EngineMetrics, SeriesAreAddedUpAndSharesAveraged) {
  const EnginePage page = read_engine_page(kVllmPage, "vllm", "0.26.1");
  EXPECT_EQ(value(page, "running"), 7);
  EXPECT_EQ(value(page, "cache_use"), 0.5);
  EXPECT_EQ(value(page, "cached_tokens"), 60);
  EXPECT_FALSE(value(page, "drafts").has_value());
  // Speculation may be off; preemptions are always told.
  EXPECT_EQ(page.missing, (std::vector<std::string>{"vllm:num_preemptions_total"}));
}

TEST(EngineMetrics, NamesFollowTheVersion) {
  const std::string_view old = "vllm:gpu_cache_usage_perc 0.5\n";
  EXPECT_EQ(value(read_engine_page(old, "vllm", "0.9.2"), "cache_use"), 0.5);
  EXPECT_FALSE(value(read_engine_page(old, "vllm", "0.26"), "cache_use").has_value());
  EXPECT_FALSE(value(read_engine_page(old, "vllm", "v1.0"), "cache_use").has_value());
  EXPECT_FALSE(value(read_engine_page(old, "vllm", "unknown"), "cache_use").has_value());
}

TEST(EngineMetrics, OfHadalTheCacheIsWhatIsNotFree) {
  const EnginePage page = read_engine_page(
      "hadal_cache_blocks 640\nhadal_cache_blocks_free 160\nhadal_requests_running 2\n", "hadal",
      "");
  EXPECT_EQ(value(page, "cache_use"), 0.75);
  EXPECT_EQ(value(page, "running"), 2);
  EXPECT_FALSE(page.missing.empty());
}

TEST(EngineMetrics, UnknownEnginesAndNonsenseSayNothing) {
  EXPECT_FALSE(has_engine_metrics("nobody's"));
  EXPECT_TRUE(has_engine_metrics("sglang"));
  for (const auto& figure : read_engine_page(kVllmPage, "nobody's", "").values) {
    EXPECT_FALSE(figure.has_value());
  }
  EXPECT_FALSE(value(read_engine_page("sglang:token_usage NaN\n", "sglang", ""), "cache_use"));
  EXPECT_THROW(read_engine_page("sglang:token_usage {\n", "sglang", ""), Error);
}

TEST(EngineMetrics, TheDocumentationHasTheTable) {
  const std::string page =
      read_text_file(test::source_path("docs/measuring/engine_metrics.md"), 100'000);
  EXPECT_NE(page.find(engine_metrics_markdown()), std::string::npos) << engine_metrics_markdown();
}

TEST(EngineRecorder, KeepsWhatLiesInAStretch) {
  std::atomic<int> pages = 0;
  std::atomic<double> now = 0;
  EngineRecorder recorder({.engine = "vllm",
                           .version = "0.26",
                           .get =
                               [&](const std::string&) {
                                 const int page = pages++;
                                 if (page == 3) throw Error({.code = ErrorCode::kUnavailable});
                                 return std::string(kVllmPage);
                               },
                           .clock = [&] { return now = now + 1; },
                           .interval = 0.0001});
  EXPECT_EQ(recorder.missing().size(), 1u);
  while (pages < 12) std::this_thread::yield();
  const std::vector<EngineSample> samples = recorder.samples(2, 5);
  ASSERT_EQ(samples.size(), 4u);
  EXPECT_EQ(samples.front().seconds, 0);
  EXPECT_EQ(samples.back().seconds, 3);
  EXPECT_EQ(samples.front().values.front(), 7);
}

}  // namespace
}  // namespace hadal
