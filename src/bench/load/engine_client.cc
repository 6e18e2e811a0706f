#include "bench/load/engine_client.h"

#include <fstream>
#include <string>
#include <utility>
#include <variant>

#include "bench/random_bits.h"
#include "checkpoint/v4/config.h"

namespace hadal {

std::vector<int32_t> made_up_prompt(const ModelConfig& config, int tokens, uint64_t text) {
  const auto vocab = static_cast<uint64_t>(config.vocab_size);
  const uint64_t begin = scrambled(text);
  std::vector<int32_t> prompt(static_cast<size_t>(tokens));
  for (size_t i = 0; i < prompt.size(); ++i) {
    prompt[i] = static_cast<int32_t>(scrambled(begin + i) % vocab);
  }
  return prompt;
}

GenerateRequest made_up_request(std::vector<int32_t> prompt, int answer_tokens, uint64_t seed) {
  return {.prompt = std::move(prompt),
          .sampling = {.temperature = 1, .seed = seed},
          .max_tokens = answer_tokens};
}

PendingAnswer::PendingAnswer(Engine& engine, GenerateRequest request)
    : handle_(engine.submit(std::move(request),
                            [queue = queue_](const GenerateEvent& event) { queue->push(event); })) {
}

void PendingAnswer::take(const GenerateEvent& event) {
  if (const auto* finish = std::get_if<FinishEvent>(&event)) {
    answer_.finish = *finish;
    finished_ = true;
    return;
  }
  answer_.tokens.push_back(std::get<TokenEvent>(event).token);
}

bool PendingAnswer::poll() {
  wait(std::chrono::milliseconds(0));
  return finished_;
}

void PendingAnswer::wait(std::chrono::milliseconds patience) {
  while (!finished_) {
    const std::optional<GenerateEvent> event = queue_->pop_for(patience);
    if (!event) return;
    take(*event);
    patience = std::chrono::milliseconds(0);
  }
}

EngineAnswer PendingAnswer::finish() {
  while (!finished_) take(queue_->pop());
  if (answer_.finish.error) throw Error(*answer_.finish.error);
  return std::move(answer_);
}

size_t anonymous_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word != "RssAnon:") continue;
    size_t kibibytes = 0;
    status >> kibibytes;
    return kibibytes * 1024;
  }
  return 0;
}

}  // namespace hadal
