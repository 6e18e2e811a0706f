#include "server/metrics.h"

#include <cmath>
#include <gtest/gtest.h>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "engine/engine.h"
#include "server/metrics_text.h"

namespace hadal {
namespace {

struct Exposition {
  std::map<std::string, std::string> types;  // by metric
  std::map<std::string, double> samples;     // by name and labels
};

// The text format as Prometheus defines it, read line by line; every fault fails the test.
Exposition parse(const std::string& text) {
  Exposition found;
  static const std::regex comment("# (HELP|TYPE) ([a-z_]+) (.+)");
  static const std::regex sample(
      R"re(([a-z_]+)(\{([a-z_]+="([^"\\\n]|\\["n\\])*",?)*\})? ([-+0-9.eInfNa]+))re");
  EXPECT_TRUE(text.ends_with('\n'));
  std::set<std::string> helped;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_match(line, match, comment)) {
      if (match[1] == "HELP") {
        EXPECT_TRUE(helped.insert(match[2]).second) << "twice: " << line;
      } else {
        EXPECT_TRUE(helped.contains(match[2])) << line;
        EXPECT_TRUE(found.types.emplace(match[2], match[3]).second) << "twice: " << line;
      }
      continue;
    }
    if (!std::regex_match(line, match, sample)) {
      ADD_FAILURE() << "not a sample: " << line;
      continue;
    }
    std::string metric = match[1];
    if (!found.types.contains(metric)) {
      metric = std::regex_replace(metric, std::regex("_(bucket|sum|count)$"), "");
      EXPECT_EQ(found.types[metric], "histogram") << line;
    }
    EXPECT_TRUE(metric.starts_with("hadal_")) << line;
    EXPECT_EQ(metric.ends_with("_total"), found.types[metric] == "counter") << line;
    EXPECT_TRUE(found.samples.emplace(match[1].str() + match[2].str(), std::stod(match[5])).second)
        << "twice: " << line;
  }
  return found;
}

TEST(MetricsTest, EveryStatisticIsThereAndReadsBack) {
  EngineStatistics statistics;
  statistics.requests = 12;
  statistics.completed = 7;
  statistics.failed = 3;
  statistics.expired = 1;
  statistics.running = 4;
  statistics.generated_tokens = (int64_t{1} << 53) + 1;
  statistics.predicted_seconds = 0.1;
  statistics.prefill_seconds = 2.5;
  statistics.decode_seconds = 0.75;
  statistics.speculation.drafts = 20;
  statistics.speculation.draft_tokens = 60;
  statistics.speculation.accepted_tokens = 31;
  statistics.speculation.accepted_at = {18, 9, 4};
  statistics.speculation.decisions = {.planned = 19, .probes = 1, .declined = 8};
  statistics.pool.capacity = 100;
  statistics.pool.used = {5, 6, 7};
  statistics.prefix.hit_tokens = 4096;
  statistics.disk = DiskStatistics{};
  statistics.disk->bytes = 1 << 20;
  statistics.spill = SpillStatistics{};
  statistics.step_times.add(0.004);
  statistics.step_times.add(0.005);
  statistics.step_times.add(0.3);
  statistics.step_times.add(1000);
  const std::string text = metrics_text(statistics, "a \"quoted\\ name\n", {{200, 5}, {404, 1}});
  Exposition found = parse(text);
  const auto& samples = found.samples;
  EXPECT_EQ(samples.at("hadal_requests_accepted_total"), 12);
  EXPECT_EQ(samples.at("hadal_requests_ended_total{how=\"completed\"}"), 7);
  EXPECT_EQ(samples.at("hadal_requests_ended_total{how=\"failed\"}"), 2);
  EXPECT_EQ(samples.at("hadal_requests_ended_total{how=\"expired\"}"), 1);
  EXPECT_EQ(samples.at("hadal_requests_running"), 4);
  EXPECT_NE(text.find("hadal_generated_tokens_total 9007199254740993\n"), std::string::npos);
  EXPECT_EQ(samples.at("hadal_step_seconds_predicted_total"), 0.1);
  EXPECT_EQ(samples.at("hadal_prefill_seconds_total"), 2.5);
  EXPECT_EQ(samples.at("hadal_decode_seconds_total"), 0.75);
  EXPECT_EQ(samples.at("hadal_spec_decode_num_drafts_total"), 20);
  EXPECT_EQ(samples.at("hadal_spec_decode_num_draft_tokens_total"), 60);
  EXPECT_EQ(samples.at("hadal_spec_decode_num_accepted_tokens_total"), 31);
  EXPECT_EQ(samples.at("hadal_spec_decode_num_accepted_tokens_per_pos_total{position=\"1\"}"), 9);
  EXPECT_EQ(samples.at("hadal_spec_decode_decisions_total{decision=\"does_not_pay\"}"), 7);
  EXPECT_EQ(samples.at("hadal_cache_blocks"), 100);
  EXPECT_EQ(samples.at("hadal_cache_blocks_used{kind=\"page\"}"), 5);
  EXPECT_EQ(samples.at("hadal_cache_blocks_used{kind=\"image\"}"), 7);
  EXPECT_EQ(samples.at("hadal_prefix_hit_tokens_total"), 4096);
  EXPECT_EQ(samples.at("hadal_disk_bytes"), 1 << 20);
  EXPECT_EQ(samples.at("hadal_disk_writing"), 1);
  EXPECT_EQ(samples.at("hadal_spill_blocks"), 0);
  EXPECT_EQ(samples.at("hadal_http_answers_total{status=\"404\"}"), 1);
  EXPECT_EQ(samples.at("hadal_model_info{model=\"a \\\"quoted\\\\ name\\n\"}"), 1);
  EXPECT_EQ(found.types.at("hadal_step_seconds"), "histogram");
}

TEST(MetricsTest, HistogramsAreCumulative) {
  TimeHistogram times;
  for (const double seconds : {0.004, 0.005, 0.3, 1000.0, 0.0}) times.add(seconds);
  MetricsText writer;
  writer.histogram("hadal_x_seconds", times, "X.");
  const Exposition found = parse(writer.take());
  EXPECT_EQ(found.samples.at("hadal_x_seconds_bucket{le=\"0.0025\"}"), 1);
  EXPECT_EQ(found.samples.at("hadal_x_seconds_bucket{le=\"0.005\"}"), 3);
  EXPECT_EQ(found.samples.at("hadal_x_seconds_bucket{le=\"0.25\"}"), 3);
  EXPECT_EQ(found.samples.at("hadal_x_seconds_bucket{le=\"250\"}"), 4);
  EXPECT_EQ(found.samples.at("hadal_x_seconds_bucket{le=\"+Inf\"}"), 5);
  EXPECT_EQ(found.samples.at("hadal_x_seconds_count"), 5);
  EXPECT_DOUBLE_EQ(found.samples.at("hadal_x_seconds_sum"), 1000.309);
}

TEST(MetricsTest, WithoutDiskAndSpillTheirMetricsAreLeftOut) {
  const std::string text = metrics_text({}, "nano", {});
  parse(text);
  EXPECT_EQ(text.find("hadal_disk"), std::string::npos);
  EXPECT_EQ(text.find("hadal_spill"), std::string::npos);
}

TEST(MetricsTest, AnswersAreCountedByStatus) {
  AnswerCounts counts;
  for (const int status : {200, 404, 200}) counts.add(status);
  EXPECT_EQ(counts.counts(), (std::map<int, int64_t>{{200, 2}, {404, 1}}));
}

}  // namespace
}  // namespace hadal
