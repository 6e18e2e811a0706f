// Requests to an engine in this process, as the measurements of hadal bench engine and the soak
// make them: prompts of made-up tokens, answers of a fixed length, waited for.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/engine.h"
#include "engine/event_queue.h"

namespace hadal {

// `tokens` ids below the model's vocabulary; the same arguments give the same ids, and prompts with
// one `text` begin alike.
std::vector<int32_t> made_up_prompt(const ModelConfig& config, int tokens, uint64_t text);

// Sampled at temperature 1 with this seed; no token ends the answer early.
GenerateRequest made_up_request(std::vector<int32_t> prompt, int answer_tokens, uint64_t seed);

struct EngineAnswer {
  std::vector<int32_t> tokens;
  FinishEvent finish;
};

class PendingAnswer {
 public:
  PendingAnswer(Engine& engine, GenerateRequest request);

  void cancel() const { handle_.cancel(); }
  // Takes in what has come; true once the answer is complete.
  bool poll();
  // Waits for the next event, for a while.
  void wait(std::chrono::milliseconds patience);
  // Waits for the end. Throws the error that ended it, if one did.
  EngineAnswer finish();
  const EngineAnswer& so_far() const { return answer_; }

 private:
  void take(const GenerateEvent& event);

  std::shared_ptr<EventQueue> queue_ = std::make_shared<EventQueue>();
  RequestHandle handle_;
  EngineAnswer answer_;
  bool finished_ = false;
};

// Private memory of this process that is no file's, in bytes; 0 where the system does not tell.
size_t anonymous_memory();

}  // namespace hadal
