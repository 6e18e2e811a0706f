#include "chat/completion_stream.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"
#include "chat/chat_markup.h"

namespace hadal {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::string_view kPlainParameterEnd = "</parameter>";
// Text that is pushed in one piece is taken in parts, as dropping the front of a long one is slow.
constexpr size_t kPart = 4096;

bool is_blank_text(std::string_view text) { return text.find_first_not_of(kBlanks) == text.npos; }

size_t trailing_space(std::string_view text) {
  const size_t last = text.find_last_not_of(kBlanks);
  return last == std::string_view::npos ? text.size() : text.size() - last - 1;
}

// A value without an end of its own also holds the line break and the indentation of the tag behind
// it, and perhaps an end without its DSML.
std::string_view implied_value(std::string_view text) {
  for (;;) {
    const std::string_view space = text.substr(text.size() - trailing_space(text));
    if (const size_t line = space.find('\n'); line != std::string_view::npos) {
      text.remove_suffix(space.size() - line);
    }
    if (!text.ends_with(kPlainParameterEnd)) return text;
    text.remove_suffix(kPlainParameterEnd.size());
  }
}

std::string without_tags(std::string_view text) {
  std::string kept;
  DsmlTag tag;
  for (size_t at = 0; at < text.size();) {
    if (match_dsml_tag(text.substr(at), true, tag) == TagMatch::kTag) {
      at += tag.size;
    } else {
      kept += text[at++];
    }
  }
  return kept;
}

}  // namespace

CompletionStream::CompletionStream(ThinkingMode mode, ToolSchemas tools)
    : tools_(std::move(tools)),
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

std::vector<CompletionEvent> CompletionStream::finish(bool is_cut) {
  if (!finished()) {
    if (!is_cut) pending_ += utf8_replace_invalid(carry_);
    is_final_ = true;
    is_cut_ = is_cut;
    while (step()) {
    }
    if (!finished()) {
      end_open_call();
      finish_text();
    }
  }
  return std::exchange(events_, {});
}

bool CompletionStream::step() {
  if (at_start_ && !step_start()) return false;
  switch (state_) {
    case State::kText:
      return step_text();
    case State::kCall:
      return step_call();
    case State::kValue:
      return step_value();
    case State::kDone:
      return false;
  }
  return false;
}

// A <think> at the very start: said again by the model, or said without being asked to think.
bool CompletionStream::step_start() {
  const std::string_view text = pending_;
  const size_t space =
      text_kind_ == Kind::kContent ? std::min(text.find_first_not_of(kBlanks), text.size()) : 0;
  const std::string_view rest = text.substr(space);
  if (!is_final_ && rest.size() < markup::kThinkBegin.size() &&
      markup::kThinkBegin.starts_with(rest)) {
    return false;
  }
  at_start_ = false;
  if (rest.starts_with(markup::kThinkBegin)) {
    drop(space + markup::kThinkBegin.size());
    text_kind_ = Kind::kReasoning;
  }
  return true;
}

CompletionStream::Mark CompletionStream::next_mark(bool finds_eos) {
  const std::string_view text = pending_;
  for (size_t at = text.find_first_of(kDsmlTagFirstBytes, scanned_); at != std::string::npos;
       at = text.find_first_of(kDsmlTagFirstBytes, scanned_)) {
    const std::string_view rest = text.substr(at);
    Mark mark{.at = at};
    const auto match_literal = [&](std::string_view literal, Mark::Kind kind) {
      if (rest.starts_with(literal)) {
        mark.kind = kind;
        mark.size = literal.size();
      } else if (!is_final_ && literal.starts_with(rest)) {
        mark.kind = Mark::Kind::kPartial;
      }
    };
    if (finds_eos) match_literal(markup::kEos, Mark::Kind::kEos);
    if (text_kind_ == Kind::kReasoning && mark.kind == Mark::Kind::kNone) {
      match_literal(markup::kThinkEnd, Mark::Kind::kThinkEnd);
    }
    if (mark.kind == Mark::Kind::kNone) {
      // Within a value only what has its '<' is a tag.
      const bool may_be_tag = state_ != State::kValue || rest.front() == '<';
      const TagMatch match =
          may_be_tag ? match_dsml_tag(rest, is_final_, mark.tag) : TagMatch::kNone;
      if (match == TagMatch::kPartial) mark.kind = Mark::Kind::kPartial;
      if (match == TagMatch::kTag) {
        DsmlTag unused;
        const bool is_torn = is_cut_ && match_dsml_tag(rest, false, unused) == TagMatch::kPartial;
        mark.kind = is_torn ? Mark::Kind::kTorn : Mark::Kind::kTag;
        mark.size = mark.tag.size;
        bool is_certain = true;
        const bool is_text = is_quoted(mark, is_certain);
        if (!is_certain) mark.kind = Mark::Kind::kPartial;
        if (is_text) {
          scanned_ = at + mark.size;
          continue;
        }
      }
    }
    scanned_ = at;
    if (mark.kind != Mark::Kind::kNone) return mark;
    scanned_ = at + 1;
  }
  scanned_ = text.size();
  return {.at = text.size()};
}

