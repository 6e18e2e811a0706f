#include "ops/row_loop.h"

#include <atomic>
#include <cstring>
#include <gtest/gtest.h>
#include <vector>

#include "ops/compressor.h"
#include "ops/experts.h"
#include "ops/hyper_connection.h"
#include "ops/indexer.h"
#include "ops/isa.h"
#include "ops/kv_entry.h"
#include "ops/norm.h"
#include "ops/rope.h"
#include "ops/swiglu.h"
#include "support/ops.h"

namespace hadal {
namespace {

using testing_support::Values;

constexpr int kRows = 11;
constexpr int kColumns = 256;

// Runs an operation on all rows at once, and row by row on three threads: both must leave the same
// bytes in what `outputs` names.
class RowLoopTest : public ::testing::Test {
 protected:
  RowLoopTest() : three_(3), context_(three_, kernels_for(best_isa())) {}

  // A new output of `count` values, with the same contents in both runs.
  template <typename T>
  T* output(size_t count, float base = 0) {
    const size_t bytes = count * sizeof(T);
    outputs_.emplace_back(bytes);
    auto* values = reinterpret_cast<T*>(outputs_.back().data());
    for (size_t i = 0; i < count; ++i) values[i] = static_cast<T>(base + static_cast<float>(i % 7));
    return values;
  }
  const float* input(size_t count) {
    inputs_.push_back(random_.floats(count));
    return inputs_.back().data();
  }

  template <typename Args, typename Run>
  void expect_the_same_in_parts(const Args& args, int rows_each, const Run& run) {
    const std::vector<std::vector<std::byte>> before = outputs_;
    run(context_, args);
    const std::vector<std::vector<std::byte>> whole = outputs_;
    for (size_t i = 0; i < outputs_.size(); ++i) {
      std::memcpy(outputs_[i].data(), before[i].data(), before[i].size());
    }
    ops::for_rows(context_, {.op = "test", .rows = kRows, .row_floats = RowLoop::kRowByRow},
                  [&](OpContext& own, RowRange range) {
                    EXPECT_EQ(own.threads().threads(), 1);
                    run(own, rows_of(args, range.each_of(rows_each)));
                  });
    EXPECT_EQ(outputs_, whole);
    EXPECT_NE(before, whole);
  }

