// Lines of standard input: edited with history on a terminal, plain otherwise.
#pragma once

#include <memory>
#include <string>

namespace hadal {

class LineReader {
 public:
  enum class Status { kLine, kEnd, kInterrupted };

  // An editor when standard input and output are terminals.
  static std::unique_ptr<LineReader> open();
  virtual ~LineReader() = default;

  // Reads one line without its end. The prompt is shown by an editor only. kInterrupted: Ctrl-C was
  // pressed and what stood in the line is dropped.
  virtual Status read(const std::string& prompt, std::string& line) = 0;
};

}  // namespace hadal