// Whether a tag stands in quotation marks of its own, as where a model talks about markup.
bool CompletionStream::is_quoted(const Mark& mark, bool& is_certain) const {
  // Between the parameters of a call nothing is quoted.
  if (state_ == State::kCall) return false;
  const char quote = mark.at > 0 ? pending_[mark.at - 1] : previous_;
  if (quote != '"' && quote != '\'' && quote != '`') return false;
  const size_t end = mark.at + mark.size;
  is_certain = end < pending_.size() || is_final_;
  return end < pending_.size() && pending_[end] == quote;
}

bool CompletionStream::step_text() {
  const Mark mark = next_mark(true);
  give(std::string_view(pending_).substr(0, mark.at));
  // The tag's name points into pending_, of which nothing may be dropped before it is used.
  switch (mark.kind) {
    case Mark::Kind::kNone:
    case Mark::Kind::kPartial:
      drop(mark.at);
      return false;
    case Mark::Kind::kTorn:
    case Mark::Kind::kEos:
      finish_text();
      return false;
    case Mark::Kind::kThinkEnd:
      if (!after_tag_) emit(text_kind_, space_);
      space_.clear();
      after_tag_ = false;
      text_kind_ = Kind::kContent;
      break;
    case Mark::Kind::kTag:
      handle_text_tag(mark.tag);
      break;
  }
  previous_ = '\0';
  drop(mark.at + mark.size);
  return true;
}

void CompletionStream::handle_text_tag(const DsmlTag& tag) {
  const bool is_block = tag.kind == DsmlTag::Kind::kBlock;
  if (after_tag_) space_.clear();
  if (!tag.is_closing) drop_space_before_tag(is_block);
  after_tag_ = true;
  if (tag.is_closing || is_block) return;
  if (tag.kind == DsmlTag::Kind::kParameter) {
    call_.begin({}, tools_);
    begin_parameter(tag);
    return;
  }
  call_.begin(tag.name.value_or(""), tools_);
  go(State::kCall);
  if (tag.is_self_closing) end_call();
}

bool CompletionStream::step_call() {
  const Mark mark = next_mark(true);
  call_.add_body(std::string_view(pending_).substr(0, mark.at));
  switch (mark.kind) {
    case Mark::Kind::kNone:
    case Mark::Kind::kPartial:
      drop(mark.at);
      return false;
    case Mark::Kind::kTorn:
    case Mark::Kind::kEos:
      end_open_call();
      finish_text();
      return false;
    case Mark::Kind::kThinkEnd:
      // The reasoning only spoke of a call.
      drop(mark.at);
      leave_call();
      return true;
    case Mark::Kind::kTag:
      handle_call_tag(mark.tag);
      drop(mark.at + mark.size);
      return true;
  }
  return true;
}

void CompletionStream::handle_call_tag(const DsmlTag& tag) {
  if (tag.kind == DsmlTag::Kind::kParameter) {
    if (tag.is_closing) {
      call_.close_object();
    } else {
      begin_parameter(tag);
    }
  } else if (tag.is_closing) {
    end_call();
  } else {
    // The call that is open has no end of its own; one that has nothing at all was only begun
    // twice.
    const bool has_arguments = call_.has_parameters() || call_.has_json_body();
    if (tag.kind == DsmlTag::Kind::kInvoke) {
      if (has_arguments) end_call();
      handle_text_tag(tag);
    } else if (has_arguments) {
      end_call();
    }
  }
}

void CompletionStream::begin_parameter(const DsmlTag& tag) {
  if (!tag.name) call_.reject();
  parameter_ = tag.name.value_or("");
  parameter_is_string_ = tag.is_string;
  implied_end_.reset();
  go(State::kValue);
  if (tag.is_self_closing) {
    call_.add(parameter_, "", true);
    go(State::kCall);
  }
}

