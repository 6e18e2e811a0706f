// Every instruction set of this processor against the reference and against itself: results may
// depend neither on the number of rows nor on how tiles fall.
#include "ops/isa.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <limits>

#include "base/error.h"
#include "numeric/block_scale.h"
#include "ops/bf16_buffer.h"
#include "ops/compressor.h"
#include "ops/cpu/cpu_kernels.h"
#include "ops/cpu/known_answers.h"
#include "ops/cpu/micro_kernels.h"
#include "ops/dispatch_buffer.h"
#include "ops/indexer.h"
#include "ops/int8_buffer.h"
#include "ops/rope.h"
#include "support/emulated_vnni.h"
#include "support/ops.h"

namespace hadal {
namespace {

using testing_support::HandMadePlan;
using testing_support::ReferenceOps;
using testing_support::Values;

// The kernels of an instruction set, which is emulated where the processor lacks no more than the
// dot products of AVX-VNNI; null where it lacks more.
class TestedKernels {
 public:
  explicit TestedKernels(Isa isa) {
    if (isa_supported(isa)) {
      table_ = &kernels_for(isa);
      return;
    }
    if (!isa_supported(Isa::kAvx2)) return;
    if (isa == Isa::kAvxVnni) emulated_ = cpu::vector_kernels(cpu::avx_vnni_micro_kernels());
    if (isa == Isa::kAvxVnniInt8) {
      emulated_ = cpu::vector_kernels(cpu::avx_vnni_int8_micro_kernels());
    }
    if (emulated_.micro == nullptr) return;
    emulator_.emplace();
    table_ = &emulated_;
  }
  const KernelTable* table() const { return table_; }
  bool emulated() const { return emulator_.has_value(); }

 private:
  KernelTable emulated_;
  std::optional<testing_support::EmulatedVnni> emulator_;
  const KernelTable* table_ = nullptr;
};

class EveryIsa : public testing::TestWithParam<Isa> {
 protected:
  void SetUp() override {
    if (tested_.table() == nullptr) GTEST_SKIP() << "this processor lacks it";
  }
  const KernelTable& kernels() const { return *tested_.table(); }
  bool emulated() const { return tested_.emulated(); }

