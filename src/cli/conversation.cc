#include "cli/conversation.h"

#include <nlohmann/json.hpp>

namespace hadal {

struct Conversation::Messages {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
};

Conversation::Conversation(Engine& engine, const Tokenizer& tokenizer, ConversationOptions options)
    : engine_(engine),
      tokenizer_(tokenizer),
      options_(std::move(options)),
      messages_(std::make_unique<Messages>()) {
  reset();
}

Conversation::~Conversation() = default;

void Conversation::reset() {
  messages_->list.clear();
  if (!options_.system.empty()) {
    messages_->list.push_back({{"role", "system"}, {"content", options_.system}});
  }
}

ChatResult Conversation::say(const std::string& text,
                             const std::function<void(const CompletionEvent&)>& on_event,
                             const std::atomic<bool>* interrupted) {
  nlohmann::ordered_json messages = messages_->list;
  messages.push_back({{"role", "user"}, {"content", text}});
  ChatTurn turn;
  turn.prompt = tokenize_prompt(tokenizer_, encode_chat_pieces(messages, options_.chat));
  turn.thinking_mode = options_.chat.thinking_mode;
  turn.sampling = options_.sampling;
  turn.max_tokens = options_.max_tokens;
  ChatResult result = run_chat(engine_, tokenizer_, turn, on_event, interrupted);

  const ChatAnswer& answer = result.answer;
  if (!answer.content.empty() || !answer.tool_calls.empty()) {
    messages.push_back(completion_message({.content = answer.content,
                                           .reasoning = answer.reasoning,
                                           .tool_calls = answer.tool_calls,
                                           .malformed = std::nullopt}));
    messages_->list = std::move(messages);
  }
  return result;
}

}  // namespace hadal
