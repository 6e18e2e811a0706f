#include "chat/turn.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include "base/check.h"
#include "chat/chat_markup.h"
#include "checkpoint/v4/config.h"
#include "engine/engine.h"
#include "engine/event_queue.h"

namespace hadal {
namespace {

// Length of the longest end of `text` that one of `stops` begins with.
size_t held_length(std::string_view text, const std::vector<std::string>& stops) {
  size_t longest = 0;
  for (const std::string& stop : stops) {
    for (size_t length = std::min(text.size(), stop.size() - 1); length > longest; --length) {
      if (text.ends_with(std::string_view(stop).substr(0, length))) longest = length;
    }
  }
  return longest;
}

}  // namespace

void ChatAnswer::add(const CompletionEvent& event) {
  using Kind = CompletionEvent::Kind;
  switch (event.kind) {
    case Kind::kReasoning:
      reasoning += event.text;
      break;
    case Kind::kContent:
      content += event.text;
      break;
    case Kind::kToolCall:
      tool_calls.push_back({.name = event.name, .arguments = event.text});
      break;
    case Kind::kFinish:
      break;
  }
}

ChatMessage answer_message(const ChatAnswer& answer) {
  ChatMessage message;
  message.role = ChatRole::kAssistant;
  message.content = answer.content;
  message.reasoning = answer.reasoning;
  for (const ParsedToolCall& call : answer.tool_calls) {
    message.tool_calls.push_back({.id = {},
                                  .name = call.name,
                                  .arguments = chat_arguments(std::string_view(call.arguments))});
  }
  return message;
}

AnswerReader::AnswerReader(const Tokenizer& tokenizer, const ChatTurn& turn)
    : tokenizer_(tokenizer),
      eos_(tokenizer.find(markup::kEos)),
      think_begin_(tokenizer.find(markup::kThinkBegin)),
      think_end_(tokenizer.find(markup::kThinkEnd)),
      show_special_tokens_(turn.show_special_tokens),
      plain_text_(turn.plain_text),
      detokenizer_(tokenizer),
      stream_(turn.thinking_mode, turn.tools),
      stop_(turn.stop),
      reasoning_(!turn.plain_text && turn.thinking_mode == ThinkingMode::kThinking) {
  for (const std::string& entry : stop_) HADAL_CHECK(!entry.empty());
}

std::vector<CompletionEvent> AnswerReader::push(int32_t token) {
  if (done_) return {};
  ++tokens_;
  std::vector<CompletionEvent> events;
  if (!is_left_out(token)) events = filter(parse(detokenizer_.push(token)));
  if (reasoning_) ++reasoning_tokens_;
  return events;
}

std::vector<CompletionEvent> AnswerReader::parse(std::string text) {
  if (!plain_text_) return stream_.push(text);
  if (text.empty()) return {};
  return {{.kind = CompletionEvent::Kind::kContent, .text = std::move(text)}};
}

bool AnswerReader::is_left_out(int32_t token) const {
  if (show_special_tokens_) return false;
  if (!plain_text_ && token == think_begin_) return !stream_.takes_think_begin();
  if (!plain_text_ && token == think_end_) return !stream_.takes_think_end();
  const bool is_known = token >= 0 && token < tokenizer_.vocab_size();
  return token != eos_ && is_known && tokenizer_.is_special(token);
}

std::vector<CompletionEvent> AnswerReader::finish(bool is_cut) {
  if (done_) return {};
  std::vector<CompletionEvent> events;
  // Half a character at a token limit is nothing.
  if (!is_cut) events = filter(parse(detokenizer_.finish()));
  if (done_) return events;
  for (auto& event : filter(stream_.finish(is_cut))) events.push_back(std::move(event));
  return events;
}

std::vector<CompletionEvent> AnswerReader::filter(std::vector<CompletionEvent> events) {
  using Kind = CompletionEvent::Kind;
  std::vector<CompletionEvent> passed;
  for (CompletionEvent& event : events) {
    if (event.kind != Kind::kReasoning && event.kind != Kind::kFinish) reasoning_ = false;
    if (event.kind != Kind::kContent || stop_.empty()) {
      release_content(passed);
      if (event.kind == Kind::kFinish) done_ = true;
      passed.push_back(std::move(event));
      continue;
    }
    held_ += event.text;
    size_t end = std::string::npos;
    for (const std::string& stop : stop_) end = std::min(end, held_.find(stop));
    if (end != std::string::npos) {
      held_.resize(end);
      release_content(passed);
      passed.push_back({.kind = Kind::kFinish});
      done_ = true;
      return passed;
    }
    std::string kept = held_.substr(held_.size() - held_length(held_, stop_));
    held_.resize(held_.size() - kept.size());
    release_content(passed);
    held_ = std::move(kept);
  }
  return passed;
}

void AnswerReader::release_content(std::vector<CompletionEvent>& events) {
  if (held_.empty()) return;
  events.push_back(
      {.kind = CompletionEvent::Kind::kContent, .text = std::exchange(held_, std::string())});
}

GenerateRequest make_generate_request(const Engine& engine, const Tokenizer& tokenizer,
                                      const ChatTurn& turn,
                                      std::chrono::steady_clock::time_point begin) {
  GenerateRequest request{.prompt = turn.prompt,
                          .sampling = turn.sampling,
                          .max_tokens = turn.max_tokens,
                          .prompt_only = turn.prompt_only,
                          .prompt_logprobs = turn.prompt_logprobs,
                          .stop_tokens = turn.stop_tokens,
                          .min_tokens = turn.min_tokens,
                          .priority = turn.priority,
                          .cache_salt = turn.cache_salt,
                          .speculation = turn.speculation};
  if (turn.timeout) {
    using Clock = std::chrono::steady_clock;
    request.deadline = begin + std::chrono::duration_cast<Clock::duration>(
                                   std::chrono::duration<double>(*turn.timeout));
  }
  std::vector<int32_t> ends{engine.config().eos_token};
  const std::optional<int32_t> eos = tokenizer.find(markup::kEos);
  if (eos.has_value() && *eos != engine.config().eos_token) ends.push_back(*eos);
  request.stop_tokens.insert(request.stop_tokens.end(), ends.begin(), ends.end());
  if (turn.ignore_eos) request.banned_tokens = ends;
  // What follows the last message: whether its answer begins with thinking, the next turn may tell
  // otherwise.
  if (const std::optional<int32_t> assistant = tokenizer.find(markup::kAssistant)) {
    const auto last = std::find(turn.prompt.rbegin(), turn.prompt.rend(), *assistant);
    if (last != turn.prompt.rend()) {
      request.suffix_begin = static_cast<int>(turn.prompt.rend() - last) - 1;
    }
  }
  return request;
}

ChatResult run_chat(Engine& engine, const Tokenizer& tokenizer, const ChatTurn& turn,
                    const std::function<void(const CompletionEvent&)>& on_event,
                    const std::atomic<bool>* interrupted) {
  ChatResult result;
  AnswerReader reader(tokenizer, turn);
  const auto deliver = [&](const std::vector<CompletionEvent>& events) {
    for (const CompletionEvent& event : events) {
      result.answer.add(event);
      if (on_event) on_event(event);
    }
  };
  // Shared with the engine: a handler of ours that throws must not leave it a dead queue.
  const auto queue = std::make_shared<EventQueue>();
  const RequestHandle handle =
      engine.submit(make_generate_request(engine, tokenizer, turn),
                    [queue](const GenerateEvent& event) { queue->push(event); });
  try {
    for (;;) {
      if (interrupted != nullptr && interrupted->load(std::memory_order_relaxed)) handle.cancel();
      const std::optional<GenerateEvent> event = queue->pop_for(std::chrono::milliseconds(50));
      if (!event.has_value()) continue;
      if (const auto* token = std::get_if<TokenEvent>(&*event)) {
        deliver(reader.push(token->token));
        if (reader.done()) handle.cancel();
        continue;
      }
      const auto* end = std::get_if<FinishEvent>(&*event);
      if (end == nullptr) continue;
      const FinishEvent& finish = *end;
      if (finish.error.has_value()) throw Error(*finish.error);
      const bool ended_here = reader.done();
      deliver(reader.finish(finish.reason != FinishReason::kStop));
      result.reason = ended_here ? FinishReason::kStop : finish.reason;
      result.prompt_tokens = finish.prompt_tokens;
      result.completion_tokens = ended_here ? reader.tokens() : finish.completion_tokens;
      result.reasoning_tokens = reader.reasoning_tokens();
      result.timing = finish.timing;
      return result;
    }
  } catch (...) {
    handle.cancel();
    throw;
  }
}

}  // namespace hadal
