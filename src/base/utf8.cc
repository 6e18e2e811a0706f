#include "base/utf8.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace hadal {
namespace {

struct LeadByte {
  size_t length;       // of the whole sequence; 0: not a lead byte
  uint8_t second_min;  // the allowed range of the second byte; later bytes are 80..BF
  uint8_t second_max;
};

// Table 3-7 of the Unicode standard, "Well-Formed UTF-8 Byte Sequences".
LeadByte classify(uint8_t byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte < 0xC2) return {0, 0, 0};
  if (byte < 0xE0) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

uint8_t byte_at(std::string_view text, size_t i) { return static_cast<uint8_t>(text[i]); }

// The number of bytes at the start of `text` that fit a well-formed sequence, complete or not.
size_t well_formed_prefix(std::string_view text) {
  const LeadByte lead = classify(byte_at(text, 0));
  if (lead.length == 0) return 0;
  size_t n = 1;
  while (n < lead.length && n < text.size()) {
    const uint8_t low = n == 1 ? lead.second_min : 0x80;
    const uint8_t high = n == 1 ? lead.second_max : 0xBF;
    if (byte_at(text, n) < low || byte_at(text, n) > high) break;
    ++n;
  }
  return n;
}

}  // namespace

size_t utf8_sequence_length(std::string_view text) {
  if (text.empty()) return 0;
  const LeadByte lead = classify(byte_at(text, 0));
  return lead.length != 0 && well_formed_prefix(text) == lead.length ? lead.length : 0;
}

size_t utf8_valid_prefix(std::string_view text) {
  constexpr uint64_t kHighBits = 0x8080808080808080;
  size_t i = 0;
  while (i < text.size()) {
    // Most text is ASCII: eight bytes at once.
    uint64_t word = 0;
    while (i + sizeof word <= text.size()) {
      std::memcpy(&word, text.data() + i, sizeof word);
      if ((word & kHighBits) != 0) break;
      i += sizeof word;
    }
    if (i == text.size()) break;
    const size_t length = utf8_sequence_length(text.substr(i));
    if (length == 0) break;
    i += length;
  }
  return i;
}

bool is_valid_utf8(std::string_view text) { return utf8_valid_prefix(text) == text.size(); }

void utf8_decode(std::string_view text, std::u32string& code_points) {
  code_points.resize(text.size());
  size_t count = 0;
  for (size_t i = 0; i < text.size();) {
    const char32_t lead = byte_at(text, i);
    const auto tail = [&](size_t k) -> char32_t { return byte_at(text, i + k) & 0x3F; };
    if (lead < 0x80) {
      code_points[count++] = lead;
      i += 1;
    } else if (lead < 0xE0) {
      code_points[count++] = (lead & 0x1F) << 6 | tail(1);
      i += 2;
    } else if (lead < 0xF0) {
      code_points[count++] = (lead & 0x0F) << 12 | tail(1) << 6 | tail(2);
      i += 3;
    } else {
      code_points[count++] = (lead & 0x07) << 18 | tail(1) << 12 | tail(2) << 6 | tail(3);
      i += 4;
    }
  }
  code_points.resize(count);
}

std::string utf8_encode(char32_t code_point) {
  std::string text;
  const auto put = [&](char32_t byte) { text += static_cast<char>(byte); };
  const auto put_tail = [&](int shift) { put(0x80 | (code_point >> shift & 0x3F)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0 | code_point >> 6);
    put_tail(0);
  } else if (code_point < 0x10000) {
    put(0xE0 | code_point >> 12);
    put_tail(6);
    put_tail(0);
  } else {
    put(0xF0 | code_point >> 18);
    put_tail(12);
    put_tail(6);
    put_tail(0);
  }
  return text;
}

size_t utf8_incomplete_tail(std::string_view text) {
  for (size_t n = 1; n <= std::min<size_t>(3, text.size()); ++n) {
    const std::string_view tail = text.substr(text.size() - n);
    const LeadByte lead = classify(byte_at(tail, 0));
    if (lead.length > n && well_formed_prefix(tail) == n) return n;
  }
  return 0;
}

std::string utf8_replace_invalid(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const size_t length = utf8_sequence_length(text);
    if (length != 0) {
      out.append(text.substr(0, length));
      text.remove_prefix(length);
    } else {
      out += "\xEF\xBF\xBD";
      text.remove_prefix(std::max<size_t>(1, well_formed_prefix(text)));
    }
  }
  return out;
}

}  // namespace hadal
