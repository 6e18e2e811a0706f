#include "measure/run/quick.h"

#include <algorithm>
#include <atomic>
#include <gtest/gtest.h>
#include <mutex>

#include "base/error.h"
#include "measure/run/report.h"
#include "measure/selftest/scripted_server.h"

namespace hadal {
namespace {

Endpoint quick_endpoint_of(const ScriptedServer& server) {
  return {.base = server.url(),
          .model = "scripted",
          .takes_token_ids = true,
          .takes_ignore_eos = true,
          .has_usage = true,
          .context = 512,
          .style = {.form = PromptForm::kTokens, .vocabulary = Vocabulary(100, 30000)}};
}

TEST(Quick, ClimbsUntilThroughputStopsGrowing) {
  // Serves four at a time, each answer 20 ms: more users wait.
  std::mutex mutex;
  std::vector<double> free_at(4, 0.0);
  const ScriptedServer server([&](const ScriptedRequest&) {
    const std::lock_guard lock(mutex);
    const double now = monotonic_seconds();
    double& slot = *std::min_element(free_at.begin(), free_at.end());
    const double begin = std::max(now, slot);
    slot = begin + 0.02;
    return paced_answer(16, begin - now + 0.005, 0.001, 256);
  });
  const Endpoint endpoint = quick_endpoint_of(server);
  MeasureObserver observer;
  const std::atomic<bool> stop = false;
  // Steps last two seconds at least; this takes about as long as steps are needed.
  const QuickOutcome outcome = measure_quick(endpoint, {.seconds = 9}, {}, observer, stop);
  EXPECT_EQ(outcome.workload, "256:128");
  ASSERT_GE(outcome.measured.points.size(), 2U);
  EXPECT_EQ(outcome.measured.points[0].load.concurrency, 1);
  EXPECT_EQ(outcome.measured.points[1].load.concurrency, 2);
  EXPECT_GT(outcome.verdict.users, 0);
  EXPECT_FALSE(outcome.verdict.headline.empty());
  EXPECT_FALSE(throughput_chart(outcome.measured.points).empty());
}

TEST(Quick, AServerThatFailsIsSaidToFail) {
  const ScriptedServer server([](const ScriptedRequest&) {
    return ScriptedAnswer{.status = 500,
                          .content_type = "application/json",
                          .events = {{.bytes = std::make_shared<const std::string>(
                                          R"({"error":{"message":"out of memory"}})")}}};
  });
  const Endpoint endpoint = quick_endpoint_of(server);
  MeasureObserver observer;
  const std::atomic<bool> stop = false;
  try {
    measure_quick(endpoint, {.seconds = 5}, {}, observer, stop);
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("out of memory"), std::string::npos);
  }
}

TEST(Quick, AServerThatDiesLeavesAPartialRun) {
  const ScriptedServer server([](const ScriptedRequest& request) {
    ScriptedAnswer answer = paced_answer(16, 0.05, 0.001, 256);
    // Long enough for the first step, and then never again.
    if (request.index > 40) answer.status = 503;
    return answer;
  });
  const Endpoint endpoint = quick_endpoint_of(server);
  MeasureObserver observer;
  const std::atomic<bool> stop = false;
  const QuickOutcome outcome = measure_quick(endpoint, {.seconds = 6}, {}, observer, stop);
  EXPECT_EQ(outcome.measured.state, RunState::kPartial);
  EXPECT_NE(outcome.measured.reason.find("503"), std::string::npos) << outcome.measured.reason;
}

}  // namespace
}  // namespace hadal
