#include "measure/workload/synthetic_traces.h"

#include <algorithm>
#include <gtest/gtest.h>

#include "base/error.h"
#include "measure/workload/session_walk.h"
#include "measure/workload/trace_replay.h"

namespace hadal {
namespace {

TEST(SyntheticTraces, AgentsGrowTheirContextsAndHaveHelpers) {
  const Trace trace = make_agent_trace({.seed = 1, .plays = 40});
  const TraceTotals totals = trace_totals(trace);
  EXPECT_EQ(totals.sessions, 40);
  EXPECT_GT(totals.agents, 40);
  // Nearly all of an agent's prompt was in the one before.
  EXPECT_GT(static_cast<double>(totals.prefix_hits) / static_cast<double>(totals.blocks), 0.8);
  for (const TraceSession& session : trace.sessions) {
    double before = 0;
    for (const TraceRequest& request : session.requests) {
      EXPECT_GE(request.at, before);
      before = request.at;
      EXPECT_EQ(count_blocks(request.blocks), request.input_tokens / 64);  // only full ones
      EXPECT_GT(request.took, 0);
    }
  }
  EXPECT_EQ(make_agent_trace({.seed = 1, .plays = 40}).sessions, trace.sessions);
  EXPECT_NE(make_agent_trace({.seed = 2, .plays = 40}).sessions, trace.sessions);
}

// A server as fast as the recorded one makes the walk reproduce the recorded instants.
TEST(SyntheticTraces, ReplayAtRecordedSpeedHasRecordedTimes) {
  const Trace trace = make_agent_trace({.seed = 5, .plays = 10});
  const TraceReplay replay(trace, {.idle_gap_cap = std::nullopt});
  for (int64_t number = 0; number < 10; ++number) {
    const PlannedSession session = replay.session(number, RequestPhase::kMeasured);
    const std::vector<TraceRequest>& recorded =
        trace.sessions[static_cast<size_t>(number)].requests;
    SessionWalk walk(session, 1000);
    std::vector<std::pair<double, int>> running;  // ends
    while (!walk.done()) {
      std::sort(running.begin(), running.end());
      const std::optional<DueRequest> due = walk.next();
      if (due && (running.empty() || due->instant < running.front().first)) {
        const TraceRequest& record = recorded[static_cast<size_t>(due->place)];
        EXPECT_NEAR(due->instant, 1000 + record.at, 1e-6);
        walk.sent(due->place, due->instant);
        running.emplace_back(due->instant + record.took, due->place);
        continue;
      }
      ASSERT_FALSE(running.empty());
      walk.ended(running.front().second, running.front().first);
      running.erase(running.begin());
    }
  }
}

TEST(SyntheticTraces, RequestsComeAtTheirRateAndSharePrefixes) {
  const Trace trace = make_request_trace({.seed = 1, .requests = 2000, .rate = 4});
  EXPECT_TRUE(trace.blocks_are_global);
  EXPECT_NEAR(trace.sessions.back().starts.value(), 500, 56);  // five standard deviations
  const TraceTotals totals = trace_totals(trace);
  EXPECT_EQ(totals.sessions, 2000);
  EXPECT_GT(totals.prefix_hits, 2000);  // four blocks of most prompts
  for (const TraceSession& session : trace.sessions) {
    const TraceRequest& request = session.requests.at(0);
    EXPECT_EQ(count_blocks(request.blocks), (request.input_tokens + 511) / 512);
  }
}

TEST(SyntheticTraces, RangesThatAreNoneAreRefused) {
  EXPECT_THROW(make_agent_trace({.plays = 0}), Error);
  EXPECT_THROW(make_agent_trace({.turns = {.low = 5, .high = 2}}), Error);
  EXPECT_THROW(make_agent_trace({.think = {.low = -1, .high = 2}}), Error);
  EXPECT_THROW(make_request_trace({.rate = 0}), Error);
  EXPECT_THROW(make_request_trace({.input_tokens = {.low = 0, .high = 2}}), Error);
}

}  // namespace
}  // namespace hadal