  ThreadPool three_;
  OpContext context_;
  Values random_{17};
  std::vector<std::vector<std::byte>> outputs_;
  std::vector<std::vector<float>> inputs_;
};

TEST_F(RowLoopTest, CoversEveryRowOnce) {
  for (const int rows : {0, 1, 15, 16, 17, 400}) {
    for (const int floats : {0, 1, 1000, RowLoop::kRowByRow}) {
      std::vector<std::atomic<int>> visits(static_cast<size_t>(rows));
      ops::for_rows(context_, {.op = "test", .rows = rows, .row_floats = floats},
                    [&](OpContext&, RowRange range) {
                      for (int row = range.begin; row < range.end; ++row) {
                        ++visits[static_cast<size_t>(row)];
                      }
                    });
      for (const std::atomic<int>& count : visits) EXPECT_EQ(count, 1);
    }
  }
}

TEST_F(RowLoopTest, NormsOfTheHeadsOfARow) {
  constexpr int kHeads = 2;
  expect_the_same_in_parts(RmsNormArgs{.x = input(kRows * kHeads * kColumns),
                                       .weight = input(kColumns),
                                       .out = output<float>(kRows * kHeads * kColumns),
                                       .rows = kRows * kHeads,
                                       .columns = kColumns,
                                       .eps = 1e-6F},
                           kHeads, ops::rms_norm);
}

TEST_F(RowLoopTest, Rope) {
  expect_the_same_in_parts(RopeArgs{.x = output<float>(kRows * 2 * kColumns),
                                    .turns = input(kRows * 2 * 64),
                                    .rows = kRows,
                                    .heads = 2,
                                    .head_dim = kColumns,
                                    .rope_dim = 64},
                           1, ops::rope);
}

TEST_F(RowLoopTest, EncodedEntriesAndKeys) {
  const KvEntryFormat entry{.nope_dim = 192, .rope_dim = 64};
  expect_the_same_in_parts(EncodeKvArgs{.x = input(kRows * kColumns),
                                        .format = entry,
                                        .data = output<std::byte>(kRows * entry.data_bytes()),
                                        .scales = output<std::byte>(kRows * entry.scale_bytes()),
                                        .rows = kRows},
                           1, ops::encode_kv);
  const IndexKeyFormat key{.dim = 128};
  expect_the_same_in_parts(
      EncodeIndexKeyArgs{.x = input(kRows * 128),
                         .format = key,
                         .data = output<std::byte>(kRows * key.data_bytes()),
                         .scales = output<std::byte>(kRows * key.scale_bytes()),
                         .rows = kRows},
      1, ops::encode_index_key);
}

TEST_F(RowLoopTest, HadamardOfTheHeadsOfARow) {
  expect_the_same_in_parts(
      HadamardArgs{
          .x = output<float>(kRows * 4 * 128), .rows = kRows * 4, .dim = 128, .round_to_fp4 = true},
      4, ops::hadamard);
}

TEST_F(RowLoopTest, PositionBias) {
  std::vector<int32_t> positions;
  for (int row = 0; row < kRows; ++row) positions.push_back(row);
  expect_the_same_in_parts(AddPositionBiasArgs{.z = output<float>(kRows * 300),
                                               .ape = input(4 * kColumns),
                                               .positions = positions.data(),
                                               .rows = kRows,
                                               .width = kColumns,
                                               .stride = 300,
                                               .ratio = 4},
                           1, ops::add_position_bias);
}

TEST_F(RowLoopTest, InputsOfLinears) {
  expect_the_same_in_parts(
      QuantizeInt8RowsArgs{.x = input(kRows * kColumns),
                           .rows = kRows,
                           .columns = kColumns,
                           .codes = output<int8_t>(kRows * kColumns),
                           .scales = output<float>(kRows * kColumns / 128),
                           .group_starts = output<GroupStart>(kRows * kColumns / 32),
                           .block_sums = output<int32_t>(kRows * kColumns / 128)},
      1, ops::quantize_int8_rows);
  expect_the_same_in_parts(RoundActivationsArgs{.x = input(kRows * kColumns),
                                                .out = output<float>(kRows * kColumns),
                                                .rows = kRows,
                                                .columns = kColumns},
                           1, ops::round_activations);
  if (context_.kernels().pack_bf16_rows == nullptr) return;
  expect_the_same_in_parts(PackBf16RowsArgs{.x = input(kRows * kColumns),
                                            .rows = kRows,
                                            .columns = kColumns,
                                            .values = output<uint16_t>(kRows * kColumns)},
                           1, ops::pack_bf16_rows);
}

TEST_F(RowLoopTest, Swiglu) {
  for (const float* row_weights : {static_cast<const float*>(nullptr), input(kRows)}) {
    expect_the_same_in_parts(SwigluArgs{.gate = input(kRows * kColumns),
                                        .up = input(kRows * kColumns),
                                        .row_weights = row_weights,
                                        .out = output<float>(kRows * kColumns),
                                        .rows = kRows,
                                        .width = kColumns,
                                        .limit = 10},
                             1, ops::swiglu);
  }
}

TEST_F(RowLoopTest, HyperConnections) {
  constexpr int kStreams = 4;
  constexpr int kMixes = (2 + kStreams) * kStreams;
  expect_the_same_in_parts(HyperPreArgs{.x = input(kRows * kStreams * kColumns),
                                        .products = input(kRows * kMixes),
                                        .base = input(kMixes),
                                        .scale = input(3),
                                        .out = output<float>(kRows * kColumns),
                                        .post = output<float>(kRows * kStreams),
                                        .mixing = output<float>(kRows * kStreams * kStreams),
                                        .rows = kRows,
                                        .streams = kStreams,
                                        .hidden = kColumns,
                                        .sinkhorn_iterations = 3,
                                        .hc_eps = 1e-6F,
                                        .rms_eps = 1e-6F},
                           1, ops::hyper_pre);
  expect_the_same_in_parts(HyperPostArgs{.block_out = input(kRows * kColumns),
                                         .post = input(kRows * kStreams),
                                         .mixing = input(kRows * kStreams * kStreams),
                                         .x = output<float>(kRows * kStreams * kColumns),
                                         .rows = kRows,
                                         .streams = kStreams,
                                         .hidden = kColumns},
                           1, ops::hyper_post);
  expect_the_same_in_parts(HyperHeadArgs{.x = input(kRows * kStreams * kColumns),
                                         .products = input(kRows * kStreams),
                                         .base = input(kStreams),
                                         .scale = input(1),
                                         .out = output<float>(kRows * kColumns),
                                         .rows = kRows,
                                         .streams = kStreams,
                                         .hidden = kColumns,
                                         .hc_eps = 1e-6F,
                                         .rms_eps = 1e-6F},
                           1, ops::hyper_head);
}

TEST_F(RowLoopTest, SumsOfExperts) {
  constexpr int kTopk = 3;
  std::vector<int32_t> slots;
  for (int i = 0; i < kRows * kTopk; ++i) slots.push_back(i * 5 % (kRows * kTopk));
  expect_the_same_in_parts(CombineArgs{.expert_out = input(kRows * kTopk * kColumns),
                                       .shared = input(kRows * kColumns),
                                       .slot_of = slots.data(),
                                       .out = output<float>(kRows * kColumns),
                                       .rows = kRows,
                                       .hidden = kColumns,
                                       .topk = kTopk},
                           1, ops::combine);
}

}  // namespace
}  // namespace hadal
