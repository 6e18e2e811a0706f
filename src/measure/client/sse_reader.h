// Cuts a stream of server-sent events, which comes in pieces of any size, into the data of its
// events (https://html.spec.whatwg.org/multipage/server-sent-events.html). Knows nothing of what
// the data means.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/function_ref.h"

namespace hadal {

class SseReader {
 public:
  // An event longer than this is refused: nobody streams tokens in such pieces.
  static constexpr size_t kMaxEventBytes = size_t{64} << 20;

  // Called with the data of each event, its lines joined by line feeds. The view is valid during
  // the call. Comments and fields other than data are passed over, events without data as well.
  using Sink = FunctionRef<void(std::string_view data)>;

  // Throws Error kResourceExhausted for an event longer than kMaxEventBytes.
  void feed(std::string_view bytes, Sink sink);
  // The stream has ended: whether bytes of an unfinished event are left over.
  bool has_rest() const { return !line_.empty() || has_data_; }
  // As new, keeping its memory.
  void reset();

 private:
  void take_line(std::string_view line, Sink sink);

  std::string line_;  // the beginning of a line whose end has not come
  std::string data_;  // of the event so far
  bool has_data_ = false;
  bool after_return_ = false;  // the last byte was \r: a \n that follows belongs to it
  bool at_start_ = true;       // a byte order mark may come
};

}  // namespace hadal
