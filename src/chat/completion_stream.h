// Reads a completion as it is generated and tells reasoning, content and tool calls apart. Unlike
// completion_parser.h it makes the best of any text, and repairs tool calls whose markup is
// damaged; on well-formed text its events add up to exactly what the strict parser gives. Markup
// never comes out as text, and a tool call comes out whole or not at all. docs/text.md lists the
// repairs.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chat/chat_encoding.h"
#include "chat/dsml_tag.h"
#include "chat/tool_call_builder.h"
#include "chat/tool_schemas.h"

namespace hadal {

struct CompletionEvent {
  enum class Kind {
    kReasoning,  // text: more of the reasoning
    kContent,    // text: more of the answer
    kToolCall,   // name, and text: the JSON text of its arguments, an object
    kFinish,     // nothing follows
  };
  Kind kind = Kind::kContent;
  std::string text = {};
  std::string name = {};
  int tool_call = -1;  // of kToolCall: which one, from 0
};

class CompletionStream {
 public:
  // `tools` are those the request declares; they help to read calls, and any tool may be called.
  explicit CompletionStream(ThinkingMode mode, ToolSchemas tools = {});

  // Takes the next part of the text, cut anywhere, even within a character. Bytes that are not
  // UTF-8 become U+FFFD.
  std::vector<CompletionEvent> push(std::string_view text);

  // Ends the text and gives what was held back; the last event is kFinish, unless it came before.
  // `is_cut`: the text did not end by itself (a token limit), so that a call which lacks its end is
  // not whole, and half a character is nothing.
  std::vector<CompletionEvent> finish(bool is_cut = false);

  // Whether kFinish was given: nothing that is pushed now matters.
  bool finished() const { return state_ == State::kDone; }

  // How many tool calls were given.
  int tool_calls() const { return tool_calls_; }

  // Where the next text will stand: whether a <think> or </think> token there is markup, the text
  // of a value, or means nothing.
  bool takes_think_end() const { return text_kind_ == Kind::kReasoning || in_value(); }
  bool takes_think_begin() const { return at_start_ || in_value(); }

 private:
  enum class State {
    kText,   // reasoning or content, as text_kind_ says
    kCall,   // within an invoke, between its parameters
    kValue,  // within a parameter; all of its value is in pending_
    kDone,
  };
  using Kind = CompletionEvent::Kind;

  struct Mark {
    enum class Kind {
      kNone,
      kPartial,  // more text may make it one
      kEos,
      kThinkEnd,
      kTag,
      kTorn,  // a tag in which the text was cut off
    };
    Kind kind = Kind::kNone;
    size_t at = 0;  // in pending_
    size_t size = 0;
    DsmlTag tag = {};  // its name is a view into pending_
  };

  bool step();  // false: more text is needed
  bool step_start();
  bool step_text();
  bool step_call();
  bool step_value();

  // The next mark from scanned_ on, kNone at the end. Marks in quotation marks are text.
  Mark next_mark(bool finds_eos);
  bool is_quoted(const Mark& mark, bool& is_certain) const;

  void handle_text_tag(const DsmlTag& tag);
  void handle_call_tag(const DsmlTag& tag);
  void begin_parameter(const DsmlTag& tag);
  bool closes_value(const Mark& mark, bool& is_certain) const;
  void end_value(size_t at, bool is_implied);
  void end_call();
  void leave_call();
  void end_open_call();
  void finish_text();

  void give(std::string_view text);
  void drop_space_before_tag(bool is_block);
  void emit(Kind kind, std::string_view text);
  void drop(size_t bytes);  // of pending_
  void go(State state);
  bool in_value() const { return state_ == State::kValue; }

  const ToolSchemas tools_;
  State state_ = State::kText;
  Kind text_kind_;          // what plain text is at the moment
  std::string carry_;       // the beginning of a character, at most 3 bytes
  std::string pending_;     // text not yet understood
  size_t scanned_ = 0;      // no mark begins in so many bytes of pending_
  bool is_final_ = false;   // no more text will come
  bool is_cut_ = false;     // as finish() was told
  bool at_start_ = true;    // nothing was read yet
  std::string space_;       // white space after the text given last: part of it, or before a tag
  bool after_tag_ = false;  // a tag was read since the last text
  char previous_ = '\0';    // the byte before pending_, where it is text
  ToolCallBuilder call_;    // the open one
  std::string parameter_;   // the open one's name
  std::optional<bool> parameter_is_string_;
  // The first mark within a value that ended it if no end of its own comes.
  std::optional<size_t> implied_end_;
  bool implied_end_is_think_ = false;
  int tool_calls_ = 0;
  std::vector<CompletionEvent> events_;
};

}  // namespace hadal