 private:
  TestedKernels tested_{GetParam()};
};

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
      const std::vector<float> together = run(0, kRows);
      for (size_t row = 0; row < kRows; ++row) {
        const std::vector<float> alone = run(row, 1);
        const auto same = together.begin() + static_cast<std::ptrdiff_t>(row * kOut);
        // Where large weights overflow, sums of both infinities are no numbers.
        const auto equal = [](float a, float b) { return a == b || (a != a && b != b); };
        EXPECT_TRUE(std::equal(alone.begin(), alone.end(), same, equal))
            << "scale code " << scale << ", inputs of " << size << ", row " << row;
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

// Index keys of one sequence, all of them completed in the step.
class IndexedSequence {
 public:
  static constexpr int kHeads = 11;
  static constexpr int kDim = 128;
  static constexpr int kRows = 3;

  explicit IndexedSequence(int entries) {
    Values random(19);
    plan_.rows = kRows;
    plan_.sequences.push_back({.rows = kRows});
    for (int i = 0; i < kRows; ++i) {
      plan_.positions.push_back(4 * (entries - i) - 1);
      plan_.row_sequence.push_back(0);
    }
    plan_.compressions = {{.ratio = 4, .first_group = {0, entries}}};
    kv_.plan = &plan_.plan();
    kv_.ratio = 4;
    kv_.page_entries = 64;
    kv_.key_format.dim = kDim;
    keys.resize(static_cast<size_t>(entries) * kv_.key_format.data_bytes());
    for (std::byte& b : keys) b = std::byte{random.byte()};
    scales.resize(static_cast<size_t>(entries) * kv_.key_format.scale_bytes());
    for (std::byte& b : scales) b = static_cast<std::byte>(124 + random.below(4));
    kv_.group_keys = keys.data();
    kv_.group_key_scales = scales.data();
    q = random.floats(kRows * kHeads * kDim);
    OpContext reference(threads_, reference_kernels());
    ops::hadamard(reference,
                  {.x = q.data(), .rows = kRows * kHeads, .dim = kDim, .round_to_fp4 = true});
    weights = random.floats(kRows * kHeads);
  }

  // [kRows, topk]
  std::vector<int32_t> choose(const KernelTable& kernels, int topk) {
    OpContext context(threads_, kernels);
    std::vector<int32_t> chosen(static_cast<size_t>(kRows * topk));
    ops::choose_entries(context, {.q = q.data(),
                                  .weights = weights.data(),
                                  .kv = kv_,
                                  .chosen = chosen.data(),
                                  .heads = kHeads,
                                  .topk = topk});
    return chosen;
  }

  std::vector<std::byte> keys;
  std::vector<std::byte> scales;
  std::vector<float> q;
  std::vector<float> weights;

 private:
  ThreadPool threads_{2};
  HandMadePlan plan_;
  LayerKv kv_;
};

TEST_P(EveryIsa, IndexerChoosesAsTheReference) {
  const int entries = emulated() ? 103 : 3003;
  IndexedSequence sequence(entries);
  const std::vector<float> q = sequence.q;
  for (const int topk : {1, 16, entries / 6, entries - 3, entries + 997}) {
    sequence.q = q;
    EXPECT_EQ(sequence.choose(kernels(), topk), sequence.choose(reference_kernels(), topk)) << topk;
    // Nothing but ties: the lower entries.
    sequence.q.assign(q.size(), 0);
    EXPECT_EQ(sequence.choose(kernels(), topk), sequence.choose(reference_kernels(), topk)) << topk;
  }
}

// Other engines read beyond their cache: the choice among scores that are not numbers was no index.
TEST_P(EveryIsa, NanIndexScoresChooseEntriesThatExist) {
  const int entries = emulated() ? 103 : 3003;
  IndexedSequence sequence(entries);
  for (const bool all : {true, false}) {
    if (all) {
      sequence.weights[3] = std::nanf("");  // of the first row
    } else {
      for (size_t i = 0; i < sequence.scales.size(); i += 5) sequence.scales[i] = std::byte{0xff};
    }
    for (const int topk : {1, entries / 6, entries - 103 + 20}) {
      const std::vector<int32_t> chosen = sequence.choose(kernels(), topk);
      if (all) {
        EXPECT_EQ(chosen, sequence.choose(reference_kernels(), topk));
      }
      for (int row = 0; row < IndexedSequence::kRows; ++row) {
        int32_t last = -1;
        for (int k = 0; k < topk; ++k) {
          const int32_t entry = chosen[static_cast<size_t>(row * topk + k)];
          ASSERT_GT(entry, last) << row << ", " << k;
          ASSERT_LT(entry, entries - row);
          last = entry;
        }
        // Where all scores are NaN nothing outranks the lower entries.
        if (all && row == 0) {
          EXPECT_EQ(last, topk - 1);
        }
      }
    }
  }
}

// Three sequences: one begins, two go on from state, one of them within a group. Channels that do
// not fill whole vectors, logits so far apart that some weights vanish.
TEST_P(EveryIsa, PoolsGroupsAsTheReference) {
  constexpr int kChannels = 40;
  constexpr int kRows = 5 + 9 + 1;
  HandMadePlan step{
      .rows = kRows,
      .banks = 5,
      .sequences =
          {{.first_row = 0, .rows = 5, .start = 0},
           {.first_row = 5,
            .rows = 9,
            .start = 6,
            .droppable_rows = 2,
            .first_state_unit = 1,
            .first_bank = 1},
           {.first_row = 14, .rows = 1, .start = 11, .first_state_unit = 2, .first_bank = 4}},
      .state_table = {0, 1, 2},
      .compressions = {
          {.ratio = 4,
           .groups = {{.sequence = 0, .group = 0},
                      {.sequence = 1, .group = 1},
                      {.sequence = 1, .group = 2},
                      {.sequence = 2, .group = 2}}},
          {.ratio = 8, .groups = {{.sequence = 1, .group = 0}}, .first_group = {0, 0, 1, 1}}}};
  const StepPlan& plan = step.plan();
  Values random(31);
  std::vector<float> rows = random.floats(kRows * 4 * kChannels);
  for (float& v : rows) v *= 60;
  const std::vector<float> state = random.floats(3 * kCsaStateRows * 4 * kChannels);
  const auto state_of = [&](size_t floats) {
    return CompressorState{.pool = std::as_bytes(std::span(state)).data(),
                           .block_bytes = floats * sizeof(float)};
  };
  const auto pool = [&](const KernelTable& kernels) {
    ThreadPool threads(2);
    OpContext context(threads, kernels);
    std::vector<float> out((4 + 1 + 5 * 3) * kChannels);
    ops::csa_pool(context, {.plan = &plan,
                            .groups = &plan.compression(4),
                            .rows = rows.data(),
                            .state = state_of(kCsaStateRows * 4 * kChannels),
                            .state_stride = 4 * kChannels,
                            .out = out.data(),
                            .channels = kChannels});
    ops::hca_pool(context, {.plan = &plan,
                            .groups = &plan.compression(8),
                            .rows = rows.data(),
                            .state = state_of(3 * kChannels),
                            .out = out.data() + 4 * kChannels,
                            .banks = out.data() + 5 * kChannels,
                            .channels = kChannels});
    return out;
  };
  const std::vector<float> expected = pool(reference_kernels());
  const std::vector<float> pooled = pool(kernels());
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_NEAR(pooled[i], expected[i], 1e-5 * (1 + std::abs(expected[i]))) << i;
  }
}

TEST_P(EveryIsa, TurnsToTheBitsOfTheReference) {
  constexpr int kRows = 7;
  constexpr int kHeads = 3;
  for (const int rope_dim : {2, 6, 32, 64}) {
    const int head_dim = rope_dim + 4;
    Values random(32);
    const std::vector<float> x = random.floats(static_cast<size_t>(kRows * kHeads * head_dim));
    const std::vector<float> frequencies = random.floats(static_cast<size_t>(rope_dim) / 2);
    const std::vector<int32_t> positions{0, 1, 2, 1000, 131071, 1048575, 9};
    for (const RopeDirection direction : {RopeDirection::kForward, RopeDirection::kInverse}) {
      const auto turn = [&](const KernelTable& kernels) {
        ThreadPool threads(2);
        OpContext context(threads, kernels);
        std::vector<float> turns(static_cast<size_t>(kRows * 2 * rope_dim));
        ops::rope_turns(context, {.positions = positions.data(),
                                  .frequencies = frequencies.data(),
                                  .turns = turns.data(),
                                  .rows = kRows,
                                  .rope_dim = rope_dim});
        std::vector<float> turned = x;
        ops::rope(context, {.x = turned.data(),
                            .turns = turns.data(),
                            .rows = kRows,
                            .heads = kHeads,
                            .head_dim = head_dim,
                            .rope_dim = rope_dim,
                            .direction = direction});
        return turned;
      };
      EXPECT_EQ(turn(kernels()), turn(reference_kernels())) << rope_dim;
    }
  }
}

TEST_P(EveryIsa, RotatesToTheBitsOfTheReference) {
  constexpr int kRows = 19;
  for (const int dim : {1, 2, 8, 16, 32, 128, 512}) {
    Values random(33);
    const std::vector<float> x = random.floats(static_cast<size_t>(kRows * dim));
    for (const bool round_to_fp4 : {false, true}) {
      const auto rotate = [&](const KernelTable& kernels) {
        ThreadPool threads(2);
        OpContext context(threads, kernels);
        std::vector<float> rotated = x;
        ops::hadamard(
            context,
            {.x = rotated.data(), .rows = kRows, .dim = dim, .round_to_fp4 = round_to_fp4});
        return rotated;
      };
      EXPECT_EQ(rotate(kernels()), rotate(reference_kernels())) << dim;
    }
  }
}

TEST_P(EveryIsa, RoundsToFp4AsTheFormatSays) {
  if (GetParam() == Isa::kRef) return;
  constexpr int kGroup = 32;
  const float infinity = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> x;
  // Around every tie and every value of the grid at the scale 1, then at the ends of the range.
  for (int eighths = 0; eighths <= 56; ++eighths) {
    const float value = static_cast<float>(eighths) / 8;
    x.push_back(value);
    x.push_back(std::nextafter(value, infinity));
    x.push_back(-std::nextafter(value, -infinity));
  }
  const std::vector<float> ends = {0.0F, -0.0F, 1e-45F, -1e-38F, 3.4e38F, -infinity, nan, -nan};
  std::vector<float> groups;
  for (const float greatest : {6.0F, 5.9F, 1e-30F, 3e38F, infinity, nan, 0.0F}) {
    for (const float value : x) {
      if (groups.size() % kGroup == 0) groups.push_back(greatest);
      groups.push_back(greatest > 0 && greatest < infinity ? value * (greatest / 6) : value);
    }
    for (const float end : ends) groups.push_back(end);
    groups.resize((groups.size() + kGroup - 1) / kGroup * kGroup);
  }
  std::vector<float> expected = groups;
  const int count = static_cast<int>(groups.size());
  q4_round(expected.data(), expected.data(), count, kGroup);
  kernels().micro->q4_round(groups.data(), count);
  for (size_t i = 0; i < groups.size(); ++i) {
    EXPECT_EQ(std::bit_cast<uint32_t>(groups[i]), std::bit_cast<uint32_t>(expected[i])) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(All, EveryIsa, testing::ValuesIn(all_isas()), [](const auto& isa) {
  return testing_support::test_name(isa_name(isa.param));
});

}  // namespace
}  // namespace hadal
