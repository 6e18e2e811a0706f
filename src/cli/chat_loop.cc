#include "cli/chat_loop.h"

#include <array>
#include <fmt/format.h>
#include <optional>

#include "base/error.h"
#include "base/suggest.h"
#include "base/utf8.h"
#include "cli/answer_printer.h"
#include "cli/line_reader.h"
#include "cli/terminal.h"

namespace hadal {
namespace {

constexpr int kInterruptedStatus = 130;

constexpr const char* kHelp =
    "/help    this\n"
    "/reset   forget the conversation\n"
    "/quit    leave; Ctrl-D does the same\n"
    "Ctrl-C stops an answer. A line that ends in \\ goes on in the next one.\n";

class ChatLoop {
 public:
  explicit ChatLoop(Conversation& conversation) : conversation_(conversation) {}

  int run(const std::string& greeting) {
    if (interactive_) write_err(greeting);
    while (true) {
      std::string message;
      const LineReader::Status status = read_message(message);
      if (status == LineReader::Status::kEnd) return 0;
      if (status == LineReader::Status::kInterrupted) {
        if (!interactive_) return kInterruptedStatus;
        if (interrupted_before_) return 0;
        interrupted_before_ = true;
        write_err("(Ctrl-C again or Ctrl-D leaves)\n");
        continue;
      }
      interrupted_before_ = false;
      if (message.find_first_not_of(" \t") == std::string::npos) continue;
      try {
        if (const std::optional<int> exit_status = take(message)) return *exit_status;
      } catch (const Error& error) {
        // A fault of hadal's own may have left the engine unfit: it ends the program.
        if (!interactive_ || error.code() == ErrorCode::kInternal) throw;
        write_err(fmt::format("error: {}\n", error.what()));
      }
    }
  }

 private:
  LineReader::Status read_message(std::string& message) {
    std::string prompt = "> ";
    std::string line;
    while (true) {
      const LineReader::Status status = reader_->read(prompt, line);
      if (status == LineReader::Status::kEnd && !message.empty()) return LineReader::Status::kLine;
      if (status != LineReader::Status::kLine) return status;
      if (!line.ends_with('\\')) {
        message += line;
        return status;
      }
      line.back() = '\n';
      message += line;
      prompt = ". ";
    }
  }

  // A command or a message. Returns the exit status when it was the last.
  std::optional<int> take(const std::string& message) {
    if (message.front() == '/') {
      const std::string command = message.substr(0, message.find_last_not_of(" \t") + 1);
      if (command == "/quit" || command == "/exit") return 0;
      if (command == "/help") {
        write_err(kHelp);
        return std::nullopt;
      }
      if (command == "/reset") {
        conversation_.reset();
        if (interactive_) write_err("(forgotten)\n");
        return std::nullopt;
      }
      // "/etc/hosts is a file" is a message; "/rest" is a slip.
      if (command.find_first_of(" /", 1) == std::string::npos) {
        const std::array<std::string, 3> known = {"/help", "/reset", "/quit"};
        const std::string meant = nearest(command, known);
        throw Error({.code = ErrorCode::kInvalidArgument,
                     .where = printable(command),
                     .what = "is no command of this conversation",
                     .remedy = meant.empty() ? "/help lists them" : "did you mean " + meant + "?"});
      }
    }
    if (!is_valid_utf8(message)) {
      throw Error({.code = ErrorCode::kInvalidArgument,
                   .where = "standard input",
                   .what = "is not UTF-8",
                   .remedy = "convert the text, for example with iconv"});
    }
    InterruptGuard::clear();
    AnswerPrinter printer;
    const ChatResult result = conversation_.say(
        message, [&](const CompletionEvent& event) { printer.print(event); },
        &InterruptGuard::flag());
    printer.finish(result);
    InterruptGuard::clear();
    // Nobody sits at the other end of a pipe to say something else.
    if (!interactive_ && result.reason == FinishReason::kCancelled) return kInterruptedStatus;
    return std::nullopt;
  }

  Conversation& conversation_;
  bool interactive_ = input_is_terminal();
  // A person who presses Ctrl-C once more than an answer needs wants to keep the conversation.
  InterruptGuard guard_{interactive_ && output_is_terminal()
                            ? InterruptGuard::Second::kCounts
                            : InterruptGuard::Second::kEndsProgram};
  std::unique_ptr<LineReader> reader_ = LineReader::open();
  bool interrupted_before_ = false;
};

}  // namespace

int chat_loop(Conversation& conversation, const std::string& greeting) {
  return ChatLoop(conversation).run(greeting);
}

}  // namespace hadal
