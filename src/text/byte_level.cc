#include "text/byte_level.h"

#include <array>
#include <cstddef>

#include "base/utf8.h"

namespace hadal {
namespace {

constexpr uint16_t kNoByte = 0xFFFF;
constexpr size_t kAlphabetEnd = 256 + 68;  // 68 bytes are not printable

struct Alphabet {
  std::array<uint16_t, 256> character{};         // of a byte
  std::array<uint16_t, kAlphabetEnd> byte_of{};  // of a character, or kNoByte
};

constexpr bool is_printable(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

constexpr Alphabet make_alphabet() {
  Alphabet alphabet;
  for (auto& byte : alphabet.byte_of) byte = kNoByte;
  uint16_t next = 256;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const uint16_t character = is_printable(byte) ? static_cast<uint16_t>(byte) : next++;
    alphabet.character[byte] = character;
    alphabet.byte_of[character] = static_cast<uint16_t>(byte);
  }
  return alphabet;
}

constexpr Alphabet kAlphabet = make_alphabet();

}  // namespace

std::optional<std::string> byte_level_decode(std::string_view spelling) {
  std::string bytes;
  bytes.reserve(spelling.size());
  for (size_t i = 0; i < spelling.size();) {
    const size_t length = utf8_sequence_length(spelling.substr(i));
    if (length == 0 || length > 2) return std::nullopt;  // the alphabet ends before U+0800
    const auto first = static_cast<unsigned char>(spelling[i]);
    const unsigned character =
        length == 1 ? first
                    : (first & 0x1Fu) << 6 | (static_cast<unsigned char>(spelling[i + 1]) & 0x3Fu);
    if (character >= kAlphabetEnd || kAlphabet.byte_of[character] == kNoByte) return std::nullopt;
    bytes += static_cast<char>(kAlphabet.byte_of[character]);
    i += length;
  }
  return bytes;
}

std::string byte_level_encode(std::string_view bytes) {
  std::string spelling;
  for (const char c : bytes) {
    const unsigned character = kAlphabet.character[static_cast<unsigned char>(c)];
    if (character < 0x80) {
      spelling += static_cast<char>(character);
    } else {
      spelling += static_cast<char>(0xC0 | character >> 6);
      spelling += static_cast<char>(0x80 | (character & 0x3F));
    }
  }
  return spelling;
}

}  // namespace hadal
