// A conversation with a model: the messages so far, and one turn after the other through the
// engine. Shows nothing; events go to the caller.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "chat/chat_messages.h"
#include "chat/turn.h"

namespace hadal {

struct ConversationOptions {
  ChatOptions chat;  // thinking mode and effort
  SamplingOptions sampling;
  int max_tokens = 0;       // of one answer; 0: as many as the context holds
  std::string system = {};  // empty: no system message
};

class Conversation {
 public:
  // Both must outlive the conversation.
  Conversation(Engine& engine, const Tokenizer& tokenizer, ConversationOptions options);
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;

  // Says `text` (UTF-8) to the model. The answer becomes part of the conversation, as far as it
  // came when it was interrupted; a turn that gave nothing or threw leaves no trace. Throws Error.
  ChatResult say(const std::string& text,
                 const std::function<void(const CompletionEvent&)>& on_event,
                 const std::atomic<bool>* interrupted);

  // Forgets everything but the system message.
  void reset();

 private:
  Engine& engine_;
  const Tokenizer& tokenizer_;
  ConversationOptions options_;
  std::vector<ChatMessage> messages_;
};

}  // namespace hadal
