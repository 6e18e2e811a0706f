// RMSNorm, RoPE, SwiGLU, hyper-connections and the Hadamard transform against their definitions.
#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <numeric>
#include <vector>

#include "ops/hyper_connection.h"
#include "ops/indexer.h"
#include "ops/norm.h"
#include "ops/rope.h"
#include "ops/stream_weights.h"
#include "ops/swiglu.h"
#include "support/ops.h"

namespace hadal {
namespace {

using testing_support::ReferenceOps;
using testing_support::Values;

TEST(RmsNorm, DividesByTheRootMeanSquare) {
  const std::vector<float> x = {3, 4, 0, 0};
  const std::vector<float> weight = {1, 2, 1, 1};
  std::vector<float> out(4);
  ReferenceOps ref;
  ops::rms_norm(ref.context, {.x = x.data(),
                              .weight = weight.data(),
                              .out = out.data(),
                              .rows = 1,
                              .columns = 4,
                              .eps = 0});
  EXPECT_FLOAT_EQ(out[0], 3 / 2.5F);
  EXPECT_FLOAT_EQ(out[1], 2 * 4 / 2.5F);
  std::vector<float> zero(4, 0.0F);
  ops::rms_norm(ref.context,
                {.x = zero.data(), .out = zero.data(), .rows = 1, .columns = 4, .eps = 1e-6F});
  EXPECT_EQ(zero[0], 0.0F);
}

TEST(RopeFrequencies, ReproduceTheReleasedTables) {
  const std::vector<float> plain = rope_frequencies({.rope_dim = 64, .theta = 10000});
  ASSERT_EQ(plain.size(), 32U);
  for (size_t i = 0; i < 32; ++i) {
    EXPECT_NEAR(plain[i], std::pow(10000.0, -static_cast<double>(i) / 32), 1e-6 * plain[i]);
  }
  EXPECT_EQ(plain[0], 1.0F);
  EXPECT_EQ(plain[8], 0.1F);
  EXPECT_EQ(plain[16], 0.01F);
  EXPECT_EQ(plain[24], 0.001F);
  const std::vector<float> yarn = rope_frequencies({.rope_dim = 64,
                                                    .theta = 160000,
                                                    .yarn_factor = 16,
                                                    .yarn_original_positions = 65536,
                                                    .yarn_beta_fast = 32,
                                                    .yarn_beta_slow = 1});
  // The ramp runs from pair 15 to pair 25.
  for (size_t i = 0; i < 32; ++i) {
    const double base = std::pow(160000.0, -static_cast<double>(i) / 32);
    const double ramp = std::clamp((static_cast<double>(i) - 15) / 10, 0.0, 1.0);
    EXPECT_NEAR(yarn[i], base / 16 * ramp + base * (1 - ramp), 2e-6 * base) << i;
  }
}

TEST(Rope, TurnsPairsOfTheLastDimensionsAndBack) {
  const std::vector<float> original = Values(1).floats(2 * 3 * 8);
  std::vector<float> x = original;
  const std::vector<int32_t> positions = {0, 7};
  const std::vector<float> frequencies = {1.0F, 0.25F};
  std::vector<float> turns(size_t{2} * 2 * 4);
  ReferenceOps ref;
  ops::rope_turns(ref.context, {.positions = positions.data(),
                                .frequencies = frequencies.data(),
                                .turns = turns.data(),
                                .rows = 2,
                                .rope_dim = 4});
  RopeArgs args{
      .x = x.data(), .turns = turns.data(), .rows = 2, .heads = 3, .head_dim = 8, .rope_dim = 4};
  ops::rope(ref.context, args);
  for (size_t i = 0; i < 24; ++i) EXPECT_EQ(x[i], original[i]) << "position 0 turns nothing";
  for (size_t head = 0; head < 3; ++head) {
    const float* before = original.data() + 24 + head * 8;
    const float* after = x.data() + 24 + head * 8;
    for (size_t i = 0; i < 4; ++i) EXPECT_EQ(after[i], before[i]);
    for (size_t pair = 0; pair < 2; ++pair) {
      const double angle = 7 * static_cast<double>(frequencies[pair]);
      const double even = before[4 + 2 * pair];
      const double odd = before[5 + 2 * pair];
      EXPECT_NEAR(after[4 + 2 * pair], even * std::cos(angle) - odd * std::sin(angle), 1e-6);
      EXPECT_NEAR(after[5 + 2 * pair], even * std::sin(angle) + odd * std::cos(angle), 1e-6);
    }
  }
  args.direction = RopeDirection::kInverse;
  ops::rope(ref.context, args);
  for (size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(x[i], original[i], 1e-6);
}

TEST(Swiglu, ClampsBeforeTheGateAndWeighsRows) {
  const std::vector<float> gate = {20, -20, 1, 0.5F};
  const std::vector<float> up = {3, 2, -30, 30};
  const std::vector<float> weights = {1, 0.5F};
  std::vector<float> out(4);
  ReferenceOps ref;
  ops::swiglu(ref.context, {.gate = gate.data(),
                            .up = up.data(),
                            .row_weights = weights.data(),
                            .out = out.data(),
                            .rows = 2,
                            .width = 2,
                            .limit = 10});
  const auto silu = [](double g) { return g / (1 + std::exp(-g)); };
  EXPECT_NEAR(out[0], silu(10) * 3, 1e-5);         // the gate is cut at +10
  EXPECT_NEAR(out[1], silu(-20) * 2, 1e-12);       // and not at -10
  EXPECT_NEAR(out[2], silu(1) * -10 * 0.5, 1e-5);  // up is cut on both sides
  EXPECT_NEAR(out[3], silu(0.5) * 10 * 0.5, 1e-5);
}

TEST(Hadamard, IsItsOwnInverseInSylvesterOrder) {
  std::vector<float> basis(8, 0.0F);
  basis[3] = 1;
  ReferenceOps ref;
  const HadamardArgs args{.x = basis.data(), .rows = 1, .dim = 8};
  ops::hadamard(ref.context, args);
  for (int i = 0; i < 8; ++i) {
    const float sign = __builtin_popcount(static_cast<unsigned>(i & 3)) % 2 == 0 ? 1.0F : -1.0F;
    EXPECT_FLOAT_EQ(basis[static_cast<size_t>(i)], sign / std::sqrt(8.0F));
  }
  ops::hadamard(ref.context, args);
  for (size_t i = 0; i < 8; ++i) EXPECT_NEAR(basis[i], i == 3 ? 1.0 : 0.0, 1e-6);
}

// Hyper-connections with random weights against the equations in double.
class HyperConnection : public testing::Test {
 protected:
  static constexpr int kStreams = 4;
  static constexpr int kHidden = 6;
  static constexpr int kMixes = 24;
  Values random_{17};
  std::vector<float> x_ = random_.floats(kStreams * kHidden);
  std::vector<float> fn_ = random_.floats(static_cast<size_t>(kMixes) * kStreams * kHidden);
  std::vector<float> base_ = random_.floats(kMixes);
  std::vector<float> scale_ = {0.5F, 0.25F, 0.75F};
  ReferenceOps ref_;

  std::vector<double> mixes() const {
    double square = 0;
    for (const float v : x_) square += static_cast<double>(v) * v;
    const double factor = 1 / std::sqrt(square / static_cast<double>(x_.size()) + 1e-6);
    std::vector<double> out(kMixes);
    for (size_t i = 0; i < kMixes; ++i) {
      for (size_t c = 0; c < x_.size(); ++c) {
        out[i] += static_cast<double>(fn_[i * x_.size() + c]) * x_[c];
      }
      out[i] *= factor;
    }
    return out;
  }
};

TEST_F(HyperConnection, PreAndPostFollowTheEquations) {
  const WeightMatrix fn{.format = WeightFormat::kF32,
                        .data = reinterpret_cast<const std::byte*>(fn_.data()),
                        .out_features = kMixes,
                        .in_features = kStreams * kHidden};
  std::vector<float> out(kHidden);
  std::vector<float> post(kStreams);
  std::vector<float> mixing(kStreams * kStreams);
  std::vector<float> products(kMixes);
  ops::linear(ref_.context, {.x = x_.data(),
                             .weight = fn,
                             .out = products.data(),
                             .rows = 1,
                             .x_stride = x_.size(),
                             .out_stride = kMixes});
  ops::hyper_pre(ref_.context, {.x = x_.data(),
                                .products = products.data(),
                                .base = base_.data(),
                                .scale = scale_.data(),
                                .out = out.data(),
                                .post = post.data(),
                                .mixing = mixing.data(),
                                .rows = 1,
                                .streams = kStreams,
                                .hidden = kHidden,
                                .sinkhorn_iterations = 20,
                                .hc_eps = 1e-6F,
                                .rms_eps = 1e-6F});
  const std::vector<double> m = mixes();
  const auto sigmoid = [](double v) { return 1 / (1 + std::exp(-v)); };
  for (size_t i = 0; i < kHidden; ++i) {
    double expected = 0;
    for (size_t j = 0; j < kStreams; ++j) {
      expected += (sigmoid(m[j] * 0.5 + base_[j]) + 1e-6) * x_[j * kHidden + i];
    }
    EXPECT_NEAR(out[i], expected, 1e-5);
  }
  for (size_t j = 0; j < kStreams; ++j) {
    EXPECT_NEAR(post[j], 2 * sigmoid(m[4 + j] * 0.25 + base_[4 + j]), 1e-5);
  }
  double c[kStreams][kStreams];
  for (size_t j = 0; j < kStreams; ++j) {
    double sum = 0;
    for (size_t k = 0; k < kStreams; ++k) {
      c[j][k] = std::exp(m[8 + 4 * j + k] * 0.75 + base_[8 + 4 * j + k]);
      sum += c[j][k];
    }
    for (size_t k = 0; k < kStreams; ++k) c[j][k] = c[j][k] / sum + 1e-6;
  }
  for (int pass = 0; pass < 39; ++pass) {
    const bool columns = pass % 2 == 0;
    for (size_t a = 0; a < kStreams; ++a) {
      double sum = 0;
      for (size_t b = 0; b < kStreams; ++b) sum += columns ? c[b][a] : c[a][b];
      for (size_t b = 0; b < kStreams; ++b) (columns ? c[b][a] : c[a][b]) /= sum + 1e-6;
    }
  }
  for (size_t j = 0; j < kStreams; ++j) {
    for (size_t k = 0; k < kStreams; ++k) EXPECT_NEAR(mixing[j * kStreams + k], c[j][k], 1e-5);
  }

  const std::vector<float> f = random_.floats(kHidden);
  std::vector<float> spread = x_;
  ops::hyper_post(ref_.context, {.block_out = f.data(),
                                 .post = post.data(),
                                 .mixing = mixing.data(),
                                 .x = spread.data(),
                                 .rows = 1,
                                 .streams = kStreams,
                                 .hidden = kHidden});
  for (size_t k = 0; k < kStreams; ++k) {
    for (size_t i = 0; i < kHidden; ++i) {
      double expected = static_cast<double>(post[k]) * f[i];
      for (size_t j = 0; j < kStreams; ++j) expected += c[j][k] * x_[j * kHidden + i];
      EXPECT_NEAR(spread[k * kHidden + i], expected, 1e-5);
    }
  }
}

// Whatever the number of streams, and for whichever there are vectors: sums in ascending order.
TEST(StreamWeights, SinkhornIsTheDefinitionToTheBit) {
  for (const int n : {1, 2, 3, 4, 5, 8}) {
    const auto streams = static_cast<size_t>(n);
    const std::vector<float> mixes = Values(7).floats((2 + streams) * streams);
    const std::vector<float> base = Values(8).floats(mixes.size());
    const std::vector<float> scale = {0.5F, 0.25F, 3.0F};
    constexpr int kIterations = 7;
    constexpr float kEps = 1e-6F;
    std::vector<float> pre(streams);
    std::vector<float> post(streams);
    std::vector<float> mixing(streams * streams);
    stream_weights({.base = base.data(),
                    .scale = scale.data(),
                    .streams = n,
                    .sinkhorn_iterations = kIterations,
                    .hc_eps = kEps},
                   mixes.data(), pre.data(), post.data(), mixing.data());

    std::vector<float> expected(streams * streams);
    for (size_t j = 0; j < streams; ++j) {
      float* row = expected.data() + j * streams;
      for (size_t k = 0; k < streams; ++k) {
        const size_t mix = (2 + j) * streams + k;
        row[k] = mixes[mix] * scale[2] + base[mix];
      }
      const float maximum = *std::max_element(row, row + streams);
      float sum = 0;
      for (size_t k = 0; k < streams; ++k) sum += row[k] = std::exp(row[k] - maximum);
      for (size_t k = 0; k < streams; ++k) row[k] = row[k] / sum + kEps;
    }
    for (int pass = 0; pass < 2 * kIterations - 1; ++pass) {
      const size_t along = pass % 2 == 0 ? streams : 1;  // columns first
      const size_t across = pass % 2 == 0 ? 1 : streams;
      for (size_t a = 0; a < streams; ++a) {
        float sum = 0;
        for (size_t b = 0; b < streams; ++b) sum += expected[a * across + b * along];
        for (size_t b = 0; b < streams; ++b) expected[a * across + b * along] /= sum + kEps;
      }
    }
    EXPECT_EQ(mixing, expected) << n << " streams";
  }
}

}  // namespace
}  // namespace hadal
