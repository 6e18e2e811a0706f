#include "measure/client/secrets.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <fmt/format.h>

#include "base/utf8.h"

namespace hadal {
namespace {

enum class Escapes { kFewest, kSlashes, kAllButAscii };

// As it stands in a JSON string: with what must be escaped, with slashes as well (PHP writes so),
// or with every character beyond ASCII (Python does).
std::string json_escaped(const std::string& text, Escapes escapes) {
  std::string out;
  const auto put_ascii = [&](char c) {
    if (c == '"' || c == '\\' || (c == '/' && escapes == Escapes::kSlashes)) out += '\\';
    out += c;
  };
  if (escapes != Escapes::kAllButAscii || !is_valid_utf8(text)) {
    for (const char c : text) put_ascii(c);
    return out;
  }
  std::u32string code_points;
  utf8_decode(text, code_points);
  for (const auto c : code_points) {
    constexpr uint32_t kFirstOfTwo = 0x10000;
    const auto code = static_cast<uint32_t>(c);
    if (code < 0x80) {
      put_ascii(static_cast<char>(code));
    } else if (code < kFirstOfTwo) {
      out += fmt::format("\\u{:04x}", code);
    } else {
      out += fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + ((code - kFirstOfTwo) >> 10),
                         0xDC00 + ((code - kFirstOfTwo) & 0x3FF));
    }
  }
  return out;
}

// As it stands in an address.
std::string percent_encoded(const std::string& text, bool upper) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '-' || c == '.' || c == '_' || c == '~') {
      out += c;
    } else {
      out += upper ? fmt::format("%{:02X}", byte) : fmt::format("%{:02x}", byte);
    }
  }
  return out;
}

}  // namespace

std::vector<std::string> secrets_of(const std::vector<std::string>& headers) {
  constexpr size_t kShortest = 6;
  std::vector<std::string> secrets;
  for (const std::string& header : headers) {
    const size_t colon = header.find(':');
    if (colon == std::string::npos) continue;
    const size_t begin = header.find_first_not_of(" \t", colon + 1);
    if (begin == std::string::npos) continue;
    const std::string value = header.substr(begin);
    const size_t last = value.rfind(' ') + 1;
    for (const std::string& secret : {value, value.substr(last)}) {
      if (secret.size() < kShortest) continue;
      secrets.push_back(secret);
      for (const Escapes escapes : {Escapes::kFewest, Escapes::kSlashes, Escapes::kAllButAscii}) {
        secrets.push_back(json_escaped(secret, escapes));
      }
      secrets.push_back(percent_encoded(secret, true));
      secrets.push_back(percent_encoded(secret, false));
    }
  }
  // The longest first: it may hold another.
  std::sort(secrets.begin(), secrets.end(), [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() > b.size() : a < b;
  });
  secrets.erase(std::unique(secrets.begin(), secrets.end()), secrets.end());
  return secrets;
}

std::string without_secrets(std::string text, const std::vector<std::string>& secrets) {
  constexpr std::string_view kInstead = "[removed]";
  for (const std::string& secret : secrets) {
    for (size_t at = text.find(secret); at != std::string::npos; at = text.find(secret, at)) {
      text.replace(at, secret.size(), kInstead);
      at += kInstead.size();
    }
  }
  return text;
}

}  // namespace hadal
