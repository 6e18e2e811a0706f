#include "measure/workload/trace_line_reader.h"

#include <cerrno>
#include <cstring>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "measure/workload/limits.h"

namespace hadal {

TraceLineReader::TraceLineReader(const std::filesystem::path& path)
    : name_(path.string()), file_(std::make_unique<InputFile>(path)) {}

TraceLineReader::TraceLineReader(std::string_view text, std::string name)
    : name_(std::move(name)), rest_(text) {}

std::string TraceLineReader::place() const { return name_ + " line " + std::to_string(number_); }

bool TraceLineReader::read_more() {
  if (file_ == nullptr) return false;
  constexpr size_t kRead = size_t{1} << 20;
  const size_t kept = rest_.size();
  if (kept > 0) std::memmove(buffer_.data(), rest_.data(), kept);
  buffer_.resize(std::max(kept + kRead, kept * 2));
  ssize_t got = 0;
  do {
    got = ::read(file_->fd(), buffer_.data() + kept, buffer_.size() - kept);
  } while (got < 0 && errno == EINTR);
  if (got < 0) throw_system_error(name_, "cannot be read", errno);
  rest_ = std::string_view(buffer_.data(), kept + static_cast<size_t>(got));
  return got > 0;
}

bool TraceLineReader::next_of_any_kind(std::string_view& line) {
  size_t searched = 0;
  while (true) {
    const size_t end = rest_.find('\n', searched);
    searched = rest_.size();
    const bool too_long = std::min(end, rest_.size()) > kLongestTraceLine;
    if (too_long) {
      ++number_;
      throw Error({.code = ErrorCode::kInvalidFile,
                   .where = place(),
                   .what = "is longer than " + std::to_string(kLongestTraceLine >> 20) + " MiB",
                   .remedy = "give one JSON value a line"});
    }
    if (end != std::string_view::npos) {
      line = rest_.substr(0, end);
      rest_.remove_prefix(end + 1);
      ++number_;
      return true;
    }
    if (read_more()) continue;
    if (rest_.empty()) return false;
    line = rest_;
    rest_ = {};
    ++number_;
    return true;
  }
}

bool TraceLineReader::next(std::string_view& line) {
  while (next_of_any_kind(line)) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.find_first_not_of(" \t\r\v\f") != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace hadal