// A value ends with its own tag, or before the next parameter. What else looks like the end of the
// call may be text that a tool is to write: it counts only where no end of the value's own comes
// before the next parameter or the end of the text.
bool CompletionStream::step_value() {
  for (;;) {
    const Mark mark = next_mark(false);
    if (mark.kind == Mark::Kind::kPartial) return false;
    if (mark.kind == Mark::Kind::kNone || mark.kind == Mark::Kind::kTorn) break;
    const bool is_parameter =
        mark.kind == Mark::Kind::kTag && mark.tag.kind == DsmlTag::Kind::kParameter;
    if (is_parameter && mark.tag.is_closing) {
      bool is_certain = true;
      const bool is_end = closes_value(mark, is_certain);
      if (!is_certain) return false;
      if (is_end) {
        end_value(mark.at, false);
        drop(mark.size);
        return true;
      }
    } else if (is_parameter && mark.tag.name) {
      if (implied_end_) {
        end_value(*implied_end_, true);
      } else if (is_blank_text(pending_.substr(0, mark.at)) &&
                 !parameter_is_string_.value_or(false)) {
        call_.open_object(parameter_);
        drop(mark.at);
        go(State::kCall);
      } else {
        end_value(mark.at, true);
      }
      return true;
    } else if (!is_parameter && !implied_end_) {
      implied_end_ = mark.at;
      implied_end_is_think_ = mark.kind == Mark::Kind::kThinkEnd;
    }
    scanned_ = mark.at + 1;
  }
  if (!is_final_ || !implied_end_) return false;
  end_value(*implied_end_, true);
  return true;
}

// Whether a parameter's closing tag ends the value: spelled right it may lack its '>' before
// another tag or the end of the text, and misspelled it needs it. Everything else is text.
bool CompletionStream::closes_value(const Mark& mark, bool& is_certain) const {
  if (mark.tag.has_bracket) return true;
  if (!mark.tag.is_spelled_right) return false;
  const std::string_view behind = std::string_view(pending_).substr(mark.at + mark.size);
  const size_t next = behind.find_first_not_of(kBlanks);
  if (next == std::string_view::npos) return true;  // only where no more text will come
  DsmlTag tag;
  const TagMatch match = match_dsml_tag(behind.substr(next), is_final_, tag);
  is_certain = match != TagMatch::kPartial;
  return match == TagMatch::kTag;
}

// The value is the first `at` bytes of pending_.
void CompletionStream::end_value(size_t at, bool is_implied) {
  if (is_implied && implied_end_is_think_ && implied_end_) {
    drop(at);
    leave_call();
    return;
  }
  const std::string_view text = std::string_view(pending_).substr(0, at);
  call_.add(parameter_, is_implied ? implied_value(text) : text, parameter_is_string_);
  drop(at);
  go(State::kCall);
}

void CompletionStream::end_call() {
  if (auto arguments = call_.arguments()) {
    events_.push_back({.kind = Kind::kToolCall,
                       .text = std::move(*arguments),
                       .name = call_.name(),
                       .tool_call = tool_calls_++});
    text_kind_ = Kind::kContent;
  }
  space_.clear();
  after_tag_ = true;
  go(State::kText);
}

// The call comes to nothing. Words that followed its opening, where there was no more to it, are
// text: the model only spoke of calls.
void CompletionStream::leave_call() {
  const std::string body = call_.body();
  const size_t begin = body.find_first_not_of(kBlanks);
  const bool is_json = begin != std::string::npos && (body[begin] == '{' || body[begin] == '[');
  if (!call_.has_parameters() && !is_json) give(body);
  go(State::kText);
}

void CompletionStream::end_open_call() {
  if (state_ == State::kText) return;
  if (state_ == State::kValue && call_.name().empty()) call_.add_body(without_tags(pending_));
  const bool is_whole = state_ == State::kCall && !is_cut_;
  if (is_whole && (call_.has_parameters() || call_.has_json_body())) {
    end_call();
  } else {
    leave_call();
  }
}

void CompletionStream::finish_text() {
  if (!after_tag_) emit(text_kind_, space_);
  events_.push_back({.kind = Kind::kFinish});
  go(State::kDone);
}

// Gives text, but keeps the white space at its end: it may turn out to stand before a tag.
void CompletionStream::give(std::string_view text) {
  if (text.empty()) return;
  previous_ = text.back();
  const size_t space = trailing_space(text);
  if (space < text.size()) {
    emit(text_kind_, std::exchange(space_, {}));
    emit(text_kind_, text.substr(0, text.size() - space));
    after_tag_ = false;
  }
  space_ += text.substr(text.size() - space);
}

// The released form has an empty line before a block, and all before it is content.
void CompletionStream::drop_space_before_tag(bool is_block) {
  if (is_block && !after_tag_ && text_kind_ == Kind::kContent && space_.ends_with("\n\n")) {
    emit(text_kind_, std::string_view(space_).substr(0, space_.size() - 2));
  }
  space_.clear();
}

void CompletionStream::emit(Kind kind, std::string_view text) {
  if (text.empty()) return;
  if (!events_.empty() && events_.back().kind == kind) {
    events_.back().text += text;
  } else {
    events_.push_back({.kind = kind, .text = std::string(text)});
  }
}

void CompletionStream::drop(size_t bytes) {
  pending_.erase(0, bytes);
  scanned_ -= std::min(scanned_, bytes);
}

void CompletionStream::go(State state) {
  state_ = state;
  scanned_ = 0;
}

}  // namespace hadal
