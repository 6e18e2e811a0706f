#include "cache/siphash.h"

#include <gtest/gtest.h>
#include <vector>

namespace hadal {
namespace {

constexpr SipKey kReferenceKey = {.low = 0x0706050403020100, .high = 0x0f0e0d0c0b0a0908};

std::vector<std::byte> counting_bytes(size_t count) {
  std::vector<std::byte> bytes(count);
  for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::byte>(i);
  return bytes;
}

// The vectors published with the reference implementation: key 00..0f, messages 00, 01, 02, ...
TEST(SipHash, GivesThePublishedHashes) {
  EXPECT_EQ(to_hex(siphash(kReferenceKey, {})), "a3817f04ba25a8e66df67214c7550293");
  EXPECT_EQ(to_hex(siphash(kReferenceKey, counting_bytes(1))), "da87c1d86b99af44347659119b22fc45");
  EXPECT_EQ(to_hex(siphash(kReferenceKey, counting_bytes(2))), "8177228da4a45dc7fca38bdef60affe4");
  EXPECT_EQ(to_hex(siphash(kReferenceKey, counting_bytes(5))), "1368875980776f8854527a07690e9627");
  EXPECT_EQ(to_hex(siphash(kReferenceKey, counting_bytes(15))), "5493e99933b0a8117e08ec0f97cfc3d9");
}

TEST(SipHash, DoesNotDependOnHowTheMessageIsCut) {
  const std::vector<std::byte> message = counting_bytes(41);
  const Hash128 whole = siphash(kReferenceKey, message);
  for (size_t first = 0; first <= message.size(); ++first) {
    for (size_t second = 0; first + second <= message.size(); second += 3) {
      const std::span<const std::byte> bytes(message);
      SipHash hash(kReferenceKey);
      hash.update(bytes.first(first)).update(bytes.subspan(first, second));
      hash.update(bytes.subspan(first + second));
      EXPECT_EQ(hash.finish(), whole) << first << " + " << second;
    }
  }
}

TEST(SipHash, DependsOnTheKey) {
  const std::vector<std::byte> message = counting_bytes(20);
  EXPECT_NE(siphash({.low = 1}, message), siphash({.low = 2}, message));
  EXPECT_NE(siphash({.high = 1}, message), siphash({.high = 2}, message));
}

}  // namespace
}  // namespace hadal
