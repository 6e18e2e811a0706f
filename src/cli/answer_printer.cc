#include "cli/answer_printer.h"

#include <fmt/format.h>

#include "cli/terminal.h"

namespace hadal {

AnswerPrinter::AnswerPrinter()
    : plain_output_(!output_is_terminal()), dim_(errors_are_terminal() && colours_are_wanted()) {}

void AnswerPrinter::print(const CompletionEvent& event) {
  switch (event.kind) {
    case CompletionEvent::Kind::kReasoning:
      if (!reasoning_ && dim_) {
        dimmed_.emplace([] { write_err("\x1b[2m"); }, [] { try_write_err("\x1b[0m\n"); });
      }
      reasoning_ = true;
      write_err(errors_are_terminal() ? terminal_safe(event.text) : event.text);
      break;
    case CompletionEvent::Kind::kContent:
      write_content(event.text);
      break;
    case CompletionEvent::Kind::kToolCall:
      write_content(
          fmt::format("{}[calls {} {}]\n", content_ends_line_ ? "" : "\n", event.name, event.text));
      break;
    case CompletionEvent::Kind::kFinish:
      break;
  }
}

void AnswerPrinter::finish(const ChatResult& result) {
  end_reasoning();
  if (!content_ends_line_) write_out("\n");
  content_ends_line_ = true;
  if (result.reason == FinishReason::kLength) {
    write_err(fmt::format("(cut off after {} tokens)\n", result.completion_tokens));
  } else if (result.reason == FinishReason::kCancelled) {
    write_err("(stopped)\n");
  }
}

void AnswerPrinter::end_reasoning() {
  if (!reasoning_) return;
  dimmed_.reset();
  write_err(dim_ ? "\x1b[0m\n" : "\n");
  reasoning_ = false;
}

void AnswerPrinter::write_content(const std::string& text) {
  if (text.empty()) return;
  end_reasoning();
  write_out(plain_output_ ? text : terminal_safe(text));
  content_ends_line_ = text.ends_with('\n');
}

}  // namespace hadal
