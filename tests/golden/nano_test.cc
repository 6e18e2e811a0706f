// nano, the built-in model: it was trained, so an engine with a wrong window, sink or scale answers
// nonsense. Greedy answers of its README, and its MTP block against the main head.
#include <algorithm>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/thread_pool.h"
#include "cache/block_pool.h"
#include "chat/chat_encoding.h"
#include "chat/openai_messages.h"
#include "engine/evaluate.h"
#include "golden_case.h"
#include "model/v4/v4_model.h"
#include "support/source_dir.h"
#include "text/tokenizer.h"

namespace hadal {
namespace {

constexpr const char* kNotes =
    "Here are my notes. The code for the blue door is 4821. Anna lives in Lisbon. We drank tea and "
    "talked for an hour. The key is under the stairs. Victor has a white owl. The meeting with "
    "Rosa "
    "is on Friday.";

size_t argmax(std::span<const float> row) {
  return static_cast<size_t>(std::max_element(row.begin(), row.end()) - row.begin());
}

struct Answer {
  std::vector<int32_t> ids;  // prompt and answer, the end of sentence included
  size_t prompt_tokens = 0;
  std::string text;  // without the end of sentence
};

class Nano : public testing::TestWithParam<ActivationPolicy> {
 protected:
  Nano()
      : directory_(test::source_path("models/nano")),
        checkpoint_(Checkpoint::open(directory_)),
        tokenizer_(Tokenizer::load(directory_ / "tokenizer.json")),
        model_(checkpoint_, threads_, {.activations = GetParam()}) {}

  Answer answer(const std::string& question, ThinkingMode mode) {
    const nlohmann::ordered_json messages = {{{"role", "user"}, {"content", question}}};
    Answer answer;
    answer.ids = tokenize_prompt(
        tokenizer_, encode_chat_pieces(read_openai_messages(messages), {.thinking_mode = mode}));
    answer.prompt_tokens = answer.ids.size();
    constexpr size_t kMostTokens = 120;
    const CacheLayout& layout = model_.cache_layout();
    const int capacity = static_cast<int>(answer.prompt_tokens + kMostTokens);
    BlockPool pool(layout.block_bytes, blocks_for_sequence(layout, capacity));
    SequenceCache cache;
    EXPECT_TRUE(reserve_sequence(pool, layout, capacity, cache));
    Step step;
    size_t computed = 0;
    const auto vocab = static_cast<size_t>(model_.config().vocab_size);
    while (answer.ids.size() < answer.prompt_tokens + kMostTokens) {
      const BatchEntry entry{
          .cache = &cache, .tokens = std::span(answer.ids).subspan(computed), .logit_rows = 1};
      computed = answer.ids.size();
      const StepPlanner plan_memory = make_step_plan({&entry, 1}, layout);
      const StepPlan& plan = plan_memory.plan();
      model_.forward(plan, pool.view(), step);
      model_.commit(plan, 0, plan.rows, pool.view(), step, cache);
      answer.ids.push_back(static_cast<int32_t>(argmax({step.logits.data(), vocab})));
      if (answer.ids.back() == model_.config().eos_token) break;
    }
    const auto generated = std::span(answer.ids).subspan(answer.prompt_tokens);
    answer.text = tokenizer_.decode(generated.first(generated.size() - 1));
    return answer;
  }

  std::filesystem::path directory_;
  Checkpoint checkpoint_;
  Tokenizer tokenizer_;
  ThreadPool threads_{2};
  V4Model model_;
};

TEST_P(Nano, RecallsFactsFromNotes) {
  EXPECT_EQ(
      answer(std::string(kNotes) + " What is the code for the blue door?", ThinkingMode::kChat)
          .text,
      "The code for the blue door is 4821.");
  EXPECT_EQ(
      answer(std::string(kNotes) + "\n\nWhat pet does Victor have?", ThinkingMode::kThinking).text,
      "The notes say: Victor has a white owl.</think>Victor has a white owl.");
}

// The MTP block sees the streams of token i and token i + 1 and must foresee what the main head
// will say after token i + 1.
TEST_P(Nano, MtpAgreesWithTheMainHead) {
  const std::vector<std::pair<std::string, ThinkingMode>> questions = {
      {std::string(kNotes) + " What is the code for the blue door?", ThinkingMode::kChat},
      {std::string(kNotes) + "\n\nWhat pet does Victor have?", ThinkingMode::kThinking},
      {std::string(kNotes) + " Where does Anna live?", ThinkingMode::kChat},
      {std::string(kNotes) + " When is the meeting with Rosa?", ThinkingMode::kThinking},
      {std::string(kNotes) + " Where can I find the key?", ThinkingMode::kChat},
      {kNotes, ThinkingMode::kChat},
      {"Hello!", ThinkingMode::kChat},
      {"What is 12 plus 30?", ThinkingMode::kThinking},
      {"What is 47 plus 25?", ThinkingMode::kThinking},
      {"What is 305 plus 118?", ThinkingMode::kThinking},
      {"Who are you?", ThinkingMode::kChat},
  };
  size_t tokens = 0;
  size_t agreeing = 0;
  const auto vocab = static_cast<size_t>(model_.config().vocab_size);
  for (const auto& [question, mode] : questions) {
    const Answer given = answer(question, mode);
    const SequenceLogits logits = evaluate_logits(model_, given.ids, {.mtp = true});
    // Row i of MTP and row i + 1 of the main head both predict token i + 2.
    for (size_t i = given.prompt_tokens - 1; i + 2 < given.ids.size(); ++i) {
      const auto main = std::span(logits.logits).subspan((i + 1) * vocab, vocab);
      const auto mtp = std::span(logits.mtp_logits).subspan(i * vocab, vocab);
      ++tokens;
      agreeing += argmax(main) == argmax(mtp);
    }
  }
  const double share = static_cast<double>(agreeing) / static_cast<double>(tokens);
  RecordProperty("tokens", std::to_string(tokens));
  RecordProperty("agreement", std::to_string(share));
  EXPECT_GT(tokens, 150U);
  EXPECT_GE(share, 0.95);
}

INSTANTIATE_TEST_SUITE_P(Policies, Nano,
                         testing::Values(ActivationPolicy::kFp8, ActivationPolicy::kInt8),
                         [](const auto& policy) {
                           return policy.param == ActivationPolicy::kFp8 ? "fp8" : "int8";
                         });

}  // namespace
}  // namespace hadal
