// The lines of a file or a text, one at a time, of a bounded length.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/input_file.h"

namespace hadal {

class TraceLineReader {
 public:
  // Throws Error where the file cannot be opened or is no regular file.
  explicit TraceLineReader(const std::filesystem::path& path);
  // `text` must outlive the reader; `name` is what errors call it.
  TraceLineReader(std::string_view text, std::string name);

  // The next line that is not blank, without its end; a view that holds until the next call. False
  // at the end. Throws Error kInvalidFile for a line longer than kLongestTraceLine.
  bool next(std::string_view& line);

  const std::string& name() const { return name_; }
  int64_t line_number() const { return number_; }  // of the last line, from 1
  // "name line 12", for errors.
  std::string place() const;

 private:
  bool next_of_any_kind(std::string_view& line);
  bool read_more();

  std::string name_;
  std::unique_ptr<InputFile> file_;  // none: a text
  std::vector<char> buffer_;         // what was read and is not a line yet, from begin_ on
  std::string_view rest_;            // of a text, or of the buffer
  int64_t number_ = 0;
};

}  // namespace hadal
