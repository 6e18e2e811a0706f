// Guesses change how fast an answer comes, never what it says.
#include "engine/drafter.h"

#include <filesystem>
#include <gtest/gtest.h>
#include <memory>
#include <random>
#include <utility>
#include <variant>
#include <vector>

#include "checkpoint/v4/checkpoint.h"
#include "engine/engine.h"
#include "engine/event_queue.h"

namespace hadal {
namespace {

const Checkpoint& nano() {
  static const Checkpoint checkpoint =
      Checkpoint::open(std::filesystem::path(HADAL_SOURCE_DIR) / "models" / "nano");
  return checkpoint;
}

struct Outcome {
  std::vector<int32_t> tokens;
  std::vector<std::vector<double>> logprobs;
  FinishReason reason = FinishReason::kError;
  int completion_tokens = 0;

  bool operator==(const Outcome&) const = default;
};

std::shared_ptr<EventQueue> submit(Engine& engine, GenerateRequest request) {
  auto queue = std::make_shared<EventQueue>();
  engine.submit(std::move(request), [queue](const GenerateEvent& event) { queue->push(event); });
  return queue;
}

Outcome collect(EventQueue& queue) {
  Outcome outcome;
  for (;;) {
    const GenerateEvent event = queue.pop();
    if (const auto* finish = std::get_if<FinishEvent>(&event)) {
      outcome.reason = finish->reason;
      outcome.completion_tokens = finish->completion_tokens;
      return outcome;
    }
    const auto& token = std::get<TokenEvent>(event);
    outcome.tokens.push_back(token.token);
    auto& values = outcome.logprobs.emplace_back();
    if (!token.logprobs) continue;
    values.push_back(token.logprobs->logprob);
    for (const TokenLogprob& top : token.logprobs->top) values.push_back(top.logprob);
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

  static constexpr size_t kPromptTokens = 40;

 private:
  std::vector<int32_t> answer_;
  int most_;
  std::mt19937 random_{3};
};

GenerateRequest request_with(const SamplingOptions& sampling, int max_tokens) {
  GenerateRequest request;
  request.prompt = {0};
  for (size_t i = 1; i < Recital::kPromptTokens; ++i) {
    request.prompt.push_back(static_cast<int32_t>(300 + i * 37 % 1500));
  }
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
  const Outcome expected = collect(*submit(alone, request));
  ASSERT_EQ(expected.tokens.size(), 60U);

  for (const int most : {1, 4}) {
    Engine guessing(nano(), {.threads = 2, .make_drafter = [&] {
                               return std::make_unique<Recital>(expected.tokens, most);
                             }});
    std::vector<std::shared_ptr<EventQueue>> queues;
    for (int i = 0; i < 3; ++i) queues.push_back(submit(guessing, request));
    for (const auto& queue : queues) EXPECT_EQ(collect(*queue), expected);
    const EngineStatistics statistics = guessing.statistics();
    EXPECT_GT(statistics.kept_drafts, 30);
    EXPECT_GT(statistics.drafted_tokens, statistics.kept_drafts);
    EXPECT_LT(statistics.steps, 3 * 60);

    request.stop_tokens = {expected.tokens[37]};
    EXPECT_EQ(collect(*submit(guessing, request)), collect(*submit(alone, request)));
    request.stop_tokens = {};
    for (const int limit : {1, 2, 5, 6}) {
      request.max_tokens = limit;
      EXPECT_EQ(collect(*submit(guessing, request)), collect(*submit(alone, request)));
    }
    request.max_tokens = 60;
  }
}

TEST(Drafter, WithoutOneNothingIsDrafted) {
  Engine engine(nano(), {.threads = 1});
  collect(*submit(engine, request_with({.temperature = 0}, 5)));
  EXPECT_EQ(engine.statistics().drafted_tokens, 0);
}

}  // namespace
}  // namespace hadal
