#include "ops/linear.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>

#include "numeric/bf16.h"
#include "numeric/e2m1.h"
#include "numeric/e4m3.h"
#include "numeric/e8m0.h"
#include "support/ops.h"

namespace hadal {
namespace {

using testing_support::ReferenceOps;
using testing_support::Values;

// A matrix in one of the formats at an odd address, with its values in double.
struct TestMatrix {
  WeightMatrix view;
  std::vector<std::byte> storage;
  std::vector<std::byte> scales;
  std::vector<double> values;  // [out, in]
};

TestMatrix make_matrix(WeightFormat format, int out_features, int in_features, uint32_t seed) {
  Values random(seed);
  TestMatrix matrix;
  const auto count = static_cast<size_t>(out_features) * static_cast<size_t>(in_features);
  matrix.values.resize(count);
  matrix.storage.resize(count * 4 + 1);
  std::byte* data = matrix.storage.data() + 1;
  const int block_columns = (in_features + 127) / 128;
  const auto scale_byte = [&] { return static_cast<uint8_t>(120 + random.below(12)); };
  if (format == WeightFormat::kFp8) {
    matrix.scales.resize(static_cast<size_t>((out_features + 127) / 128 * block_columns));
  } else if (format == WeightFormat::kFp4) {
    matrix.scales.resize(count / 32);
  }
  for (std::byte& scale : matrix.scales) scale = std::byte{scale_byte()};
  for (size_t i = 0; i < count; ++i) {
    const size_t row = i / static_cast<size_t>(in_features);
    const size_t column = i % static_cast<size_t>(in_features);
    switch (format) {
      case WeightFormat::kF32: {
        const float value = random.next();
        std::memcpy(data + 4 * i, &value, 4);
        matrix.values[i] = value;
        break;
      }
      case WeightFormat::kBf16: {
        const uint16_t code = bf16_encode(random.next());
        std::memcpy(data + 2 * i, &code, 2);
        matrix.values[i] = bf16_decode(code);
        break;
      }
      case WeightFormat::kFp8: {
        const uint8_t code = e4m3_encode(random.next() * 8);
        data[i] = std::byte{code};
        const auto scale = std::to_integer<uint8_t>(
            matrix.scales[row / 128 * static_cast<size_t>(block_columns) + column / 128]);
        matrix.values[i] = static_cast<double>(e4m3_decode(code)) * std::exp2(scale - 127);
        break;
      }
      case WeightFormat::kFp4: {
        const auto code = static_cast<uint8_t>(random.below(16));
        std::byte& pair = data[i / 2];
        pair = i % 2 == 0 ? std::byte{code}
                          : static_cast<std::byte>(std::to_integer<int>(pair) | code << 4);
        const auto scale = std::to_integer<uint8_t>(matrix.scales[i / 32]);
        matrix.values[i] = static_cast<double>(e2m1_decode(code)) * std::exp2(scale - 127);
        break;
      }
    }
  }
  matrix.view = {.format = format,
                 .data = data,
                 .scale = matrix.scales.data(),
                 .out_features = out_features,
                 .in_features = in_features};
  return matrix;
}

struct LinearCase {
  WeightFormat format;
  int rows;
  int out_features;
  int in_features;
};

class Linear : public testing::TestWithParam<LinearCase> {};

TEST_P(Linear, EqualsTheDefinition) {
  const LinearCase& shape = GetParam();
  const TestMatrix matrix = make_matrix(shape.format, shape.out_features, shape.in_features, 7);
  const auto in = static_cast<size_t>(shape.in_features);
  const auto out = static_cast<size_t>(shape.out_features);
  const std::vector<float> x = Values(11).floats(static_cast<size_t>(shape.rows) * in);
  std::vector<float> y(static_cast<size_t>(shape.rows) * out);
  ReferenceOps ref;
  ops::linear(ref.context, {.x = x.data(),
                            .weight = matrix.view,
                            .out = y.data(),
                            .rows = shape.rows,
                            .x_stride = in,
                            .out_stride = out});
  for (size_t row = 0; row < static_cast<size_t>(shape.rows); ++row) {
    for (size_t feature = 0; feature < out; ++feature) {
      double expected = 0;
      double magnitude = 0;
      for (size_t i = 0; i < in; ++i) {
        const double product =
            static_cast<double>(x[row * in + i]) * matrix.values[feature * in + i];
        expected += product;
        magnitude += std::abs(product);
      }
      EXPECT_NEAR(y[row * out + feature], expected, 1e-6 * magnitude + 1e-30)
          << "row " << row << ", feature " << feature;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Linear,
                         testing::Values(LinearCase{WeightFormat::kF32, 1, 1, 1},
                                         LinearCase{WeightFormat::kF32, 3, 5, 37},
                                         LinearCase{WeightFormat::kBf16, 2, 17, 100},
                                         LinearCase{WeightFormat::kBf16, 33, 3, 128},
                                         LinearCase{WeightFormat::kFp8, 1, 130, 256},
                                         LinearCase{WeightFormat::kFp8, 5, 129, 200},
                                         LinearCase{WeightFormat::kFp4, 1, 3, 32},
                                         LinearCase{WeightFormat::kFp4, 4, 65, 288}));

TEST(Linear, SegmentsAreSummedInAscendingOrder) {
  const TestMatrix matrix = make_matrix(WeightFormat::kBf16, 40, 96, 3);
  const std::vector<float> x = Values(5).floats(2 * 96);
  ReferenceOps ref;
  std::vector<float> whole(2 * 40);
  ops::linear(ref.context, {.x = x.data(),
                            .weight = matrix.view,
                            .out = whole.data(),
                            .rows = 2,
                            .x_stride = 96,
                            .out_stride = 40,
                            .segments = 3});
  // Each part as a matrix of its own, as another rank would hold it.
  std::vector<float> sum(2 * 40);
  for (int part = 0; part < 3; ++part) {
    std::vector<std::byte> columns;
    for (int row = 0; row < 40; ++row) {
      const std::byte* begin = matrix.view.data + (row * 96 + part * 32) * 2;
      columns.insert(columns.end(), begin, begin + 64);
    }
    WeightMatrix slice = matrix.view;
    slice.data = columns.data();
    slice.in_features = 32;
    std::vector<float> partial(2 * 40);
    ops::linear(ref.context, {.x = x.data() + part * 32,
                              .weight = slice,
                              .out = partial.data(),
                              .rows = 2,
                              .x_stride = 96,
                              .out_stride = 40});
    for (size_t i = 0; i < sum.size(); ++i) sum[i] = part == 0 ? partial[i] : sum[i] + partial[i];
  }
  EXPECT_EQ(whole, sum);
}

TEST(RowSlice, KeepsTheScalesOfEveryFormat) {
  ReferenceOps ref;
  const std::vector<float> x = Values(9).floats(128);
  for (const WeightFormat format :
       {WeightFormat::kF32, WeightFormat::kBf16, WeightFormat::kFp8, WeightFormat::kFp4}) {
    const TestMatrix matrix = make_matrix(format, 320, 128, 21);
    std::vector<float> whole(320);
    ops::linear(ref.context, {.x = x.data(),
                              .weight = matrix.view,
                              .out = whole.data(),
                              .rows = 1,
                              .x_stride = 128,
                              .out_stride = 320});
    // 64 rows: two slices share a block of 128 scaled rows.
    for (int first = 0; first < 320; first += 64) {
      std::vector<float> part(64);
      ops::linear(ref.context, {.x = x.data(),
                                .weight = row_slice(matrix.view, first, 64),
                                .out = part.data(),
                                .rows = 1,
                                .x_stride = 128,
                                .out_stride = 64});
      EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.begin() + first));
    }
  }
}

TEST(RoundActivations, RoundsGroupsOf128ToE4m3) {
  std::vector<float> x(256, 0.3F);
  x[0] = 448;  // the first group's scale is 1, the second's 2^-10
  std::vector<float> out(256);
  ReferenceOps ref;
  ops::round_activations(ref.context,
                         {.x = x.data(), .out = out.data(), .rows = 1, .columns = 256});
  EXPECT_EQ(out[0], 448.0F);
  EXPECT_EQ(out[1], 0.3125F);
  const float scale = std::exp2(-10.0F);
  EXPECT_EQ(out[128], e4m3_decode(e4m3_encode(0.3F / scale)) * scale);
  ops::round_activations(ref.context, {.x = x.data(),
                                       .out = out.data(),
                                       .rows = 1,
                                       .columns = 256,
                                       .policy = ActivationPolicy::kNone});
  EXPECT_EQ(out, x);
}

}  // namespace
}  // namespace hadal
