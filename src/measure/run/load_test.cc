// Loads against a server whose every act is known.
#include "measure/run/load.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <mutex>
#include <set>

#include "base/error.h"
#include "measure/client/http_loop.h"
#include "measure/selftest/scripted_server.h"
#include "measure/workload/fixed_lengths.h"

namespace hadal {
namespace {

Endpoint loaded_endpoint_of(const ScriptedServer& server) {
  return {.base = server.url(),
          .model = "scripted",
          .takes_token_ids = true,
          .takes_ignore_eos = true,
          .has_usage = true,
          .has_continuous_usage = false,
          .style = {.form = PromptForm::kTokens, .vocabulary = Vocabulary(100, 1000)}};
}

FixedLengths small_prompts() { return FixedLengths({.shape = parse_length_shape("16:4")}); }

PointSamples closed_loop(const ScriptedServer& server, int64_t sessions, int concurrency) {
  const Endpoint endpoint = loaded_endpoint_of(server);
  const FixedLengths workload = small_prompts();
  LoadGenerator generator(endpoint, 1);
  return generator
      .run({.workload = &workload, .sessions = sessions, .concurrency = concurrency}, {})
      .samples;
}

TEST(Load, AClosedLoopKeepsSoManyInFlightAndSendsEachOnce) {
  std::mutex mutex;
  std::set<std::string> bodies;
  const ScriptedServer server([&](const ScriptedRequest& request) {
    const std::lock_guard lock(mutex);
    bodies.insert(request.body);
    return paced_answer(4, 0.005, 0.002, 16);
  });
  const Endpoint endpoint = loaded_endpoint_of(server);
  const FixedLengths workload = small_prompts();
  for (const int threads : {1, 3, 16}) {
    bodies.clear();
    LoadGenerator generator(endpoint, threads);
    const auto [samples, was_cut, gave_up, origin] =
        generator.run({.workload = &workload, .sessions = 40, .concurrency = 8}, {});
    EXPECT_FALSE(was_cut);
    EXPECT_FALSE(gave_up);
    ASSERT_EQ(samples.requests.size(), 40U);
    ASSERT_EQ(samples.events.size(), 40U);
    EXPECT_EQ(bodies.size(), 40U) << "every prompt is new";
    // How many were in flight at each sending.
    size_t most = 0;
    for (const RequestRecord& request : samples.requests) {
      EXPECT_EQ(request.outcome, RequestOutcome::kOk) << request.failure_text;
      EXPECT_FALSE(request.planned) << "nothing is planned in time under a closed loop";
      const auto in_flight =
          std::count_if(samples.requests.begin(), samples.requests.end(), [&](const auto& other) {
            return other.sent <= request.sent && request.sent < other.ended;
          });
      most = std::max(most, static_cast<size_t>(in_flight));
    }
    EXPECT_EQ(most, 8U);
  }
}

TEST(Load, AnOpenLoopSendsAtThePlannedInstantsWhateverTheServerDoes) {
  // A server that answers nothing until all have been sent.
  const ScriptedServer server([](const ScriptedRequest&) { return paced_answer(1, 0.3, 0); });
  const Endpoint endpoint = loaded_endpoint_of(server);
  const FixedLengths workload = small_prompts();
  LoadGenerator generator(endpoint, 2);
  std::vector<double> arrivals;
  for (int i = 0; i < 20; ++i) arrivals.push_back(0.01 * i);
  const PointSamples samples =
      generator.run({.workload = &workload, .sessions = 20, .arrivals = arrivals}, {}).samples;
  ASSERT_EQ(samples.requests.size(), 20U);
  std::multiset<double> planned;
  for (const RequestRecord& request : samples.requests) {
    ASSERT_TRUE(request.planned);
    planned.insert(*request.planned);
    EXPECT_GE(request.sent, *request.planned);
  }
  EXPECT_EQ(planned, std::multiset<double>(arrivals.begin(), arrivals.end()));
  ASSERT_TRUE(samples.client.schedule_delay_p99);
}

TEST(Load, ACutKeepsWhatIsDoneAndMarksTheRest) {
  const ScriptedServer server([](const ScriptedRequest& request) {
    ScriptedAnswer answer = paced_answer(2, 0, 0);
    if (request.index >= 10) answer.events[1].after = 1000;
    return answer;
  });
  const Endpoint endpoint = loaded_endpoint_of(server);
  const FixedLengths workload = small_prompts();
  LoadGenerator generator(endpoint, 1);
  const auto outcome = generator.run(
      {.workload = &workload, .sessions = 1000, .concurrency = 4},
      {.enough = [](const PointSamples& samples) { return samples.requests.size() >= 10; }});
  EXPECT_TRUE(outcome.was_cut);
  std::map<RequestOutcome, int> counts;
  for (const RequestRecord& request : outcome.samples.requests) ++counts[request.outcome];
  EXPECT_EQ(counts[RequestOutcome::kOk], 10);
  EXPECT_EQ(counts[RequestOutcome::kCancelled], 4);
  EXPECT_EQ(counts[RequestOutcome::kFailed], 0);
  // Timers and sessions of the cut load leave the next one alone.
  const auto next = generator.run({.workload = &workload, .sessions = 0, .concurrency = 4}, {});
  EXPECT_TRUE(next.samples.requests.empty());
}

TEST(Load, AServerThatIsGoneEndsTheLoad) {
  std::string url;
  {
    const ScriptedServer server([](const ScriptedRequest&) { return paced_answer(1, 0, 0); });
    url = server.url();
  }
  const ScriptedServer other([](const ScriptedRequest&) { return paced_answer(1, 0, 0); });
  Endpoint endpoint = loaded_endpoint_of(other);
  endpoint.base = url;
  const FixedLengths workload = small_prompts();
  LoadGenerator generator(endpoint, 1);
  const auto outcome =
      generator.run({.workload = &workload, .sessions = 100'000, .concurrency = 8}, {});
  EXPECT_TRUE(outcome.gave_up);
  ASSERT_FALSE(outcome.samples.requests.empty());
  EXPECT_EQ(outcome.samples.requests[0].failure, "connect");
}

TEST(Load, ARefusingServerIsAskedAgainWhenItSays) {
  const ScriptedServer server([](const ScriptedRequest& request) {
    if (request.index == 0) {
      return ScriptedAnswer{.status = 429,
                            .content_type = "application/json",
                            .headers = {"Retry-After: 1"},
                            .events = {{.bytes = std::make_shared<const std::string>("{}")}}};
    }
    return paced_answer(1, 0, 0);
  });
  const PointSamples samples = closed_loop(server, 2, 1);
  ASSERT_EQ(samples.requests.size(), 2U);
  EXPECT_EQ(samples.requests[0].failure, "http_429");
  EXPECT_EQ(samples.requests[1].outcome, RequestOutcome::kOk);
  EXPECT_GE(samples.requests[1].sent, samples.requests[0].ended + 1);
}

TEST(Load, DoneEndsAnAnswerWhateverTheServerDoesAfterIt) {
  const ScriptedServer server([](const ScriptedRequest&) {
    ScriptedAnswer answer = paced_answer(2, 0, 0);
    answer.end = ScriptedEnd::kSilence;
    return answer;
  });
  const PointSamples samples = closed_loop(server, 6, 2);
  ASSERT_EQ(samples.requests.size(), 6U);
  for (const RequestRecord& request : samples.requests) {
    EXPECT_EQ(request.outcome, RequestOutcome::kOk) << request.failure;
    EXPECT_FALSE(request.done_missing);
  }
}

TEST(Load, WhatFollowsDoneIsNobodysAnswer) {
  const ScriptedServer server([](const ScriptedRequest&) {
    ScriptedAnswer answer = paced_answer(2, 0, 0);
    const ScriptedAnswer more = paced_answer(9, 0, 0);
    answer.events.insert(answer.events.end(), more.events.begin(), more.events.end());
    return answer;
  });
  const PointSamples samples = closed_loop(server, 1, 1);
  ASSERT_EQ(samples.requests.size(), 1U);
  EXPECT_EQ(samples.requests[0].outcome, RequestOutcome::kOk);
  EXPECT_EQ(samples.events[0].size(), 2U);
  EXPECT_EQ(samples.requests[0].output_tokens, 2);
}

TEST(Load, AnAnswerWithoutEndIsCutOff) {
  const ScriptedServer server([](const ScriptedRequest&) { return paced_answer(100'000, 0, 0); });
  const PointSamples samples = closed_loop(server, 1, 1);
  ASSERT_EQ(samples.requests.size(), 1U);
  EXPECT_EQ(samples.requests[0].failure, "too_long");
  EXPECT_LT(samples.events[0].size(), 200U) << "four tokens were asked for";
}

TEST(Load, BatchesAndProgressTellEverything) {
  const ScriptedServer server([](const ScriptedRequest&) { return paced_answer(3, 0.01, 0.01); });
  const Endpoint endpoint = loaded_endpoint_of(server);
  const FixedLengths workload = small_prompts();
  LoadGenerator generator(endpoint, 1);
  size_t batched = 0;
  LoadProgress last;
  generator.run({.workload = &workload, .sessions = 30, .concurrency = 3},
                {.progress = [&](const LoadProgress& progress) { last = progress; },
                 .batch = [&](const LoadBatch& batch) { batched += batch.requests.size(); }});
  EXPECT_EQ(batched, 30U);
  EXPECT_EQ(last.ok, 30);
  EXPECT_EQ(last.expected, 30);
  EXPECT_EQ(last.output_tokens, 90);
}

TEST(Load, MoreConnectionsThanFilesAreRefused) {
  const ScriptedServer server([](const ScriptedRequest&) { return paced_answer(1, 0, 0); });
  const Endpoint endpoint = loaded_endpoint_of(server);
  const FixedLengths workload = small_prompts();
  LoadGenerator generator(endpoint, 1);
  EXPECT_THROW(
      generator.run({.workload = &workload, .sessions = 1, .concurrency = 100'000'000}, {}), Error);
}

}  // namespace
}  // namespace hadal
