#include "cli/line_reader.h"

#include <cerrno>
#include <clocale>
#include <cstdio>
#include <histedit.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include "base/check.h"
#include "base/files.h"
#include "base/leftovers.h"
#include "cli/terminal.h"

namespace hadal {
namespace {

// Reads by itself: std::getline would go on waiting after Ctrl-C.
class PlainReader : public LineReader {
 public:
  Status read(const std::string& /*prompt*/, std::string& line) override {
    size_t end = 0;
    while ((end = buffer_.find('\n', searched_)) == std::string::npos) {
      searched_ = buffer_.size();
      char piece[4096];
      const ssize_t n = ::read(STDIN_FILENO, piece, sizeof(piece));
      if (n < 0 && errno == EINTR) {
        if (InterruptGuard::flag()) return drop();
        continue;
      }
      if (n < 0 && errno == EAGAIN) {
        pollfd ready = {.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
        ::poll(&ready, 1, -1);
        if (InterruptGuard::flag()) return drop();
        continue;
      }
      if (n < 0) throw_system_error("standard input", "cannot be read", errno);
      if (n > 0) {
        buffer_.append(piece, static_cast<size_t>(n));
        continue;
      }
      if (buffer_.empty()) return Status::kEnd;
      end = buffer_.size();
      break;
    }
    line = buffer_.substr(0, end);
    buffer_.erase(0, end + 1);
    searched_ = 0;
    if (line.ends_with('\r')) line.pop_back();
    return Status::kLine;
  }

 private:
  Status drop() {
    InterruptGuard::clear();
    buffer_.clear();
    searched_ = 0;
    return Status::kInterrupted;
  }

  std::string buffer_;
  size_t searched_ = 0;  // so many bytes of the buffer hold no line feed
};

class Editor : public LineReader {
 public:
  Editor() {
    // The editor counts columns by locale; in the C locale every other letter would be escaped.
    if (std::setlocale(LC_CTYPE, "") == nullptr || MB_CUR_MAX == 1) {
      std::setlocale(LC_CTYPE, "C.UTF-8");
    }
    constexpr int kHistoryLines = 1000;
    history_ = history_init();
    HADAL_CHECK(history_ != nullptr);
    HistEvent event;
    history(history_, &event, H_SETSIZE, kHistoryLines);
    editor_ = el_init("hadal", stdin, stdout, stderr);
    HADAL_CHECK(editor_ != nullptr);
    el_set(editor_, EL_CLIENTDATA, this);
    el_set(editor_, EL_PROMPT, &Editor::prompt_of);
    el_set(editor_, EL_EDITOR, "emacs");
    el_set(editor_, EL_HIST, history, history_);
    el_set(editor_, EL_SIGNAL, 0);
    // While a line is edited Ctrl-C is a key like any other, not a signal.
    el_set(editor_, EL_SETTY, "-d", "-isig", nullptr);
    el_set(editor_, EL_ADDFN, "hadal-interrupt", "Drop the line", &Editor::interrupt);
    el_set(editor_, EL_BIND, "^C", "hadal-interrupt", nullptr);
    el_set(editor_, EL_BIND, "^R", "em-inc-search-prev", nullptr);
    el_set(editor_, EL_BIND, "\\e[1;5C", "em-next-word", nullptr);
    el_set(editor_, EL_BIND, "\\e[1;5D", "ed-prev-word", nullptr);
  }

  ~Editor() override {
    el_end(editor_);
    history_end(history_);
  }
  Editor(const Editor&) = delete;
  Editor& operator=(const Editor&) = delete;

  Status read(const std::string& prompt, std::string& line) override {
    prompt_ = prompt;
    interrupted_ = false;
    line.clear();
    int length = 0;
    // Before the prompt invites to type: el_gets itself does it after printing, and a key that came
    // between the two would be lost.
    el_set(editor_, EL_PREP_TERM, 1);
    const char* text = el_gets(editor_, &length);
    if (interrupted_ || (text == nullptr && InterruptGuard::flag())) {
      InterruptGuard::clear();
      write_err("\n");
      return Status::kInterrupted;
    }
    if (text == nullptr || length <= 0) {
      write_err("\n");
      return Status::kEnd;
    }
    line.assign(text, static_cast<size_t>(length));
    if (line.ends_with('\n')) line.pop_back();
    if (!line.empty()) {
      HistEvent event;
      history(history_, &event, H_ENTER, line.c_str());
    }
    return Status::kLine;
  }

 private:
  static Editor* self(EditLine* editor) {
    void* data = nullptr;
    el_get(editor, EL_CLIENTDATA, &data);
    return static_cast<Editor*>(data);
  }
  static char* prompt_of(EditLine* editor) { return self(editor)->prompt_.data(); }
  static unsigned char interrupt(EditLine* editor, int /*key*/) {
    self(editor)->interrupted_ = true;
    return CC_EOF;
  }

  termios before_ = {};
  Leftover terminal_mode_{[this] { ::tcgetattr(STDIN_FILENO, &before_); },
                          [this] {
                            // In the background the terminal is another's.
                            if (::tcgetpgrp(STDIN_FILENO) == ::getpgrp()) {
                              ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
                            }
                          }};
  EditLine* editor_ = nullptr;
  History* history_ = nullptr;
  std::string prompt_;
  bool interrupted_ = false;
};

}  // namespace

std::unique_ptr<LineReader> LineReader::open() {
  if (input_is_terminal() && output_is_terminal()) return std::make_unique<Editor>();
  return std::make_unique<PlainReader>();
}

}  // namespace hadal
