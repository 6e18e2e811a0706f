#include "cache/cache_secret.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "base/checksum.h"
#include "base/unaligned.h"

namespace hadal {
namespace {

constexpr std::string_view kName = "hadal-kv secret ";
constexpr std::string_view kVersion = "2 ";
constexpr std::string_view kOlderVersion = "1 ";
constexpr size_t kDigits = 32;  // of 128 bits

// Tells a secret of which a digit changed.
Hash128 check_of(std::string_view line) { return checksum(std::as_bytes(std::span(line))); }

std::optional<uint64_t> hex_word(std::string_view digits) {
  uint64_t word = 0;
  for (size_t i = 0; i < digits.size(); ++i) {
    const char c = digits[i];
    const bool is_letter = c >= 'a' && c <= 'f';
    if (!is_letter && (c < '0' || c > '9')) return std::nullopt;
    const auto digit = static_cast<uint64_t>(is_letter ? c - 'a' + 10 : c - '0');
    word |= digit << (8 * (i / 2) + (i % 2 == 0 ? 4 : 0));
  }
  return word;
}

bool is_text(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) {
    return (c >= ' ' && c <= '~') || c == '\n' || c == '\r' || c == '\t';
  });
}

}  // namespace

std::string encode_secret(const SipKey& secret) {
  std::string line = std::string(kName) + std::string(kVersion) +
                     to_hex(Hash128{.low = secret.low, .high = secret.high});
  return line + " " + to_hex(check_of(line)) + "\n";
}

DecodedSecret decode_secret(std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  DecodedSecret decoded;
  if (text.size() == sizeof(SipKey) && !is_text(text)) {
    decoded.state = SecretState::kGood;
    decoded.secret = load_unaligned<SipKey>(bytes.data());
    return decoded;
  }
  // What they all begin with tells whose it is, be there less of it.
  const bool is_own = !text.empty() && text.size() <= kMaxSecretBytes &&
                      text.starts_with(kName.substr(0, text.size()));
  if (!is_own) return decoded;
  decoded.state = SecretState::kDamaged;
  if (text.size() <= kName.size()) return decoded;
  std::string_view rest = text;
  rest.remove_prefix(kName.size());
  if (!rest.starts_with(kVersion)) {
    const bool is_newer = rest.size() >= 2 && rest[0] >= '3' && rest[0] <= '9' && rest[1] == ' ';
    if (is_newer) decoded.state = SecretState::kNewer;
    if (rest.starts_with(kOlderVersion)) decoded.state = SecretState::kOlder;
    return decoded;
  }
  rest.remove_prefix(kVersion.size());
  if (rest.size() < kDigits) return decoded;
  const auto low = hex_word(rest.substr(0, kDigits / 2));
  const auto high = hex_word(rest.substr(kDigits / 2, kDigits / 2));
  if (!low || !high) return decoded;
  decoded.secret = {.low = *low, .high = *high};
  if (text == encode_secret(decoded.secret)) decoded.state = SecretState::kGood;
  return decoded;
}

}  // namespace hadal
