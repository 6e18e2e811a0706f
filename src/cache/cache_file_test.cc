#include "cache/cache_file.h"

#include <gtest/gtest.h>

namespace hadal {
namespace {

TEST(CacheFile, NamesAreReadBack) {
  const Hash128 key = {.low = 0x0123456789abcdef, .high = 0xfedcba9876543210};
  for (const CacheFileKind kind : {CacheFileKind::kPage, CacheFileKind::kImage}) {
    const CacheFileName name{.kind = kind, .key = key};
    EXPECT_EQ(parse_file_name(file_name(name)), name);
  }
  EXPECT_EQ(file_name({.kind = CacheFileKind::kPage, .key = key}),
            "efcdab89674523011032547698badcfe.page");
  for (const std::string_view other :
       {"", "lock", "secret", "efcdab89674523011032547698badcfe", "README.page",
        "EFCDAB89674523011032547698badcfe.page", "efcdab89674523011032547698badcfe.page.tmp"}) {
    EXPECT_FALSE(parse_file_name(other)) << other;
  }
}

TEST(CacheFile, HeadersAreReadBack) {
  const CacheFileInfo info = {
      .kind = CacheFileKind::kImage,
      .identity = {.model = {.low = 11, .high = 12}, .layout = 22, .numerics = "fp8 ref"},
      .secret_check = {.low = 1, .high = 2},
      .key = {.low = 3, .high = 4},
      .parent = {.low = 5, .high = 6},
      .length = 700,
      .tokens = 60,
      .drafter_rows = 699,
      .blocks = 7,
      .block_bytes = 917504,
      .checksum = {.low = 8, .high = 9}};
  const CacheFileHeader header = encode_header(info);
  const DecodedHeader decoded = decode_header(header);
  EXPECT_EQ(decoded.state, HeaderState::kGood);
  EXPECT_EQ(decoded.info, info);
  EXPECT_EQ(info.file_bytes(), 256U + 4 * 60 + 7U * 917504);
}

}  // namespace
}  // namespace hadal
