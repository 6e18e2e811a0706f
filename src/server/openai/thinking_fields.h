// Whether and how hard a request wants the model to think, in the spellings of OpenAI, DeepSeek,
// OpenRouter, vLLM and Qwen's users. Fields that contradict each other are refused.
#pragma once

#include "chat/chat_encoding.h"
#include "json/unknown_fields.h"

namespace hadal {

struct ThinkingRequest {
  ChatOptions options;
  bool hides_reasoning = false;  // the answer leaves it out
};

// Of thinking, enable_thinking, reasoning, reasoning_effort, include_reasoning and
// chat_template_kwargs. Without any of them the model answers at once. `efforts`: of the model.
ThinkingRequest read_thinking(const Fields& body, ReasoningEfforts efforts, UnknownFields& unknown);

}  // namespace hadal
