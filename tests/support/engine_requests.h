// For tests of the engine: the built-in model, requests to it, and what they come to.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "checkpoint/v4/checkpoint.h"
#include "engine/engine.h"
#include "engine/event_queue.h"
#include "support/source_dir.h"

namespace hadal::test {

inline const Checkpoint& nano() {
  static const Checkpoint checkpoint = Checkpoint::open(test::source_path("models/nano"));
  return checkpoint;
}

// Ids that any vocabulary has; what they spell does not matter.
inline std::vector<int32_t> make_prompt(int tokens, int salt = 0) {
  std::vector<int32_t> prompt{0};
  for (int i = 1; i < tokens; ++i) {
    prompt.push_back(300 + (i * 37 + i * i % 11 * salt + salt * 101) % 1500);
  }
  return prompt;
}

inline GenerateRequest greedy(std::vector<int32_t> prompt, int max_tokens) {
  return {.prompt = std::move(prompt), .sampling = {.temperature = 0}, .max_tokens = max_tokens};
}

struct Outcome {
  std::vector<int32_t> tokens;
  std::vector<TokenLogprobs> logprobs;         // of the tokens that have some
  std::vector<TokenLogprobs> prompt_logprobs;  // where they were asked for
  FinishEvent finish;
};

struct Pending {
  std::shared_ptr<EventQueue> queue = std::make_shared<EventQueue>();
  RequestHandle handle;

  Outcome wait() const {
    Outcome outcome;
    for (;;) {
      const GenerateEvent event = queue->pop();
      if (const auto* finish = std::get_if<FinishEvent>(&event)) {
        outcome.finish = *finish;
        return outcome;
      }
      if (const auto* prompt = std::get_if<PromptEvent>(&event)) {
        outcome.prompt_logprobs = prompt->logprobs;
        continue;
      }
      const auto& token = std::get<TokenEvent>(event);
      outcome.tokens.push_back(token.token);
      if (token.logprobs) outcome.logprobs.push_back(*token.logprobs);
    }
  }
};

inline Pending submit(Engine& engine, GenerateRequest request) {
  Pending pending;
  pending.handle =
      engine.submit(std::move(request),
                    [queue = pending.queue](const GenerateEvent& event) { queue->push(event); });
  return pending;
}

inline Outcome run(Engine& engine, GenerateRequest request) {
  return submit(engine, std::move(request)).wait();
}

}  // namespace hadal::test
