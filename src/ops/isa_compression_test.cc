// The operations of compressed attention with every instruction set, against the reference: the
// indexer, the compressor's pools, turns and rotations.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <limits>

#include "numeric/block_scale.h"
#include "ops/compressor.h"
#include "ops/indexer.h"
#include "ops/rope.h"
#include "support/every_isa.h"
#include "support/ops.h"

namespace hadal {
namespace {

using testing_support::EveryIsa;
using testing_support::HandMadePlan;
using testing_support::Values;

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

}  // namespace
}  // namespace hadal
