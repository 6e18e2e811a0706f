// Guesses change how fast an answer comes, never what it says.
#include "engine/drafter.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "support/engine_requests.h"

namespace hadal {
namespace {

using test::make_prompt;
using test::nano;
using test::Outcome;
using test::Pending;
using test::run;
using test::submit;

void expect_same(const Outcome& actual, const Outcome& expected) {
  EXPECT_EQ(actual.tokens, expected.tokens);
  EXPECT_EQ(actual.finish.reason, expected.finish.reason);
  EXPECT_EQ(actual.finish.completion_tokens, expected.finish.completion_tokens);
  ASSERT_EQ(actual.logprobs.size(), expected.logprobs.size());
  for (size_t i = 0; i < expected.logprobs.size(); ++i) {
    EXPECT_EQ(actual.logprobs[i].logprob, expected.logprobs[i].logprob) << i;
    EXPECT_TRUE(std::ranges::equal(actual.logprobs[i].top, expected.logprobs[i].top, {},
                                   &TokenLogprob::logprob, &TokenLogprob::logprob))
        << i;
  }
}

// Knows an answer by heart, and is wrong now and then.
class Recital final : public Drafter {
 public:
  Recital(std::vector<int32_t> answer, int most) : answer_(std::move(answer)), most_(most) {}

  int most_drafts() const override { return most_; }
  std::vector<int32_t> propose(const DraftRequest& request) override {
    if (request.tokens.size() < kPromptTokens) return {};
    std::vector<int32_t> drafts;
    for (size_t i = request.tokens.size() - kPromptTokens; i < answer_.size(); ++i) {
      if (drafts.size() == static_cast<size_t>(request.most)) break;
      drafts.push_back(random_() % 4 == 0 ? 5 : answer_[i]);
    }
    return drafts;
  }
  void observe(const DraftOutcome& outcome) override { EXPECT_LE(outcome.kept, outcome.proposed); }
  void forget(int64_t) override {}

  static constexpr int kPromptTokens = 40;

 private:
  std::vector<int32_t> answer_;
  int most_;
  std::mt19937 random_{3};
};

GenerateRequest request_with(const SamplingOptions& sampling, int max_tokens) {
  GenerateRequest request;
  request.prompt = make_prompt(Recital::kPromptTokens);
  request.sampling = sampling;
  request.max_tokens = max_tokens;
  return request;
}

// The options that look at earlier tokens of the answer, log-probabilities, and a stop token that
// comes among the drafts.
TEST(Drafter, AnswersAreTheSameToTheBit) {
  const SamplingOptions sampling{.temperature = 1.1F,
                                 .top_p = 0.95F,
                                 .repetition_penalty = 1.1F,
                                 .frequency_penalty = 0.3F,
                                 .top_logprobs = 2,
                                 .seed = 4};
  GenerateRequest request = request_with(sampling, 60);
  Engine alone(nano(), {.threads = 1});
  const Outcome expected = run(alone, request);
  ASSERT_EQ(expected.tokens.size(), 60U);

  for (const int most : {1, 4}) {
    Engine guessing(nano(), {.threads = 2, .make_drafter = [&] {
                               return std::make_unique<Recital>(expected.tokens, most);
                             }});
    std::vector<Pending> pending;
    for (int i = 0; i < 3; ++i) pending.push_back(submit(guessing, request));
    for (const Pending& one : pending) expect_same(one.wait(), expected);
    const EngineStatistics statistics = guessing.statistics();
    EXPECT_GT(statistics.speculation.accepted_tokens, 30);
    EXPECT_GT(statistics.speculation.draft_tokens, statistics.speculation.accepted_tokens);
    EXPECT_LT(statistics.steps, 3 * 60);

    request.stop_tokens = {expected.tokens[37]};
    expect_same(run(guessing, request), run(alone, request));
    request.stop_tokens = {};
    for (const int limit : {1, 2, 5, 6}) {
      request.max_tokens = limit;
      expect_same(run(guessing, request), run(alone, request));
    }
    request.max_tokens = 60;
  }
}

TEST(Drafter, WithoutOneNothingIsDrafted) {
  Engine engine(nano(), {.threads = 1});
  run(engine, request_with({.temperature = 0}, 5));
  EXPECT_EQ(engine.statistics().speculation.draft_tokens, 0);
}

}  // namespace
}  // namespace hadal
