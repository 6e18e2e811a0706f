#include "numeric/weight_format.h"

#include <gtest/gtest.h>

namespace hadal {
namespace {

TEST(WeightFormat, BytesOfARow) {
  EXPECT_EQ(row_bytes(WeightFormat::kF32, 96), 384U);
  EXPECT_EQ(row_bytes(WeightFormat::kBf16, 96), 192U);
  EXPECT_EQ(row_bytes(WeightFormat::kFp8, 96), 96U);
  EXPECT_EQ(row_bytes(WeightFormat::kFp4, 96), 48U);
}

TEST(WeightFormat, BlocksAtTheEdgesHaveScalesOfTheirOwn) {
  const WeightBytes fp8 = weight_bytes(WeightFormat::kFp8, 129, 256);
  EXPECT_EQ(fp8.values, 129U * 256U);
  EXPECT_EQ(fp8.exponents, 4U);
  const WeightBytes fp4 = weight_bytes(WeightFormat::kFp4, 3, 64);
  EXPECT_EQ(fp4.values, 96U);
  EXPECT_EQ(fp4.exponents, 6U);
  EXPECT_EQ(fp4.all(), 102U);
  EXPECT_EQ(weight_bytes(WeightFormat::kBf16, 3, 64).all(), 384U);
}

TEST(WeightFormat, Int8TilesAreWhole) {
  const WeightBytes tiles = int8_tile_bytes(17, 256);
  EXPECT_EQ(tiles.values, 32U * 256U);
  EXPECT_EQ(tiles.exponents, 0U);
  EXPECT_EQ(tiles.float_scales, 32U * 2 * 4);
}

}  // namespace
}  // namespace hadal
