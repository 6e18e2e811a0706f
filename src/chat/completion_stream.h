// Reads a completion as it is generated and tells reasoning, content and tool calls apart without
// ever letting half a marker through. Unlike completion_parser.h it makes the best of any text:
// missing ends, answers cut off by a token limit, markup the model got wrong. On well-formed text
// its events add up to exactly what the strict parser gives.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "chat/chat_encoding.h"

namespace hadal {

struct CompletionEvent {
  enum class Kind {
    kReasoning,          // text: more of the reasoning
    kContent,            // text: more of the answer
    kToolCallBegin,      // text: the function's name
    kToolCallArguments,  // text: more of the JSON text of its arguments
    kToolCallEnd,        // complete: whether the arguments are whole
    kFinish,             // nothing follows
  };
  Kind kind = Kind::kContent;
  std::string text = {};
  int tool_call = -1;  // of the kToolCall events: which one, from 0
  bool complete = true;
};

// What it does with text that is not well formed:
// - Markup that does not come to a call's name and first parameter (or to its end) is content.
// - A call that goes wrong later ends with complete = false, its arguments left open so that no
//   client takes them for whole, and what follows is content.
// - A parameter marked as JSON whose value is not JSON is passed as a string.
// - Tool calls within the reasoning end the reasoning. A repeated <think> at its start is dropped.
// - The end-of-sentence token may be missing; whatever follows it is ignored.
class CompletionStream {
 public:
  explicit CompletionStream(ThinkingMode mode);

  // Takes the next part of the text, cut anywhere, even within a character. Bytes that are not
  // UTF-8 become U+FFFD.
  std::vector<CompletionEvent> push(std::string_view text);

  // Ends the text and gives what was held back; the last event is kFinish, unless it came before.
  std::vector<CompletionEvent> finish();

  // Whether kFinish was given: nothing that is pushed now matters.
  bool finished() const { return state_ == State::kDone; }

  // How many tool calls have begun.
  int tool_calls() const { return tool_calls_; }

 private:
  enum class State {
    kReasoning,
    kContent,
    kBlock,            // after the block's opening mark or an invoke's closing mark
    kInvokeHeader,     // after an invoke's opening mark
    kParameterHeader,  // after a parameter's opening mark; a call is open from here to its end
    kStringValue,
    kJsonValue,
    kAfterParameter,
    kAfterBlock,
    kDone,
  };
  using Kind = CompletionEvent::Kind;

  bool step();  // false: more text is needed
  bool step_text();
  bool step_block();
  bool step_invoke_header();
  bool step_parameter_header();
  bool step_string_value();
  bool step_json_value();
  bool step_after_parameter();
  bool step_after_block();
  void give_up_markup();
  void end_truncated();

  // The earliest of `marks` in pending_, or npos; remembers what was searched.
  size_t find_earliest(std::initializer_list<std::string_view> marks, std::string_view& found);
  // Which of `marks` pending_ begins with; `undecided` when more text may make it begin so.
  std::string_view match_start(std::initializer_list<std::string_view> marks,
                               bool& undecided) const;
  // How many bytes of pending_'s end may be the beginning of one of `marks`.
  size_t held_suffix(std::initializer_list<std::string_view> marks) const;

  void emit(Kind kind, std::string_view text);
  void emit_text(std::string_view text);
  void emit_escaped(std::string_view text);
  void drop(size_t bytes);     // of pending_
  void consume(size_t bytes);  // from pending_ to unproven_
  void go(State state);
  void end_call(bool complete);

  State state_;
  Kind text_kind_;         // what plain text is at the moment
  std::string carry_;      // the beginning of a character, at most 3 bytes
  std::string pending_;    // text not yet understood
  size_t searched_ = 0;    // so many bytes of pending_ hold no mark of the present state
  std::string unproven_;   // markup read, to be given as text should it prove malformed
  bool at_start_ = true;   // no reasoning was read yet
  bool is_final_ = false;  // no more text will come
  bool call_open_ = false;
  int tool_calls_ = 0;
  std::set<std::string, std::less<>> parameter_names_;  // of the open call
  std::vector<CompletionEvent> events_;
};

}  // namespace hadal
