#include "measure/metrics/steady_window.h"

#include <algorithm>
#include <gtest/gtest.h>

#include "measure/metrics/load_text.h"
#include "measure/metrics/metric_catalogue.h"
#include "measure/metrics/metric_ids.h"
#include "measure/metrics/point_metrics.h"
#include "support/made_up_answers.h"

namespace hadal {
namespace {

const Load kFour = {.concurrency = 4};

// Answers of 1.5 seconds each.
PointSamples loop_of(int concurrency, int requests) {
  return test::closed_loop({.concurrency = concurrency, .requests = requests});
}

TEST(SteadyWindow, LeavesOutTheFirstWaveAndTheDrain) {
  // Ten full waves and two requests more that run alone.
  const Window window = steady_window(loop_of(4, 42), kFour);
  EXPECT_EQ(window.kind, "steady");
  EXPECT_NEAR(window.begin, 1.5, 1e-9);
  EXPECT_NEAR(window.end, 15, 1e-9);
  EXPECT_EQ(
      window.rule,
      "from when at least 4 of 4 requests were in flight, after the first 4 requests had ended, "
      "to when they last were; for 0 s of it fewer were");
}

TEST(SteadyWindow, AWarmUpThatRunsOnIsTheFirstWave) {
  PointSamples samples = loop_of(4, 40);
  for (int i = 0; i < 4; ++i) samples.requests[i].phase = RequestPhase::kWarmUp;
  // Two of them are still there when measuring begins at 1.5.
  for (int i = 2; i < 4; ++i) samples.requests[i].ended += 0.1;
  const Window window = steady_window(samples, kFour);
  EXPECT_EQ(window.kind, "steady");
  EXPECT_NEAR(window.begin, 1.5, 1e-9);
  EXPECT_NE(window.rule.find("warm-up"), std::string::npos) << window.rule;
}

TEST(SteadyWindow, PausesAreOfIt) {
  const auto with_pauses = [](double pause) {
    PointSamples samples;
    for (int i = 0; i < 20; ++i) test::add_answer(samples, {.sent = i * (1.5 + pause)});
    return steady_window(samples, {.concurrency = 1});
  };
  const Window window = with_pauses(0.05);
  EXPECT_EQ(window.kind, "steady");
  EXPECT_NEAR(window.begin, 1.55, 1e-9);
  EXPECT_NEAR(window.end, 19 * 1.55 + 1.5, 1e-9);
  EXPECT_NEAR(with_pauses(0.5).end, 19 * 2 + 1.5, 1e-9);
}

// Lanes that rest after a refusal are the server's doing: leaving them out would show the rate of
// the moments between refusals.
TEST(SteadyWindow, ReachesAcrossStretchesWithFewerInFlight) {
  PointSamples samples = loop_of(4, 20);  // 7.5 s of it
  const PointSamples more = loop_of(4, 60);
  for (RequestRecord r : more.requests) {  // then a pause, and 22.5 s
    r.sent += 20;
    r.ended += 20;
    samples.requests.push_back(r);
  }
  const Window window = steady_window(samples, kFour);
  EXPECT_LT(window.begin, 2);
  EXPECT_NEAR(window.end, 42.5, 1e-9);
  EXPECT_NE(window.rule.find("for 12.5 s of it fewer were"), std::string::npos) << window.rule;
}

TEST(SteadyWindow, SessionsAreInFlightWhileTheyThink) {
  // Two conversations of six turns, a second of thought between them.
  PointSamples samples;
  for (int turn = 0; turn < 6; ++turn) {
    for (int64_t session = 0; session < 2; ++session) {
      test::add_answer(samples, {.sent = turn * 2.5}).session = session;
    }
  }
  const Window window = steady_window(samples, {.concurrency = 2});
  EXPECT_EQ(window.kind, "steady");
  EXPECT_NEAR(window.begin, 1.5, 1e-9);
  EXPECT_NEAR(window.end, 14, 1e-9);
}

TEST(SteadyWindow, FallsBackToTheWholeRunAndSaysWhy) {
  const Window few = steady_window(loop_of(4, 6), kFour);
  EXPECT_EQ(few.kind, "full");
  EXPECT_EQ(few.begin, 0);
  EXPECT_NEAR(few.end, 3, 1e-9);
  EXPECT_NE(few.rule.find("only 0 requests"), std::string::npos) << few.rule;

  EXPECT_NE(steady_window(loop_of(4, 40), {}).rule.find("neither"), std::string::npos);
  EXPECT_EQ(steady_window({}, kFour).rule,
            "the whole run, ramp and drain included: no request was measured");
}

// The requested number was never in flight: a client with fewer connections than it says.
TEST(SteadyWindow, IsNotFoundWhereTheLoadWasNeverThere) {
  EXPECT_EQ(steady_window(loop_of(4, 400), {.concurrency = 8}).kind, "full");
}

PointSamples open_loop(int requests, double gap) {
  PointSamples samples;
  for (int i = 0; i < requests; ++i) test::add_answer(samples, {.sent = i * gap}).planned = i * gap;
  return samples;
}

TEST(SteadyWindow, OfOpenLoopLiesBetweenArrivals) {
  const Window window = steady_window(open_loop(100, 0.5), {.rate = 2, .arrivals = "constant"});
  EXPECT_EQ(window.kind, "steady");
  EXPECT_NEAR(window.begin, 1.5, 1e-9);
  EXPECT_NEAR(window.end, 49.5, 1e-9);
}

// Of three turns each: the later ones are due when the answer before has come, and are no arrivals.
TEST(SteadyWindow, OfOpenLoopSessionsArriveAndTheirTurnsDoNot) {
  PointSamples samples;
  for (int64_t session = 0; session < 20; ++session) {
    for (int turn = 0; turn < 3; ++turn) {
      const double due = 2.0 * static_cast<double>(session) + 4 * turn;
      RequestRecord& r = test::add_answer(samples, {.sent = due});
      r.planned = due;
      r.session = session;
      r.turn = turn;
    }
  }
  const Load load{.rate = 0.5, .arrivals = "constant"};
  const Window window = steady_window(samples, load);
  EXPECT_EQ(window.kind, "steady");
  EXPECT_NEAR(window.begin, 9.5, 1e-9);
  EXPECT_NEAR(window.end, 38, 1e-9);
  EXPECT_NE(window.rule.find("a median session's time"), std::string::npos) << window.rule;
  const PointRecord point = summarise_point(samples, load);
  const MetricValue* achieved = find_metric(point.metrics, metric_ids::kLoadAchievedRate);
  EXPECT_NEAR(achieved->mean.value_or(0), 0.5, 1e-9);
  EXPECT_EQ(achieved->unit, "sessions/s");
  EXPECT_EQ(find_metric(point.metrics, metric_ids::kLoadRequestedRate)->unit, "sessions/s");
  EXPECT_EQ(load_text(point), "0.5 sessions/s, constant");
}

TEST(SteadyWindow, OfOpenLoopNeedsArrivalsForLongerThanAnAnswer) {
  const Window window = steady_window(open_loop(20, 0.1), {.rate = 10, .arrivals = "constant"});
  EXPECT_EQ(window.kind, "full");
  EXPECT_NE(window.rule.find("arrivals lasted only 1.9 s"), std::string::npos) << window.rule;
}

TEST(SteadyWindow, RequestsBelongToItByWhenTheyWereDue) {
  const Window window{.kind = "steady", .begin = 1, .end = 2};
  EXPECT_TRUE(belongs_to(window, {.sent = 1, .ended = 9}));
  EXPECT_FALSE(belongs_to(window, {.sent = 2}));
  EXPECT_TRUE(belongs_to(window, {.planned = 1.9, .sent = 2.5}));
  EXPECT_FALSE(belongs_to(window, {.planned = 0.9, .sent = 1.5}));
}

}  // namespace
}  // namespace hadal
