#include "server/json_body.h"

#include <string>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "json/python_json.h"
#include "server/api_error.h"

namespace hadal {
namespace {

constexpr std::string_view kUtf8Mark = "\xef\xbb\xbf";

// The encoding by its mark, else by the place of the zeros: JSON begins with an ASCII character,
// and holds no zero byte in UTF-8. Empty: nothing speaks against UTF-8.
std::string_view foreign_encoding(std::string_view body) {
  // The longer marks first: that of UTF-32LE begins like that of UTF-16LE.
  if (body.starts_with(std::string_view("\xff\xfe\0\0", 4))) return "UTF-32LE";
  if (body.starts_with(std::string_view("\0\0\xfe\xff", 4))) return "UTF-32BE";
  if (body.starts_with("\xff\xfe")) return "UTF-16LE";
  if (body.starts_with("\xfe\xff")) return "UTF-16BE";
  const auto zero = [&](size_t i) { return i < body.size() && body[i] == '\0'; };
  if (body.size() < 2 || (zero(0) && zero(1) && (!zero(2) || zero(3)))) return {};
  if (zero(0)) return zero(1) ? "UTF-32BE" : "UTF-16BE";
  if (zero(1)) return zero(2) && zero(3) ? "UTF-32LE" : "UTF-16LE";
  return {};
}

// By the first bytes, none of which can begin JSON; empty: not compressed.
std::string_view compression(std::string_view body) {
  if (body.starts_with("\x1f\x8b")) return "gzip";
  if (body.starts_with("\x28\xb5\x2f\xfd")) return "zstd";
  return {};
}

// The largest context has a quarter of this in tokens; a value takes up to 100 bytes of memory.
constexpr size_t kMostValues = size_t{1} << 22;

// Whether `text` can hold more values than kMostValues: all but the first follow a comma or an
// opening bracket outside of strings.
bool has_too_many_values(std::string_view text) {
  size_t marks = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') {
      in_string = !in_string;
    } else if (in_string) {
      if (c == '\\') ++i;
    } else if (c == ',' || c == '[' || c == '{') {
      ++marks;
    }
  }
  return marks >= kMostValues;
}

[[noreturn]] void refuse(std::string message) {
  throw ApiException({.status = 400, .message = std::move(message), .code = "invalid_json"});
}

}  // namespace

nlohmann::ordered_json parse_json_body(std::string_view body) {
  if (const std::string_view encoding = foreign_encoding(body); !encoding.empty()) {
    refuse("request body: the JSON text is in " + std::string(encoding) + "; send it in UTF-8");
  }
  if (const std::string_view coding = compression(body); !coding.empty()) {
    refuse("request body: is compressed with " + std::string(coding) + "; send it uncompressed");
  }
  const size_t mark = body.starts_with(kUtf8Mark) ? kUtf8Mark.size() : 0;
  if (body.size() == mark) refuse("request body: is empty; send a JSON object");
  if (has_too_many_values(body)) {
    refuse("request body: has more than " + std::to_string(kMostValues) + " JSON values");
  }
  // Space in the place of a mark keeps the offsets of errors those of the body as it was sent.
  std::string unmarked;
  if (mark != 0) {
    unmarked = std::string(mark, ' ') + std::string(body.substr(mark));
    body = unmarked;
  }
  try {
    return parse_json(body, "request body", ErrorCode::kInvalidArgument,
                      {.replaces_lone_surrogates = true});
  } catch (const Error& error) {
    refuse(error.what());
  }
}

}  // namespace hadal
