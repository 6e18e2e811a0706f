// The characters of Unicode in blocks, and digests of what is found out about them, as
// tools/unicode/make_golden.mjs makes them.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace hadal {

// Without surrogates; a block may be empty.
inline std::vector<std::u32string> blocks_of_characters() {
  constexpr char32_t kBlock = 0x1000;
  std::vector<std::u32string> blocks;
  for (char32_t first = 0; first <= 0x10FFFF; first += kBlock) {
    std::u32string& block = blocks.emplace_back();
    for (char32_t c = first; c < first + kBlock; ++c) {
      if (c < 0xD800 || c > 0xDFFF) block += c;
    }
  }
  return blocks;
}

inline std::string hex(uint64_t number, int digits = 1) {
  char text[20];
  std::snprintf(text, sizeof(text), "%0*llx", digits, static_cast<unsigned long long>(number));
  return text;
}

inline std::string fnv1a(std::string_view text) {
  uint64_t hash = 0xCBF29CE484222325;
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001B3;
  return hex(hash, 16);
}

// Of ascending code points, as ranges.
inline std::string fnv1a_of_ranges(std::u32string_view code_points) {
  std::string text;
  for (size_t i = 0; i < code_points.size();) {
    const size_t first = i;
    while (++i < code_points.size() && code_points[i] == code_points[i - 1] + 1) {
    }
    text += hex(code_points[first]) + "-" + hex(code_points[i - 1]) + "\n";
  }
  return fnv1a(text);
}

}  // namespace hadal
