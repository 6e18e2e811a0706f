#include "measure/workload/conversations.h"

#include <algorithm>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "json/python_json.h"

namespace hadal {
namespace {

using RequestPhase::kMeasured;

size_t shared_tokens(const Prompt& a, const Prompt& b) {
  const auto differ =
      std::mismatch(a.tokens.begin(), a.tokens.end(), b.tokens.begin(), b.tokens.end());
  return static_cast<size_t>(differ.first - a.tokens.begin());
}

TEST(Conversations, EachTurnSendsAllThatWasSaid) {
  const Conversations workload({.turns = {.low = 4, .high = 4}});
  const PlannedSession session = workload.session(3, kMeasured);
  ASSERT_EQ(session.requests.size(), 4U);
  const PromptStyle style;
  Prompt before;
  int64_t context = 1024;
  for (size_t i = 0; i < session.requests.size(); ++i) {
    const PlannedRequest& request = session.requests[i];
    const Prompt prompt = workload.prompt(request, style);
    EXPECT_EQ(static_cast<int64_t>(prompt.tokens.size()), request.input_tokens);
    const int64_t said = request.input_tokens - context;
    EXPECT_TRUE(said >= 64 && said <= 256) << said;
    context = request.input_tokens + request.output_tokens;
    if (i == 0) {
      EXPECT_EQ(request.expected_cached_tokens, 1024);  // the system prompt, from session 0
      EXPECT_TRUE(request.after_end.empty());
    } else {
      EXPECT_EQ(request.expected_cached_tokens, session.requests[i - 1].input_tokens);
      EXPECT_EQ(shared_tokens(before, prompt), before.tokens.size());
      EXPECT_EQ(request.after_end, std::vector<int>{static_cast<int>(i) - 1});
      EXPECT_TRUE(request.delay >= 1 && request.delay <= 10);
    }
    before = prompt;
  }
}

TEST(Conversations, SystemPromptsAreSharedByTurns) {
  const Conversations workload({.system_prompts = 2});
  const PromptStyle style{.vocabulary = Vocabulary(0, 129280)};
  const auto first = [&](int64_t number, RequestPhase space = kMeasured) {
    return workload.prompt(workload.session(number, space).requests[0], style);
  };
  EXPECT_EQ(shared_tokens(first(0), first(2)), 1024U);
  EXPECT_EQ(shared_tokens(first(0), first(1)), 0U);
  EXPECT_EQ(workload.session(1, kMeasured).requests[0].expected_cached_tokens, 0);
  EXPECT_EQ(workload.session(2, kMeasured).requests[0].expected_cached_tokens, 1024);
  // The warm-up has system prompts of its own.
  EXPECT_EQ(shared_tokens(first(0), first(0, RequestPhase::kWarmUp)), 0U);
  const Conversations own({.system_prompts = 0});
  EXPECT_EQ(own.session(9, kMeasured).requests[0].expected_cached_tokens, 0);
}

TEST(Conversations, MessagesAlternate) {
  const Conversations workload({.turns = {.low = 3, .high = 3}});
  const Prompt prompt =
      workload.prompt(workload.session(0, kMeasured).requests[2], {.form = PromptForm::kMessages});
  ASSERT_EQ(prompt.messages.size(), 6U);
  EXPECT_EQ(prompt.messages[0].role, "system");
  EXPECT_EQ(prompt.messages[4].role, "assistant");
  EXPECT_EQ(prompt.messages[5].role, "user");
}

TEST(Conversations, EndBeforeTheContextDoes) {
  const Conversations workload({.turns = {.low = 50, .high = 50}, .context_limit = 4096});
  for (int64_t number = 0; number < 50; ++number) {
    const PlannedSession session = workload.session(number, kMeasured);
    EXPECT_GE(session.requests.size(), 6U);
    EXPECT_LE(session.requests.back().input_tokens + session.requests.back().output_tokens, 4096);
  }
  EXPECT_THROW(Conversations({.context_limit = 1200}), Error);
}

TEST(Conversations, RangesThatAreNoneAreRefused) {
  EXPECT_THROW(Conversations({.turns = {.low = 0, .high = 3}}), Error);
  EXPECT_THROW(Conversations({.user_tokens = {.low = 9, .high = 3}}), Error);
  EXPECT_THROW(Conversations({.think = {.low = 3, .high = 1}}), Error);
  EXPECT_THROW(Conversations({.system_tokens = -1}), Error);
}

TEST(Conversations, DescribesItsResolvedPlan) {
  const auto plan = parse_json(Conversations({.sessions = 12}).describe(), "plan");
  EXPECT_EQ(plan["sessions"], 12);
  EXPECT_EQ(plan["turns"], (std::vector<int>{2, 6}));
}

}  // namespace
}  // namespace hadal
