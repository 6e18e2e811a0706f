#include "measure/client/sse_reader.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace hadal {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

// The place of the first \n or \r at or after `from`; npos: none.
size_t find_line_end(std::string_view bytes, size_t from) {
  const auto find = [&](char c) {
    const void* at = std::memchr(bytes.data() + from, c, bytes.size() - from);
    return at == nullptr ? std::string_view::npos
                         : static_cast<size_t>(static_cast<const char*>(at) - bytes.data());
  };
  if (from >= bytes.size()) return std::string_view::npos;
  const size_t feed = find('\n');
  // Returns are rare: look for one only in front of the feed.
  const std::string_view head = bytes.substr(0, feed);
  const void* at = std::memchr(head.data() + from, '\r', head.size() - from);
  return at == nullptr ? feed : static_cast<size_t>(static_cast<const char*>(at) - bytes.data());
}

}  // namespace

void SseReader::reset() {
  line_.clear();
  data_.clear();
  has_data_ = false;
  after_return_ = false;
  at_start_ = true;
}

void SseReader::feed(std::string_view bytes, Sink sink) {
  size_t begin = 0;
  if (after_return_ && !bytes.empty()) {
    if (bytes[0] == '\n') begin = 1;
    after_return_ = false;
  }
  while (begin < bytes.size()) {
    const size_t end = find_line_end(bytes, begin);
    const std::string_view piece = bytes.substr(begin, end - begin);
    if (end == std::string_view::npos) {
      if (line_.size() + piece.size() + data_.size() > kMaxEventBytes) {
        throw Error({.code = ErrorCode::kResourceExhausted,
                     .where = "event stream",
                     .what = "an event has more than 64 MiB",
                     .remedy = "the server does not stream tokens; check its URL"});
      }
      line_.append(piece);
      return;
    }
    if (line_.empty()) {
      take_line(piece, sink);
    } else {
      line_.append(piece);
      const std::string line = std::move(line_);
      line_.clear();
      take_line(line, sink);
    }
    begin = end + 1;
    if (bytes[end] == '\r') {
      if (begin == bytes.size()) {
        after_return_ = true;
      } else if (bytes[begin] == '\n') {
        ++begin;
      }
    }
  }
}

void SseReader::take_line(std::string_view line, Sink sink) {
  if (at_start_) {
    at_start_ = false;
    if (line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
  }
  if (line.empty()) {
    if (has_data_) {
      has_data_ = false;
      sink(data_);
      data_.clear();
    }
    return;
  }
  constexpr std::string_view kData = "data";
  if (!line.starts_with(kData)) return;
  line.remove_prefix(kData.size());
  if (!line.empty()) {
    if (line[0] != ':') return;  // a field with a longer name
    line.remove_prefix(1);
    if (!line.empty() && line[0] == ' ') line.remove_prefix(1);
  }
  if (data_.size() + line.size() > kMaxEventBytes) {
    throw Error({.code = ErrorCode::kResourceExhausted,
                 .where = "event stream",
                 .what = "an event has more than 64 MiB",
                 .remedy = "the server does not stream tokens; check its URL"});
  }
  if (has_data_) data_.push_back('\n');
  data_.append(line);
  has_data_ = true;
}

}  // namespace hadal
