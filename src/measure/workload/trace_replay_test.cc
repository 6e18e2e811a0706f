#include "measure/workload/trace_replay.h"

#include <algorithm>
#include <filesystem>
#include <gtest/gtest.h>
#include <set>
#include <string>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "json/python_json.h"
#include "measure/workload/prefix_proof.h"
#include "measure/workload/synthetic_traces.h"
#include "measure/workload/trace_file.h"
#include "support/source_dir.h"

namespace hadal {
namespace {

using Places = std::vector<int>;
using RequestPhase::kMeasured;
using RequestPhase::kWarmUp;

Trace testdata(const std::string& name) {
  return read_trace(test::source_path("src/measure/workload/testdata") / name);
}

// Requests a second apart that take none, each a block longer than the one before.
Trace staircase(int requests) {
  Trace trace{.name = "stairs", .format = "test", .block_tokens = 64};
  TraceSession session;
  for (int i = 0; i < requests; ++i) {
    TraceRequest request{.at = static_cast<double>(i),
                         .input_tokens = 64 * (i + 1) + 10,
                         .output_tokens = 20,
                         .blocks = {{.first = 0, .count = i + 1}}};
    if (i > 0) {
      request.after_end = {i - 1};
      request.delay = 1;
    }
    session.requests.push_back(request);
  }
  trace.sessions.push_back(session);
  return trace;
}

size_t shared_tokens(const Prompt& a, const Prompt& b) {
  const auto differ =
      std::mismatch(a.tokens.begin(), a.tokens.end(), b.tokens.begin(), b.tokens.end());
  return static_cast<size_t>(differ.first - a.tokens.begin());
}

std::vector<PlannedRequest> requests_of(const Workload& workload, int64_t number,
                                        RequestPhase space = kMeasured) {
  return workload.session(number, space).requests;
}

TEST(TraceReplay, EqualBlocksAreEqualTokensAndNothingElseIs) {
  const TraceReplay replay(testdata("weka_excerpt.jsonl"), {.name = "agentx"});
  const PromptStyle style{.vocabulary = Vocabulary(0, 129280)};
  const std::vector<PlannedRequest> requests = requests_of(replay, 0);
  ASSERT_EQ(requests.size(), 4U);
  std::vector<Prompt> prompts;
  int64_t expected = 0;
  for (const PlannedRequest& request : requests) {
    prompts.push_back(replay.prompt(request, style));
    EXPECT_EQ(static_cast<int64_t>(prompts.back().tokens.size()), request.input_tokens);
    expected += request.expected_cached_tokens;
  }
  EXPECT_EQ(shared_tokens(prompts[0], prompts[1]), 0U);
  EXPECT_EQ(shared_tokens(prompts[1], prompts[2]), 63744U);  // all of the second
  EXPECT_EQ(requests[2].expected_cached_tokens, 63744);
  EXPECT_EQ(shared_tokens(prompts[2], prompts[3]),
            static_cast<size_t>(requests[3].expected_cached_tokens));
  EXPECT_EQ(expected, 2018 * 64);
  const auto plan = parse_json(replay.describe(), "plan");
  EXPECT_NEAR(plan["expected_hit_rate"].get<double>(), 0.6567, 5e-5);
  EXPECT_EQ(plan["first_pass"]["input_tokens"], 196672);
}

TEST(TraceReplay, EachPlayOfARecordIsItsOwn) {
  const TraceReplay replay(staircase(3), {});
  const PromptStyle style;
  const auto prompt = [&](const TraceReplay& from, int64_t number, size_t place,
                          RequestPhase space = kMeasured) {
    return from.prompt(requests_of(from, number, space)[place], style);
  };
  // Within a session turns share their beginning, also with its marker; the rest after the last
  // full block is each one's own.
  EXPECT_EQ(shared_tokens(prompt(replay, 0, 0), prompt(replay, 0, 1)), 64U);
  // The record played again, as warm-up, or in another repeat shares nothing.
  EXPECT_LT(shared_tokens(prompt(replay, 0, 2), prompt(replay, 1, 2)), 3U);
  EXPECT_LT(shared_tokens(prompt(replay, 0, 2), prompt(replay, 0, 2, kWarmUp)), 3U);
  const TraceReplay salted(staircase(3), {.content = {.salt = 1}});
  EXPECT_LT(shared_tokens(prompt(replay, 0, 2), prompt(salted, 0, 2)), 3U);
  EXPECT_EQ(requests_of(replay, 5)[2].expected_cached_tokens, 128);
  // Without markers it finds the first play's blocks, and the plan says so.
  const TraceReplay shared(staircase(3), {.cache_bust = false});
  EXPECT_EQ(shared_tokens(prompt(shared, 0, 2), prompt(shared, 1, 2)), 192U);
  EXPECT_EQ(requests_of(shared, 0)[2].expected_cached_tokens, 128);
  EXPECT_EQ(requests_of(shared, 1)[2].expected_cached_tokens, 192);
  EXPECT_EQ(requests_of(shared, 0, kWarmUp)[2].expected_cached_tokens, 128);
}

TEST(TraceReplay, IndexesGoOnFromSessionToSession) {
  Trace trace = make_agent_trace({.seed = 2, .plays = 3});
  const TraceReplay replay(trace, {.lanes = 4, .warm_up_requests = 2});
  int64_t index = 0;
  for (int64_t number = 0; number < 12; ++number) {
    for (const PlannedRequest& request : requests_of(replay, number)) {
      EXPECT_EQ(request.index, index++);
      EXPECT_EQ(request.session, number);
    }
  }
  index = 0;
  for (int64_t number = 0; number < 7; ++number) {
    for (const PlannedRequest& request : requests_of(replay, number, kWarmUp)) {
      EXPECT_EQ(request.index, index++);
      EXPECT_EQ(request.phase, kWarmUp);
    }
  }
}

TEST(TraceReplay, LanesBeginMidwayWarmedUpToThere) {
  ReplayOptions options{.lanes = 1, .start_min = 0.5, .start_max = 0.5, .warm_up_requests = 2};
  const TraceReplay replay(staircase(11), options);  // from 0 to 10 s: it begins at 5 s
  const std::vector<PlannedRequest> requests = requests_of(replay, 0);
  ASSERT_EQ(requests.size(), 7U);
  // The request before brings the cache there, two more are warm-up as asked for.
  for (size_t i = 0; i < requests.size(); ++i) {
    EXPECT_EQ(requests[i].phase, i < 3 ? kWarmUp : kMeasured) << i;
    EXPECT_EQ(requests[i].input_tokens, static_cast<int64_t>(64 * (i + 5) + 10));
    EXPECT_EQ(requests[i].expected_cached_tokens, i == 0 ? 0 : static_cast<int64_t>(64 * (i + 4)));
    EXPECT_EQ(requests[i].after_end, i == 0 ? Places{} : Places{static_cast<int>(i) - 1});
  }
  EXPECT_EQ(requests[0].delay, 0);
  // The lane's next session is played in full.
  EXPECT_EQ(requests_of(replay, 1).size(), 11U);
  EXPECT_EQ(requests_of(replay, 1)[0].phase, kMeasured);
}

TEST(TraceReplay, LanesBeginAllOverTheirRange) {
  const TraceReplay replay(staircase(401), {.lanes = 100, .start_min = 0.25, .start_max = 0.75});
  std::set<size_t> sizes;
  for (int64_t number = 0; number < 100; ++number) {
    const size_t size = requests_of(replay, number).size();
    EXPECT_GE(size, 101U);
    EXPECT_LE(size, 302U);
    sizes.insert(size);
  }
  EXPECT_GT(sizes.size(), 70U);
  EXPECT_LT(*sizes.begin(), 120U);
  EXPECT_GT(*sizes.rbegin(), 280U);
}

TEST(TraceReplay, HelpersUnderWayAtTheStartAreWarmedUpToo) {
  // A helper that runs from 1 s to the end beside its parent, and one that was done at 2 s.
  Trace trace{.name = "t", .format = "test"};
  TraceSession session;
  const auto add = [&](double at, int agent, Places after) {
    session.requests.push_back({.at = at,
                                .input_tokens = 10,
                                .output_tokens = 1,
                                .agent = agent,
                                .after_end = std::move(after)});
  };
  add(0, 0, {});
  add(1, 1, {0});
  add(2, 2, {0});
  add(3, 0, {0, 2});
  add(8, 1, {1});
  add(10, 0, {3});
  trace.sessions.push_back(session);
  const TraceReplay replay(trace, {.lanes = 1, .start_min = 0.6, .start_max = 0.6});
  const std::vector<PlannedRequest> requests = requests_of(replay, 0);
  ASSERT_EQ(requests.size(), 4U);
  EXPECT_EQ(requests[0].agent, 1);
  EXPECT_EQ(requests[0].phase, kWarmUp);
  EXPECT_EQ(requests[1].agent, 0);
  EXPECT_EQ(requests[1].phase, kWarmUp);
  EXPECT_EQ(requests[1].after_end, Places{});  // what it waited for is long done
  EXPECT_EQ(requests[2].after_end, Places{0});
  EXPECT_EQ(requests[3].after_end, Places{1});
  EXPECT_EQ(requests[3].phase, kMeasured);
}

TEST(TraceReplay, PausesAreCapped) {
  Trace trace = staircase(3);
  trace.sessions[0].requests[1].delay = 10309;
  trace.sessions[0].requests[1].at = 10310;
  trace.sessions[0].requests[2].at = 10311;
  EXPECT_EQ(requests_of(TraceReplay(trace, {}), 0)[1].delay, 300);
  EXPECT_EQ(requests_of(TraceReplay(trace, {.idle_gap_cap = 10}), 0)[1].delay, 10);
  EXPECT_EQ(requests_of(TraceReplay(trace, {.idle_gap_cap = std::nullopt}), 0)[1].delay, 10309);
  // Nor does a session begin in one: of 0, 10 and 11 s the middle is before the second.
  const TraceReplay midway(trace,
                           {.idle_gap_cap = 10, .lanes = 1, .start_min = 0.5, .start_max = 0.5});
  EXPECT_EQ(requests_of(midway, 0).size(), 3U);
}

TEST(TraceReplay, ScaledLengthsKeepWhatIsShared) {
  const TraceReplay replay(testdata("weka_excerpt.jsonl"), {.length_scale = 0.01});
  const PromptStyle style{.vocabulary = Vocabulary(0, 300)};
  const std::vector<PlannedRequest> requests = requests_of(replay, 0);
  EXPECT_EQ(requests[0].input_tokens, 6);
  EXPECT_EQ(requests[1].input_tokens, 637);
  EXPECT_EQ(requests[1].output_tokens, 4);
  EXPECT_EQ(requests[0].output_tokens, 1);
  const Prompt second = replay.prompt(requests[1], style);
  const Prompt third = replay.prompt(requests[2], style);
  EXPECT_EQ(second.tokens.size(), 637U);
  EXPECT_EQ(requests[2].expected_cached_tokens, 637);
  EXPECT_EQ(shared_tokens(second, third), 637U);
  EXPECT_EQ(parse_json(replay.describe(), "plan")["length_scale"], 0.01);
  const TraceReplay in_pages(testdata("weka_excerpt.jsonl"),
                             {.length_scale = 0.01, .cache_block = 128});
  EXPECT_EQ(requests_of(in_pages, 0)[2].expected_cached_tokens, 512);
}

TEST(TraceReplay, WhatIsBeyondTheContextIsDroppedAndCounted) {
  // Of three turns in a row the middle one is too long; the last waits for the first instead.
  Trace trace = staircase(3);
  trace.sessions[0].requests[1].input_tokens = 5000;
  trace.sessions.push_back(staircase(1).sessions[0]);
  trace.sessions[1].requests[0].output_tokens = 4096;
  const TraceReplay replay(trace, {.context_limit = 4096});
  const std::vector<PlannedRequest> requests = requests_of(replay, 0);
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[1].input_tokens, 202);
  EXPECT_EQ(requests[1].after_end, Places{0});
  EXPECT_EQ(requests[1].turn, 1);
  const auto plan = parse_json(replay.describe(), "plan");
  EXPECT_EQ(plan["dropped_beyond_context"]["requests"], 2);
  EXPECT_EQ(plan["dropped_beyond_context"]["sessions"], 1);
  EXPECT_THROW(TraceReplay(trace, {.context_limit = 50}), Error);
}

TEST(TraceReplay, GlobalBlocksAreSharedBetweenSessions) {
  const Trace trace = testdata("mooncake_head60.jsonl");
  const TraceReplay replay(trace, {.name = "mooncake", .recycles = false});
  EXPECT_EQ(replay.sessions(), 60);
  EXPECT_EQ(replay.recorded_starts().size(), 60U);
  EXPECT_DOUBLE_EQ(replay.session(59, kMeasured).starts.value(), 17.245);
  const PromptStyle style{.vocabulary = Vocabulary(0, 129280)};
  int64_t expected = 0;
  std::vector<Prompt> prompts;
  for (int64_t number = 0; number < 60; ++number) {
    const PlannedRequest request = requests_of(replay, number).at(0);
    expected += request.expected_cached_tokens;
    // No earlier prompt shares more than the plan says, and one shares just that.
    Prompt prompt = replay.prompt(request, style);
    size_t longest = 0;
    for (const Prompt& earlier : prompts) {
      longest = std::max(longest, shared_tokens(earlier, prompt));
    }
    EXPECT_EQ(static_cast<int64_t>(longest / 512 * 512), request.expected_cached_tokens);
    prompts.push_back(std::move(prompt));
  }
  EXPECT_EQ(expected, 62 * 512);
  // The next pass shares nothing with this one.
  const TraceReplay again(trace, {});
  EXPECT_LT(shared_tokens(again.prompt(requests_of(again, 0)[0], style),
                          again.prompt(requests_of(again, 60)[0], style)),
            3U);
  EXPECT_EQ(requests_of(again, 60)[0].expected_cached_tokens, 0);
}

// Sessions that begin midway leave requests out; later passes are foreseen by place all the same.
TEST(TraceReplay, GlobalBlocksAreForeseenInEveryPass) {
  Trace trace = staircase(10);
  trace.blocks_are_global = true;
  trace.sessions.push_back(staircase(4).sessions[0]);
  const TraceReplay replay(trace, {.lanes = 1, .start_min = 0.5, .start_max = 0.5});
  const auto expected = [&](int64_t number, RequestPhase space = kMeasured) {
    std::vector<int64_t> tokens;
    for (const PlannedRequest& request : requests_of(replay, number, space)) {
      tokens.push_back(request.expected_cached_tokens / 64);
    }
    return tokens;
  };
  using Blocks = std::vector<int64_t>;
  EXPECT_EQ(expected(0), (Blocks{0, 5, 6, 7, 8, 9}));
  EXPECT_EQ(expected(1), (Blocks{1, 2, 3, 4}));  // all of it was in the first
  for (const int64_t later : {2, 4}) {
    EXPECT_EQ(expected(later), (Blocks{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
    EXPECT_EQ(expected(later + 1), (Blocks{1, 2, 3, 4}));
  }
  EXPECT_EQ(expected(0, kWarmUp), (Blocks{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST(TraceReplay, SessionsArePlayedInTheOrderOfTheirStarts) {
  Trace trace = staircase(1);
  trace.sessions.push_back(staircase(2).sessions[0]);
  trace.sessions[0].starts = 5;
  trace.sessions[1].starts = 2;
  const TraceReplay replay(trace, {});
  EXPECT_EQ(replay.recorded_starts(), (std::vector<double>{2, 5}));
  EXPECT_EQ(requests_of(replay, 0).size(), 2U);
  EXPECT_EQ(replay.session(0, kMeasured).starts, 2);
  EXPECT_FALSE(replay.session(2, kMeasured).starts.has_value());
}

TEST(TraceReplay, SessionsAreProvenUnlike) {
  const TraceReplay replay(make_agent_trace({.seed = 1, .plays = 10}), {});
  PrefixProver prover;
  const PromptStyle style{.vocabulary = Vocabulary(0, 300)};
  prover.add(replay, kMeasured, 50, style, "measured");
  prover.add(replay, kWarmUp, 50, style, "warm-up");
  EXPECT_LT(prover.prove().longest_shared, 8);
  const TraceReplay shared(make_agent_trace({.seed = 1, .plays = 10}), {.cache_bust = false});
  PrefixProver of_shared;
  of_shared.add(shared, kMeasured, 11, style, "measured");
  EXPECT_THROW(of_shared.prove(), Error);
}

TEST(TraceReplay, OptionsOutOfRangeAreRefused) {
  EXPECT_THROW(TraceReplay(staircase(2), {.length_scale = 0}), Error);
  EXPECT_THROW(TraceReplay(staircase(2), {.length_scale = 2}), Error);
  EXPECT_THROW(TraceReplay(staircase(2), {.idle_gap_cap = -1}), Error);
  EXPECT_THROW(TraceReplay(staircase(2), {.start_min = 0.8, .start_max = 0.2}), Error);
  EXPECT_THROW(TraceReplay(Trace{}, {}), Error);
}

}  // namespace
}  // namespace hadal
