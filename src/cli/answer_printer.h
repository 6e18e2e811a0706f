// Shows an answer as it comes: content and tool calls on standard output, reasoning on standard
// error (dimmed on a terminal), so that what a program reads is the answer alone.
#pragma once

#include <optional>

#include "base/leftovers.h"
#include "chat/turn.h"

namespace hadal {

class AnswerPrinter {
 public:
  AnswerPrinter();

  void print(const CompletionEvent& event);
  // Ends the answer: a line feed where one is missing, and why it stopped when that was not by
  // itself.
  void finish(const ChatResult& result);

 private:
  void end_reasoning();
  void write_content(const std::string& text);

  bool plain_output_;  // not a terminal: text as it is
  bool dim_;
  bool reasoning_ = false;
  std::optional<Leftover> dimmed_;  // the terminal, while reasoning is shown
  bool content_ends_line_ = true;
};

}  // namespace hadal
