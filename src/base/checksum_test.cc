#include "base/checksum.h"

#include <gtest/gtest.h>
#include <string_view>
#include <vector>

namespace hadal {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// The published value of XXH3's 128-bit form for no bytes, seed 0.
TEST(Checksum, OfNothing) {
  EXPECT_EQ(checksum({}), (Hash128{.low = 0x6001c324468d497f, .high = 0x99aa06d3014798d8}));
}

TEST(Checksum, HowBytesAreCutDoesNotMatter) {
  std::vector<std::byte> bytes(5000);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 37 + i / 256);
  const std::span<const std::byte> all(bytes);
  for (const size_t piece : {size_t{1}, size_t{64}, size_t{1023}, size_t{5000}}) {
    Checksum sum;
    for (size_t at = 0; at < all.size(); at += piece) {
      sum.update(all.subspan(at, std::min(piece, all.size() - at)));
    }
    EXPECT_EQ(sum.value(), checksum(all)) << piece;
  }
}

TEST(Checksum, ADifferentBitGivesAnother) {
  EXPECT_NE(checksum(bytes_of("page 1")), checksum(bytes_of("page 2")));
  EXPECT_NE(checksum(bytes_of("page")), checksum(bytes_of({"page\0", 5})));
}

TEST(Hash128, AsHexadecimalDigits) {
  EXPECT_EQ(to_hex({.low = 0x0706050403020100, .high = 0x0f0e0d0c0b0a0908}),
            "000102030405060708090a0b0c0d0e0f");
}

}  // namespace
}  // namespace hadal
