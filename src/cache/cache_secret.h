// The file in which a cache directory keeps its secret: one line of text that is recognised as
// hadal's own, whole or damaged, so that a file of somebody else is never taken for it. Encoding
// and checking only; disk_directory.h reads and writes it.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "cache/siphash.h"

namespace hadal {

// "hadal-kv secret 2 KEY CHECK" and a line feed, the numbers hexadecimal.
std::string encode_secret(const SipKey& secret);

enum class SecretState {
  kGood,
  kDamaged,  // hadal's own, but not whole
  kOlder,    // of an older version: so are all cache files made under it, and of no use
  kNewer,    // of a newer version of hadal
  kForeign,  // not hadal's
};
struct DecodedSecret {
  SecretState state = SecretState::kForeign;
  SipKey secret;  // where kGood
};
// Takes any bytes. 16 bytes that are no text are the secret itself: so it was kept at first.
DecodedSecret decode_secret(std::span<const std::byte> bytes);

// No secret file is longer.
inline constexpr size_t kMaxSecretBytes = 128;

}  // namespace hadal
