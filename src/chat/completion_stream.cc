#include "chat/completion_stream.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"
#include "chat/chat_markup.h"
#include "chat/dsml.h"
#include "text/python_json.h"

namespace hadal {
namespace {

constexpr std::string_view kBlockInvoke = ">\n<｜DSML｜invoke";
constexpr std::string_view kBlockEnd = ">\n</｜DSML｜tool_calls>";
constexpr std::string_view kNextParameter = ">\n<｜DSML｜parameter";
constexpr std::string_view kCallEnd = ">\n</｜DSML｜invoke";
constexpr std::string_view kValueEnd = "</｜DSML｜parameter";
constexpr std::string_view kValueEndBroken = "<\n/｜DSML｜parameter";  // see parse_parameter_value

constexpr std::string_view kParameterName = " name=\"";

// A name or a run of space within markup that grows longer is given up. The bound keeps the work of
// looking at it again with every token small.
constexpr size_t kMaxHeader = 16 * 1024;
// Text that is pushed in one piece is taken in parts, as dropping the front of a long one is slow.
constexpr size_t kPart = 4096;

bool may_begin(std::string_view text, std::string_view mark) {
  return mark.starts_with(text.substr(0, mark.size())) || text.starts_with(mark);
}

}  // namespace

CompletionStream::CompletionStream(ThinkingMode mode)
    : state_(mode == ThinkingMode::kThinking ? State::kReasoning : State::kContent),
      text_kind_(mode == ThinkingMode::kThinking ? Kind::kReasoning : Kind::kContent) {}

std::vector<CompletionEvent> CompletionStream::push(std::string_view text) {
  while (!text.empty() && !finished()) {
    carry_ += text.substr(0, kPart);
    text.remove_prefix(std::min(kPart, text.size()));
    const size_t certain = carry_.size() - utf8_incomplete_tail(carry_);
    pending_ += utf8_replace_invalid(std::string_view(carry_).substr(0, certain));
    carry_.erase(0, certain);
    while (step()) {
    }
  }
  return std::exchange(events_, {});
}

std::vector<CompletionEvent> CompletionStream::finish() {
  if (!finished()) {
    pending_ += utf8_replace_invalid(std::exchange(carry_, {}));
    is_final_ = true;
    while (step()) {
    }
    if (!finished()) end_truncated();
  }
  return std::exchange(events_, {});
}

bool CompletionStream::step() {
  switch (state_) {
    case State::kReasoning:
    case State::kContent:
      return step_text();
    case State::kBlock:
      return step_block();
    case State::kInvokeHeader:
      return step_invoke_header();
    case State::kParameterHeader:
      return step_parameter_header();
    case State::kStringValue:
      return step_string_value();
    case State::kJsonValue:
      return step_json_value();
    case State::kAfterParameter:
      return step_after_parameter();
    case State::kAfterBlock:
      return step_after_block();
    case State::kDone:
      return false;
  }
  return false;
}

bool CompletionStream::step_text() {
  const bool is_reasoning = state_ == State::kReasoning;
  if (is_reasoning && at_start_ && !pending_.empty()) {
    bool undecided = false;
    const auto mark = match_start({markup::kThinkBegin}, undecided);
    if (undecided && !is_final_) return false;
    at_start_ = false;
    drop(mark.size());
  }
  // A mark that cannot occur in this state is given twice rather than left out.
  const std::string_view think_end = is_reasoning ? markup::kThinkEnd : markup::kEos;
  std::string_view mark;
  const size_t at = find_earliest({markup::kEos, markup::kToolCallsMark, think_end}, mark);
  if (at == std::string::npos) {
    const size_t held =
        is_final_ ? 0 : held_suffix({markup::kEos, markup::kToolCallsMark, think_end});
    emit_text(std::string_view(pending_).substr(0, pending_.size() - held));
    drop(pending_.size() - held);
    return false;
  }
  emit_text(std::string_view(pending_).substr(0, at));
  drop(at);
  if (mark == markup::kToolCallsMark) {
    consume(mark.size());
    go(State::kBlock);
  } else if (mark == markup::kEos) {
    emit(Kind::kFinish, {});
    go(State::kDone);
  } else {
    drop(mark.size());
    text_kind_ = Kind::kContent;
    go(State::kContent);
  }
  return true;
}

bool CompletionStream::step_block() {
  bool undecided = false;
  const auto mark = match_start({kBlockInvoke, kBlockEnd}, undecided);
  if (undecided) return false;
  // After a whole call the '>' still belongs to it.
  const size_t closing = unproven_.empty() && pending_.starts_with('>') ? 1 : 0;
  drop(closing);
  if (mark == kBlockInvoke) {
    consume(mark.size() - closing);
    go(State::kInvokeHeader);
  } else if (mark == kBlockEnd) {
    drop(mark.size() - closing);
    unproven_.clear();
    text_kind_ = Kind::kContent;
    go(State::kAfterBlock);
  } else {
    give_up_markup();
  }
  return true;
}

bool CompletionStream::step_invoke_header() {
  std::string_view mark;
  const size_t at = find_earliest({markup::kParameterBegin, markup::kInvokeEnd}, mark);
  const std::string_view header = std::string_view(pending_).substr(0, at);
  if (at == std::string::npos) {
    const size_t name_at = header.find_first_not_of(" \t\n\v\f\r");
    const bool fits =
        name_at == std::string_view::npos || may_begin(header.substr(name_at), "name=\"");
    if (fits && pending_.size() < kMaxHeader) return false;
    give_up_markup();
    return true;
  }
  const auto name = parse_invoke_name(header);
  if (!name) {
    give_up_markup();
    return true;
  }
  emit(Kind::kToolCallBegin, *name);
  unproven_.clear();
  call_open_ = true;
  text_kind_ = Kind::kContent;
  parameter_names_.clear();
  ++tool_calls_;
  const bool has_parameters = mark == markup::kParameterBegin;
  drop(at + mark.size());
  emit(Kind::kToolCallArguments, has_parameters ? "{" : "{}");
  if (has_parameters) {
    go(State::kParameterHeader);
  } else {
    end_call(true);
    go(State::kBlock);
  }
  return true;
}

bool CompletionStream::step_parameter_header() {
  const auto header = parse_parameter_header(pending_);
  const size_t end = pending_.find(markup::kParameterEnd, searched_);
  if (!header) {
    if (end == std::string::npos && may_begin(pending_, kParameterName) &&
        pending_.size() < kMaxHeader) {
      return false;
    }
    give_up_markup();
    return true;
  }
  if (end < header->size || !parameter_names_.emplace(header->name).second) {
    give_up_markup();
    return true;
  }
  const bool is_string = header->is_string;
  std::string text = parameter_names_.size() > 1 ? ", " : "";
  text += json_string(header->name) + ": ";
  if (is_string) text += '"';
  emit(Kind::kToolCallArguments, text);
  drop(header->size);
  go(is_string ? State::kStringValue : State::kJsonValue);
  return true;
}

bool CompletionStream::step_string_value() {
  std::string_view mark;
  const size_t at = find_earliest({markup::kParameterEnd, markup::kEos}, mark);
  if (at == std::string::npos) {
    const size_t held =
        held_suffix({kValueEnd, kValueEndBroken, markup::kParameterEnd, markup::kEos});
    emit_escaped(std::string_view(pending_).substr(0, pending_.size() - held));
    drop(pending_.size() - held);
    return false;
  }
  const std::string_view before = std::string_view(pending_).substr(0, at);
  const auto value = mark == markup::kParameterEnd ? parse_parameter_value(before) : std::nullopt;
  emit_escaped(value.value_or(before));
  drop(at);
  if (!value) {
    give_up_markup();
    return true;
  }
  emit(Kind::kToolCallArguments, "\"");
  drop(mark.size());
  go(State::kAfterParameter);
  return true;
}

bool CompletionStream::step_json_value() {
  std::string_view mark;
  const size_t at = find_earliest({markup::kParameterEnd}, mark);
  if (at == std::string::npos) return false;
  const auto value = parse_parameter_value(std::string_view(pending_).substr(0, at));
  if (!value) {
    give_up_markup();
    return true;
  }
  emit(Kind::kToolCallArguments, is_json(*value) ? std::string(*value) : json_string(*value));
  drop(at + mark.size());
  go(State::kAfterParameter);
  return true;
}

bool CompletionStream::step_after_parameter() {
  bool undecided = false;
  const auto mark = match_start({kNextParameter, kCallEnd}, undecided);
  if (undecided) return false;
  if (mark.empty()) {
    if (pending_.starts_with('>')) drop(1);
    give_up_markup();
    return true;
  }
  drop(mark.size());
  if (mark == kNextParameter) {
    go(State::kParameterHeader);
  } else {
    emit(Kind::kToolCallArguments, "}");
    end_call(true);
    go(State::kBlock);
  }
  return true;
}

// Space between the tool calls and the end is not worth an event of its own.
bool CompletionStream::step_after_block() {
  const size_t text_at = pending_.find_first_not_of(" \t\r\n");
  if (text_at == std::string::npos) {
    if (pending_.size() > kMaxHeader) drop(pending_.size());
    return false;
  }
  const std::string_view rest = std::string_view(pending_).substr(text_at);
  if (rest.size() < markup::kEos.size() && may_begin(rest, markup::kEos) && !is_final_)
    return false;
  if (rest.starts_with(markup::kEos)) drop(text_at);
  go(State::kContent);
  return true;
}

// The markup read last is no tool call: what was not given yet is text after all.
void CompletionStream::give_up_markup() {
  if (call_open_) {
    end_call(false);
  } else {
    emit_text(unproven_);
  }
  unproven_.clear();
  go(text_kind_ == Kind::kReasoning ? State::kReasoning : State::kContent);
}

// The text ended within markup.
void CompletionStream::end_truncated() {
  const std::string_view rest = std::string_view(pending_).substr(0, pending_.find(markup::kEos));
  if (state_ == State::kStringValue) {
    emit_escaped(rest);
  } else if (state_ == State::kJsonValue) {
    emit(Kind::kToolCallArguments, rest);
  } else if (!unproven_.empty() && !(state_ == State::kBlock && rest.empty())) {
    // A block that ends right behind its opening mark is dropped, as the strict parser does.
    emit_text(unproven_);
    emit_text(rest);
  }
  if (call_open_) end_call(false);
  emit(Kind::kFinish, {});
  go(State::kDone);
}

size_t CompletionStream::find_earliest(std::initializer_list<std::string_view> marks,
                                       std::string_view& found) {
  size_t earliest = std::string::npos;
  size_t longest = 1;
  for (const std::string_view mark : marks) {
    const size_t at = pending_.find(mark, searched_);
    longest = std::max(longest, mark.size());
    if (at < earliest) {
      earliest = at;
      found = mark;
    }
  }
  if (earliest == std::string::npos && pending_.size() >= longest) {
    searched_ = std::max(searched_, pending_.size() - (longest - 1));
  }
  return earliest;
}

std::string_view CompletionStream::match_start(std::initializer_list<std::string_view> marks,
                                               bool& undecided) const {
  for (const std::string_view mark : marks) {
    if (pending_.starts_with(mark)) return mark;
    undecided = undecided || mark.starts_with(pending_);
  }
  return {};
}

size_t CompletionStream::held_suffix(std::initializer_list<std::string_view> marks) const {
  size_t held = 0;
  for (const std::string_view mark : marks) {
    for (size_t n = std::min(mark.size() - 1, pending_.size()); n > held; --n) {
      if (pending_.ends_with(mark.substr(0, n))) held = n;
    }
  }
  return held;
}

void CompletionStream::emit(Kind kind, std::string_view text) {
  const bool is_delta =
      kind == Kind::kReasoning || kind == Kind::kContent || kind == Kind::kToolCallArguments;
  if (is_delta && text.empty()) return;
  if (is_delta && !events_.empty() && events_.back().kind == kind) {
    events_.back().text += text;
    return;
  }
  const bool is_call = kind != Kind::kReasoning && kind != Kind::kContent && kind != Kind::kFinish;
  const int call = kind == Kind::kToolCallBegin ? tool_calls_ : tool_calls_ - 1;
  events_.push_back({.kind = kind, .text = std::string(text), .tool_call = is_call ? call : -1});
}

void CompletionStream::emit_text(std::string_view text) { emit(text_kind_, text); }

void CompletionStream::emit_escaped(std::string_view text) {
  std::string escaped;
  append_json_escaped(escaped, text);
  emit(Kind::kToolCallArguments, escaped);
}

void CompletionStream::drop(size_t bytes) {
  pending_.erase(0, bytes);
  searched_ -= std::min(searched_, bytes);
}

void CompletionStream::consume(size_t bytes) {
  unproven_ += std::string_view(pending_).substr(0, bytes);
  drop(bytes);
}

void CompletionStream::go(State state) {
  state_ = state;
  searched_ = 0;
}

void CompletionStream::end_call(bool complete) {
  emit(Kind::kToolCallEnd, {});
  events_.back().complete = complete;
  call_open_ = false;
}

}  // namespace hadal
