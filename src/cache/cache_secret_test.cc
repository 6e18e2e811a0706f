#include "cache/cache_secret.h"

#include <gtest/gtest.h>
#include <string>

namespace hadal {
namespace {

DecodedSecret decoded(const std::string& text) {
  return decode_secret(std::as_bytes(std::span(text)));
}
SecretState state_of(const std::string& text) { return decoded(text).state; }

TEST(CacheSecret, IsReadBack) {
  const SipKey secret = {.low = 0x0123456789abcdef, .high = 0xfedcba9876543210};
  const std::string text = encode_secret(secret);
  EXPECT_TRUE(text.starts_with("hadal-kv secret 2 efcdab8967452301")) << text;
  EXPECT_LE(text.size(), kMaxSecretBytes);
  EXPECT_EQ(decoded(text).state, SecretState::kGood);
  EXPECT_EQ(decoded(text).secret.low, secret.low);
  EXPECT_EQ(decoded(text).secret.high, secret.high);
}

TEST(CacheSecret, OneOfTheVersionBeforeIsKnown) {
  EXPECT_EQ(state_of("hadal-kv secret 1 efcdab89674523011032547698badcfe "
                     "0d5bfed2e5e8d9eb377cfa3d90d8a844\n"),
            SecretState::kOlder);
}

TEST(CacheSecret, TheFormOfTheFirstVersionIsRead) {
  const std::string bytes = "0123456789abcde\x80";
  EXPECT_EQ(decoded(bytes).state, SecretState::kGood);
  EXPECT_EQ(decoded(bytes).secret.low, 0x3736353433323130U);
}

TEST(CacheSecret, OnesOwnIsKnownWhenItIsDamaged) {
  const std::string text = encode_secret({.low = 1, .high = 2});
  for (size_t size = 1; size < text.size(); ++size) {
    EXPECT_EQ(state_of(text.substr(0, size)), SecretState::kDamaged) << size;
  }
  EXPECT_EQ(state_of(text + "x"), SecretState::kDamaged);
  for (size_t i = 16; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = changed[i] == 'e' ? 'f' : 'e';
    EXPECT_EQ(state_of(changed), SecretState::kDamaged) << i;
  }
}

TEST(CacheSecret, AForeignFileIsNeverTakenForOne) {
  for (const char* text :
       {"", "x", "hat", "my own notes, please keep\n", "16 bytes of text", "hadal\n", "secret",
        "HADAL-KV secret 2 ", "hadal-kv: my notes", "hadal-kv secrets are kept in the safe"}) {
    EXPECT_EQ(state_of(text), SecretState::kForeign) << text;
  }
  EXPECT_EQ(state_of(encode_secret({}) + std::string(kMaxSecretBytes, 'x')), SecretState::kForeign);
  EXPECT_EQ(state_of(std::string(15, '\x80')), SecretState::kForeign);
  EXPECT_EQ(state_of(std::string(17, '\x80')), SecretState::kForeign);
}

TEST(CacheSecret, ANewerFormIsTold) {
  EXPECT_EQ(state_of("hadal-kv secret 3 whatever comes then\n"), SecretState::kNewer);
}

}  // namespace
}  // namespace hadal
