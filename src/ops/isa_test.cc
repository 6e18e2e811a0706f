// Every instruction set of this processor against the reference and against itself: results may
// depend neither on the number of rows nor on how tiles fall.
#include "ops/isa.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <limits>

#include "ops/bf16_buffer.h"
#include "ops/cpu/known_answers.h"
#include "ops/dispatch_buffer.h"
#include "ops/int8_buffer.h"
#include "support/every_isa.h"
#include "support/ops.h"

namespace hadal {
namespace {

using testing_support::EveryIsa;
using testing_support::ReferenceOps;
using testing_support::Values;

TEST(Isa, NamesRoundTrip) {
  for (const Isa isa : all_isas()) {
    EXPECT_EQ(isa_from_name(isa_name(isa)), isa);
  }
  EXPECT_FALSE(isa_from_name("sse").has_value());
  EXPECT_TRUE(isa_supported(best_isa()));
}

TEST_P(EveryIsa, PassesItsKnownAnswers) { EXPECT_EQ(cpu::failed_known_answer(kernels()), ""); }

struct Shape {
  int out_features;
  int in_features;
};

// All rows together give the bits of each row alone, for weights of every format and both kinds of
// inputs.
TEST_P(EveryIsa, RowsDoNotDependOnTheirNumber) {
  const int all_rows = emulated() ? 9 : 75;
  ThreadPool threads(2);
  OpContext context(threads, kernels());
  std::vector<Shape> shapes = {{1, 128}, {48, 256}};
  if (!emulated()) shapes = {{1, 128}, {24, 512}, {130, 256}, {64, 384}};
  for (const Shape shape : shapes) {
    Values random(5);
    const auto in = static_cast<size_t>(shape.in_features);
    const auto out = static_cast<size_t>(shape.out_features);
    std::vector<std::byte> data(4 * in * out + 1);
    for (size_t i = 0; i < data.size(); ++i) {
      data[i] = static_cast<std::byte>(i % 4 == 3 ? 0x3e : random.below(0x7e));
    }
    std::vector<std::byte> scales(in * out / 32);
    for (std::byte& s : scales) s = static_cast<std::byte>(120 + random.below(8));
    const size_t tiles = (out + 15) / 16;
    std::vector<uint8_t> tile_codes(tiles * 16 * in);
    for (uint8_t& c : tile_codes) c = random.byte();
    const std::vector<float> tile_scales = random.floats(tiles * 16 * in / 128);
    const std::vector<float> x = random.floats(static_cast<size_t>(all_rows) * in);
    Int8Buffer buffer;
    const Int8Rows x_int8 = buffer.quantize(context, x.data(), all_rows, shape.in_features);
    WeightMatrix weight{.data = data.data() + 1,
                        .scale = scales.data(),
                        .out_features = shape.out_features,
                        .in_features = shape.in_features};
    std::vector<float> rounded(x.size());
    ops::round_activations(
        context,
        {.x = x.data(), .out = rounded.data(), .rows = all_rows, .columns = shape.in_features});
    Bf16Buffer packed;
    const Bf16Rows x_bf16 = packed.pack(context, rounded.data(), all_rows, shape.in_features);
    enum class Form { kFloat, kInt8, kBf16 };
    const auto check = [&](const char* what, Form form, int segments) {
      const auto run = [&](size_t first, int rows) {
        std::vector<float> y(static_cast<size_t>(rows) * out);
        Int8Rows part;
        Bf16Rows bf16;
        if (form == Form::kBf16) {
          bf16 = x_bf16;
          bf16.values += first * in;
        }
        if (form == Form::kInt8) {
          part = x_int8;
          part.codes += first * in;
          part.scales += first * (in / 128);
          part.group_starts += first * (in / 32);
          part.block_sums += first * (in / 128);
        }
        ops::linear(context, {.x = x.data() + first * in,
                              .weight = weight,
                              .out = y.data(),
                              .rows = rows,
                              .x_stride = in,
                              .out_stride = out,
                              .x_int8 = part,
                              .x_bf16 = bf16,
                              .segments = segments});
        return y;
      };
      const std::vector<float> together = run(0, all_rows);
      for (const int rows : {1, 2, 3, 4, 7, 8, 33}) {
        for (size_t first = 0; first + static_cast<size_t>(rows) <= static_cast<size_t>(all_rows);
             first += 20) {
          const std::vector<float> part = run(first, rows);
          EXPECT_EQ(std::memcmp(part.data(), together.data() + first * out, part.size() * 4), 0)
              << what << ", " << shape.out_features << " x " << shape.in_features << ", " << rows
              << " rows from " << first;
        }
      }
    };
    for (const WeightFormat format :
         {WeightFormat::kF32, WeightFormat::kBf16, WeightFormat::kFp8, WeightFormat::kFp4}) {
      weight.format = format;
      check("float", Form::kFloat, 1);
      check("float in segments", Form::kFloat, shape.in_features / 64);
      if (x_bf16.values == nullptr || !has_bf16_form(weight)) continue;
      check("bf16", Form::kBf16, 1);
      check("bf16 in segments", Form::kBf16, shape.in_features / 128);
    }
    if (has_int8_form(weight)) check("FP4 in int8", Form::kInt8, 1);
    weight.format = WeightFormat::kFp8;
    weight.int8 = {.codes = tile_codes.data(), .scales = tile_scales.data()};
    check("int8 tiles", Form::kInt8, 1);
    check("int8 tiles in segments", Form::kInt8, shape.in_features / 128);
  }
}

TEST_P(EveryIsa, WhatIsNotANumberHasNoCode) {
  constexpr int kColumns = 512;
  ThreadPool threads(1);
  OpContext context(threads, kernels());
  OpContext reference(threads, reference_kernels());
  std::vector<float> x = Values(17).floats(kColumns);
  const float infinity = std::numeric_limits<float>::infinity();
  x[3] = 4;  // the largest of its lane comes before what is no number
  x[19] = std::nanf("");
  x[128 + 70] = infinity;
  std::fill_n(x.begin() + 256, 128, std::nanf(""));
  x[384 + 127] = -infinity;
  Int8Buffer buffer;
  Int8Buffer expected_buffer;
  const Int8Rows rows = buffer.quantize(context, x.data(), 1, kColumns);
  const Int8Rows expected = expected_buffer.quantize(reference, x.data(), 1, kColumns);
  for (size_t i = 0; i < kColumns; ++i) EXPECT_EQ(rows.codes[i], expected.codes[i]) << i;
  for (size_t i = 0; i < kColumns / 32; ++i) {
    EXPECT_EQ(rows.group_starts[i], expected.group_starts[i]) << i;
  }
  for (size_t i = 0; i < kColumns / 128; ++i) {
    EXPECT_EQ(rows.block_sums[i], expected.block_sums[i]) << i;
    EXPECT_EQ(rows.scales[i], expected.scales[i]) << i;
  }
}

// Scales and inputs so small and large that their products would not be exact: few rows take the
// scales into the inputs only where that changes nothing.
TEST_P(EveryIsa, Fp8RowsDoNotDependOnTheirNumberWhateverTheScales) {
  constexpr int kOut = 64;  // enough that a task has several
  constexpr int kIn = 512;
  constexpr int kRows = 9;
  ThreadPool threads(1);
  OpContext context(threads, kernels());
  Values random(7);
  std::vector<std::byte> data(kOut * kIn);
  // Small weights keep products finite whose inputs would overflow, large ones keep others from 0.
  for (size_t i = 0; i < data.size(); ++i) {
    data[i] = static_cast<std::byte>(random.below(i < data.size() / 2 ? 0x10 : 0x7e));
  }
  const std::vector<float> near_one = random.floats(kRows * kIn);
  for (const int scale : {0, 1, 20, 127, 180, 200}) {
    for (const float size : {1e-38F, 1e-10F, 1.0F, 1e15F}) {
      std::vector<std::byte> scales(kIn / 128, std::byte{127});
      scales[1] = static_cast<std::byte>(scale);
      // Nothing else that such products would drown in.
      std::vector<float> x = near_one;
      for (size_t i = 0; i < x.size(); ++i) x[i] *= i % kIn / 128 == 1 ? size : 0;
      // A neighbour without numbers, where the last inputs are that count.
      std::fill_n(x.begin() + kIn + 240, 16, std::nanf(""));
      const auto run = [&](size_t first, int rows) {
        std::vector<float> out(static_cast<size_t>(rows) * kOut);
        ops::linear(context, {.x = x.data() + first * kIn,
                              .weight = {.format = WeightFormat::kFp8,
                                         .data = data.data(),
                                         .scale = scales.data(),
                                         .out_features = kOut,
                                         .in_features = kIn},
                              .out = out.data(),
                              .rows = rows,
                              .x_stride = kIn,
                              .out_stride = kOut});
        return out;
      };
      for (const int rows : {2, kRows}) {
        const std::vector<float> together = run(0, rows);
        for (size_t row = 0; row < static_cast<size_t>(rows); ++row) {
          const std::vector<float> alone = run(row, 1);
          const auto same = together.begin() + static_cast<std::ptrdiff_t>(row * kOut);
          // Where large weights overflow, sums of both infinities are no numbers.
          const auto equal = [](float a, float b) { return a == b || (a != a && b != b); };
          EXPECT_TRUE(std::equal(alone.begin(), alone.end(), same, equal))
              << "scale code " << scale << ", inputs of " << size << ", row " << row << " of "
              << rows;
        }
      }
    }
  }
}

// Weights and inputs at the ends of their ranges, all of one sign, of opposite signs and in the
// patterns that pairs and quads of bytes could overflow with: the bits of the reference.
TEST_P(EveryIsa, ExtremeCodesGiveTheBitsOfTheReference) {
  constexpr int kOut = 32;
  constexpr int kIn = 256;
  constexpr int kRows = 11;
  ThreadPool threads(1);
  OpContext context(threads, kernels());
  OpContext reference(threads, reference_kernels());
  // The sign of column i in pattern k.
  const auto negative = [](int k, size_t i) {
    constexpr int kPeriods[] = {0, 1, 2, 4, 8, 16, 32};
    const int period = kPeriods[k % 7];
    const bool turned = period != 0 && i / static_cast<size_t>(period) % 2 != 0;
    return turned != (k >= 7);
  };
  std::vector<float> x(kRows * kIn);
  for (size_t i = 0; i < x.size(); ++i) x[i] = negative(static_cast<int>(i / kIn), i) ? -1 : 1;
  Int8Buffer buffer;
  const Int8Rows x_int8 = buffer.quantize(context, x.data(), kRows, kIn);
  ASSERT_EQ(std::abs(x_int8.codes[0]), 127);
  std::vector<std::byte> fp4(kOut * kIn / 2);
  std::vector<uint8_t> int8(kOut * kIn);
  for (size_t feature = 0; feature < kOut; ++feature) {
    for (size_t i = 0; i < kIn; ++i) {
      const bool minus = negative(static_cast<int>(feature) % 14, i);
      constexpr unsigned kSix = 7;
      const unsigned code = kSix | (minus ? 8U : 0U);
      fp4[(feature * kIn + i) / 2] |= static_cast<std::byte>(i % 2 == 0 ? code : code << 4);
      // By tiles of 16 features, four columns of each; -128 is what only a damaged file holds.
      const size_t place = feature / 16 * 16 * kIn + i / 4 * 64 + feature % 16 * 4 + i % 4;
      int8[place] = static_cast<uint8_t>(minus ? (feature < 16 ? 1 : 0) : 255);
    }
  }
  const std::vector<std::byte> scales(kOut * kIn / 32, std::byte{127});
  const std::vector<float> tile_scales(kOut * kIn / 128, 1.0F);
  const WeightMatrix fp4_weight{.format = WeightFormat::kFp4,
                                .data = fp4.data(),
                                .scale = scales.data(),
                                .out_features = kOut,
                                .in_features = kIn};
  const WeightMatrix int8_weight{.format = WeightFormat::kFp8,
                                 .data = fp4.data(),
                                 .scale = scales.data(),
                                 .out_features = kOut,
                                 .in_features = kIn,
                                 .int8 = {.codes = int8.data(), .scales = tile_scales.data()}};
  for (const WeightMatrix& weight : {fp4_weight, int8_weight}) {
    for (const int rows : {1, 4, kRows}) {
      const auto run = [&](OpContext& on) {
        std::vector<float> out(static_cast<size_t>(rows * kOut));
        ops::linear(on, {.x = x.data(),
                         .weight = weight,
                         .out = out.data(),
                         .rows = rows,
                         .x_stride = kIn,
                         .out_stride = kOut,
                         .x_int8 = x_int8});
        return out;
      };
      EXPECT_EQ(run(context), run(reference)) << rows << " rows";
    }
  }
}

// The experts of a layer with int8 or FP8 inputs: the fused path equals the composition of its
// parts.
TEST_P(EveryIsa, ExpertsEqualTheReferenceClosely) {
  constexpr int kHidden = 256;
  constexpr int kWidth = 128;
  constexpr int kExperts = 4;
  constexpr int kRows = 21;
  Values random(13);
  std::vector<std::vector<std::byte>> storage;
  storage.reserve(kExperts * 6);
  const auto fp4 = [&](int out, int in) {
    std::vector<std::byte>& data = storage.emplace_back(static_cast<size_t>(out * in / 2));
    for (std::byte& b : data) b = std::byte{random.byte()};
    std::vector<std::byte>& scale = storage.emplace_back(static_cast<size_t>(out * in / 32));
    for (std::byte& s : scale) s = static_cast<std::byte>(120 + random.below(4));
    return WeightMatrix{.format = WeightFormat::kFp4,
                        .data = data.data(),
                        .scale = scale.data(),
                        .out_features = out,
                        .in_features = in};
  };
  std::vector<ExpertWeights> weights;
  for (int e = 0; e < kExperts; ++e) {
    weights.push_back({fp4(kWidth, kHidden), fp4(kWidth, kHidden), fp4(kHidden, kWidth)});
  }
  const std::vector<float> x = random.floats(kRows * kHidden);
  std::vector<float> rounded(x.size());
  ReferenceOps ref;
  ops::round_activations(ref.context,
                         {.x = x.data(), .out = rounded.data(), .rows = kRows, .columns = kHidden});
  std::vector<int32_t> chosen;
  for (int row = 0; row < kRows; ++row) chosen.insert(chosen.end(), {0, row % 7 == 0 ? 1 : 3});
  const std::vector<float> chosen_weights(chosen.size(), 0.5F);
  ThreadPool threads(2);
  const auto run = [&](const KernelTable& kernels, ActivationPolicy policy) {
    OpContext context(threads, kernels);
    Int8Buffer int8;
    Bf16Buffer bf16;
    const bool fp8 = policy == ActivationPolicy::kFp8;
    DispatchBuffer memory;
    const Dispatch dispatch = memory.sized(kRows, 2, kExperts);
    ops::dispatch(context, {.experts = chosen.data(),
                            .weights = chosen_weights.data(),
                            .rows = kRows,
                            .expert_count = kExperts,
                            .topk = 2,
                            .out = dispatch});
    std::vector<float> out(chosen.size() * kHidden);
    ops::experts(context,
                 {.x = fp8 ? rounded.data() : x.data(),
                  .x_int8 = fp8 ? Int8Rows{} : int8.quantize(context, x.data(), kRows, kHidden),
                  .x_bf16 = fp8 ? bf16.pack(context, rounded.data(), kRows, kHidden) : Bf16Rows{},
                  .experts = weights.data(),
                  .range = {.count = kExperts},
                  .dispatch = dispatch,
                  .out = out.data(),
                  .hidden = kHidden,
                  .width = kWidth,
                  .swiglu_limit = 10,
                  .policy = policy});
    return out;
  };
  for (const ActivationPolicy policy : {ActivationPolicy::kInt8, ActivationPolicy::kFp8}) {
    const std::vector<float> expected = run(reference_kernels(), policy);
    const std::vector<float> actual = run(kernels(), policy);
    double difference = 0;
    double norm = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
      difference += std::pow(static_cast<double>(actual[i]) - expected[i], 2);
      norm += static_cast<double>(expected[i]) * expected[i];
    }
    // A code may flip where the vector exponential differs in the last bit: by 1/127 of the largest
    // input under int8, by an eighth of the input under fp8.
    EXPECT_LT(difference, (policy == ActivationPolicy::kInt8 ? 1e-7 : 1e-5) * norm);
  }
}

INSTANTIATE_TEST_SUITE_P(All, EveryIsa, testing::ValuesIn(all_isas()), [](const auto& isa) {
  return testing_support::test_name(isa_name(isa.param));
});

}  // namespace
}  // namespace hadal
