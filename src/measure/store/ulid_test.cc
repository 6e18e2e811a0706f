#include "measure/store/ulid.h"

#include <gtest/gtest.h>
#include <set>

namespace hadal {
namespace {

TEST(UlidTest, EncodesTimeAndRandomBits) {
  // The example of the specification: 01ARYZ6S41 is 1469918176385 ms.
  EXPECT_EQ(encode_ulid(1469918176385, {}).substr(0, 10), "01ARYZ6S41");
  EXPECT_EQ(encode_ulid(0, {}), std::string(26, '0'));
  EXPECT_EQ(encode_ulid((int64_t{1} << 48) - 1, {255, 255, 255, 255, 255, 255, 255, 255, 255, 255}),
            "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
  // Bits 0 to 4 of each group of five bytes are its first character.
  EXPECT_EQ(encode_ulid(0, {0x08, 0, 0, 0, 0x01, 0x08, 0, 0, 0, 0x1F}),
            "0000000000"
            "10000001"
            "1000000Z");
}

TEST(UlidTest, ReadsTheTimeBack) {
  EXPECT_EQ(ulid_time("01ARYZ6S410000000000000000"), 1469918176385);
  EXPECT_EQ(ulid_time("7ZZZZZZZZZZZZZZZZZZZZZZZZZ"), (int64_t{1} << 48) - 1);
}

TEST(UlidTest, RefusesWhatIsNone) {
  for (const char* text :
       {"", "01ARYZ6S41", "01ARYZ6S41000000000000000U", "8ZZZZZZZZZZZZZZZZZZZZZZZZZ",
        "01aryz6s410000000000000000", "01ARYZ6S4100000000000000000"}) {
    EXPECT_FALSE(ulid_time(text).has_value()) << text;
  }
}

TEST(UlidTest, Ascends) {
  std::set<std::string> seen;
  std::string last;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = make_ulid();
    ASSERT_TRUE(ulid_time(id).has_value()) << id;
    EXPECT_LT(last, id);
    last = id;
    seen.insert(id);
  }
  EXPECT_EQ(seen.size(), 1000u);
}

}  // namespace
}  // namespace hadal
