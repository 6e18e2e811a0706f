#include "cli/conversation.h"

#include <utility>

#include "chat/chat_encoding.h"

namespace hadal {

Conversation::Conversation(Engine& engine, const Tokenizer& tokenizer, ConversationOptions options)
    : engine_(engine), tokenizer_(tokenizer), options_(std::move(options)) {
  reset();
}

void Conversation::reset() {
  messages_.clear();
  if (!options_.system.empty()) messages_.push_back(system_message(options_.system));
}

ChatResult Conversation::say(const std::string& text,
                             const std::function<void(const CompletionEvent&)>& on_event,
                             const std::atomic<bool>* interrupted) {
  std::vector<ChatMessage> messages = messages_;
  messages.push_back(user_message(text));
  ChatTurn turn;
  turn.prompt = tokenize_prompt(tokenizer_, encode_chat_pieces(messages, options_.chat));
  turn.thinking_mode = options_.chat.thinking_mode;
  turn.sampling = options_.sampling;
  turn.max_tokens = options_.max_tokens;
  ChatResult result = run_chat(engine_, tokenizer_, turn, on_event, interrupted);

  if (!result.answer.content.empty() || !result.answer.tool_calls.empty()) {
    messages.push_back(answer_message(result.answer));
    messages_ = std::move(messages);
  }
  return result;
}

}  // namespace hadal
