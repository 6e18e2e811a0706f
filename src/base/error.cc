#include "base/error.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"

namespace hadal {

std::string_view error_code_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "invalid_argument";
    case ErrorCode::kInvalidFile:
      return "invalid_file";
    case ErrorCode::kNotFound:
      return "not_found";
    case ErrorCode::kPermissionDenied:
      return "permission_denied";
    case ErrorCode::kResourceExhausted:
      return "resource_exhausted";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kDeadlineExceeded:
      return "deadline_exceeded";
    case ErrorCode::kCancelled:
      return "cancelled";
    case ErrorCode::kInternal:
      return "internal";
  }
  return "internal";
}

namespace {

// U+0080 to U+009F, in UTF-8 C2 80 to C2 9F, are control characters that terminals obey as well.
bool is_control(std::string_view character) {
  const auto first = static_cast<unsigned char>(character.front());
  if (character.size() == 1) return first < 0x20 || first == 0x7f;
  return first == 0xc2 && static_cast<unsigned char>(character[1]) < 0xa0;
}

}  // namespace

std::string printable(std::string_view text, size_t max_bytes) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  size_t i = 0;
  while (i < text.size()) {
    if (out.size() >= max_bytes) {
      out += "...";
      break;
    }
    const size_t length = utf8_sequence_length(text.substr(i));
    const std::string_view character = text.substr(i, std::max<size_t>(length, 1));
    if (length == 0 || is_control(character)) {
      for (const char c : character) {
        out += "\\x";
        out += kHex[static_cast<unsigned char>(c) >> 4];
        out += kHex[static_cast<unsigned char>(c) & 15];
      }
    } else {
      out += character;
    }
    i += character.size();
  }
  return out;
}

Error::Error(ErrorParts parts) : parts_(std::move(parts)) {
  constexpr size_t kMaxLine = 16 * 1024;  // a catalogue mismatch lists many tensors
  if (!parts_.where.empty()) line_ += printable(parts_.where, 1024) + ": ";
  line_ += printable(parts_.what, kMaxLine);
  if (!parts_.remedy.empty()) line_ += "; " + printable(parts_.remedy, kMaxLine);
}

}  // namespace hadal
