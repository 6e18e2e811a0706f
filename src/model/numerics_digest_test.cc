#include "model/numerics_digest.h"

#include <algorithm>
#include <gtest/gtest.h>

namespace hadal {
namespace {

TEST(NumericsDigest, IsSixteenHexadecimalDigits) {
  const std::string_view digest = numerics_digest();
  EXPECT_EQ(digest.size(), 16U);
  EXPECT_TRUE(std::all_of(digest.begin(), digest.end(), [](char digit) {
    return (digit >= '0' && digit <= '9') || (digit >= 'a' && digit <= 'f');
  })) << digest;
}

}  // namespace
}  // namespace hadal
