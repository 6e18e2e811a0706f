#include "measure/dashboard/point_detail.h"

#include <gtest/gtest.h>
#include <limits>

#include <nlohmann/json.hpp>

#include "support/stored_runs.h"
#include "support/temporary_directory.h"

namespace hadal {
namespace {

using nlohmann::json;

// Two requests of 10 tokens each, one after the other, with half a second of waiting in each.
PointSamples two_requests() {
  PointSamples samples;
  for (int i = 0; i < 2; ++i) {
    const double sent = 2.0 * i;
    RequestRecord request{.index = i,
                          .sent = sent,
                          .first_token = sent + 0.5,
                          .last_token = sent + 2,
                          .ended = sent + 2,
                          .asked_input_tokens = 100,
                          .expected_cached_tokens = 80,
                          .input_tokens = 100,
                          .cached_tokens = 60,
                          .output_tokens = 10,
                          .server_prefill_seconds = 0.4,
                          .server_decode_seconds = 1.2};
    std::vector<TokenStamp> events;
    for (int token = 1; token <= 10; ++token) {
      events.push_back({.seconds = sent + 0.5 + 1.5 * (token - 1) / 9, .tokens_so_far = token});
    }
    samples.requests.push_back(request);
    samples.events.push_back(events);
  }
  samples.power = {{.seconds = 0.5, .watts = 300, .meter = "nvml", .device = "gpu0"},
                   {.seconds = 0.5, .watts = 100, .meter = "rapl", .device = "package-0"},
                   {.seconds = 2.5, .watts = 310, .meter = "nvml", .device = "gpu0"}};
  samples.duration = 4;
  return samples;
}

class PointDetailTest : public testing::Test {
 protected:
  json detail_of(const PointSamples& samples, const PointDetailOptions& options) {
    RunStore store = RunStore::open((directory_.path() / "runs.sqlite").string());
    RunRecord run = test::some_run();
    run.id = "";
    run.state = RunState::kComplete;
    run.points = {test::some_point(1, samples.client)};
    const std::vector<PointSamples> all = {samples};
    const std::string id = store.save(run, all);
    return json::parse(point_detail_json(store, id, 0, {.all = 2}, options));
  }

  test::TemporaryDirectory directory_;
};

TEST_F(PointDetailTest, SlicesAreOnOneClock) {
  const json detail = detail_of(two_requests(), {.slices = 4});
  const json& slices = detail["slices"];
  EXPECT_EQ(slices["count"], 4);
  EXPECT_DOUBLE_EQ(slices["width"], 1);
  const json& series = slices["series"];
  double tokens = 0;
  for (const json& rate : series["output_rate"]["values"]) tokens += rate.get<double>();
  EXPECT_NEAR(tokens, 20, 1e-9);
  const json waiting = {0.5, 0.0, 0.5, 0.0};
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(series["waiting"]["values"][i].get<double>(), waiting[i].get<double>(), 1e-9);
    EXPECT_NEAR(series["running"]["values"][i].get<double>(), 1 - waiting[i].get<double>(), 1e-9);
  }
  EXPECT_EQ(series["ttft"]["values"], json({0.5, nullptr, 0.5, nullptr}));
  EXPECT_EQ(series["hit_share"]["values"], json({0.6, nullptr, 0.6, nullptr}));
  EXPECT_EQ(series["expected_hit_share"]["values"], json({0.8, nullptr, 0.8, nullptr}));
  // The sum of both meters, and only where both have shown something.
  EXPECT_EQ(series["power"]["values"], json({400.0, nullptr, nullptr, nullptr}));
}

TEST_F(PointDetailTest, LanesDistributionsAndPhases) {
  const json detail = detail_of(two_requests(), {.lanes = 1, .bins = 3});
  EXPECT_EQ(detail["requests"], 2);
  ASSERT_EQ(detail["lanes"].size(), 1u);
  EXPECT_EQ(detail["lanes"][0]["first_token"], 0.5);
  EXPECT_EQ(detail["lanes"][0]["outcome"], "ok");
  const json& ttft = detail["distributions"]["ttft"];
  EXPECT_EQ(ttft["samples"], 2);
  EXPECT_TRUE(ttft["p50"].is_null());  // of two samples there is none
  EXPECT_EQ(ttft["counts"], json({2}));
  const json& phases = detail["phases"];
  EXPECT_EQ(phases["tokens"]["cached_input"], 120);
  EXPECT_EQ(phases["tokens"]["computed_input"], 80);
  EXPECT_EQ(phases["tokens"]["output"], 20);
  double seconds = 0;
  for (const char* use : {"prefill", "cached_input", "decode", "shared", "idle"}) {
    seconds += phases[use].get<double>();
  }
  EXPECT_NEAR(seconds, 2 * 4, 1e-9);  // two GPUs for four seconds
}

TEST_F(PointDetailTest, FailuresAreCountedByClass) {
  PointSamples samples = two_requests();
  samples.requests[1].outcome = RequestOutcome::kFailed;
  samples.requests[1].failure = "timeout";
  samples.requests[1].failure_text = "after 30 s";
  const json detail = detail_of(samples, {});
  ASSERT_EQ(detail["failures"].size(), 1u);
  EXPECT_EQ(detail["failures"][0]["failure"], "timeout");
  EXPECT_EQ(detail["failures"][0]["count"], 1);
  EXPECT_EQ(detail["failures"][0]["example"], "after 30 s");
}

TEST_F(PointDetailTest, TimesThatNoClockHasDoNoHarm) {
  PointSamples samples = two_requests();
  samples.requests[0].first_token = 1e300;
  samples.requests[0].ended = 1e300;
  samples.requests[1].sent = -1e300;
  samples.requests[1].first_token = 9e11;  // more slices away than an int can count
  const json detail = detail_of(samples, {.slices = 4});
  EXPECT_EQ(detail["slices"]["count"], 4);
  EXPECT_FALSE(detail.contains("phases"));
}

TEST_F(PointDetailTest, WithoutSamplesThereIsNothingToDraw) {
  const json detail = detail_of({}, {});
  EXPECT_FALSE(detail.contains("slices"));
  EXPECT_TRUE(detail["lanes"].empty());
  EXPECT_TRUE(detail["distributions"].empty());
}

}  // namespace
}  // namespace hadal
