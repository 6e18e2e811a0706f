#include "ops/experts.h"

#include <cmath>
#include <gtest/gtest.h>

#include "ops/dispatch_buffer.h"
#include "support/ops.h"

namespace hadal {
namespace {

using testing_support::ReferenceOps;
using testing_support::Values;

struct Routing {
  std::vector<int32_t> experts;
  std::vector<float> weights;
};

Routing route_rows(const std::vector<float>& logits, const std::vector<float>& bias, int topk,
                   float scaling) {
  const int experts = static_cast<int>(bias.size());
  const int rows = static_cast<int>(logits.size()) / experts;
  Routing routing{std::vector<int32_t>(static_cast<size_t>(rows * topk)),
                  std::vector<float>(static_cast<size_t>(rows * topk))};
  ReferenceOps ref;
  ops::route(ref.context, {.logits = logits.data(),
                           .bias = bias.data(),
                           .experts = routing.experts.data(),
                           .weights = routing.weights.data(),
                           .rows = rows,
                           .expert_count = experts,
                           .topk = topk,
                           .scaling = scaling});
  return routing;
}

double score(double logit) { return std::sqrt(std::log1p(std::exp(logit))); }

TEST(Route, ChoosesByBiasedScoreButWeighsByScore) {
  // Without its bias expert 0 would not be chosen; its weight comes from the plain score.
  const Routing routing = route_rows({-2, 1, 2, 0}, {5, 0, 0, 0}, 2, 1.5F);
  EXPECT_EQ(routing.experts, (std::vector<int32_t>{0, 2}));
  const double sum = score(-2) + score(2);
  EXPECT_NEAR(routing.weights[0], score(-2) / sum * 1.5, 1e-6);
  EXPECT_NEAR(routing.weights[1], score(2) / sum * 1.5, 1e-6);
}

TEST(Route, TiesGoToTheLowerExpert) {
  EXPECT_EQ(route_rows({1, 1, 1, 1, 1}, {0, 0, 0, 0, 0}, 3, 1).experts,
            (std::vector<int32_t>{0, 1, 2}));
}

TEST(Route, NanScoresStillChooseDistinctExperts) {
  const float nan = std::nanf("");
  EXPECT_EQ(route_rows({nan, nan, 1, nan}, {0, 0, 0, 0}, 2, 1).experts,
            (std::vector<int32_t>{0, 2}));
}

TEST(Route, HashLayersTakeExpertsFromTheTokensRow) {
  const std::vector<int64_t> table = {1, 0, 3, 2, 0, 3};
  const std::vector<float> logits = {0, 1, 2, 3};
  const int32_t token = 1;
  std::vector<int32_t> experts(2);
  std::vector<float> weights(2);
  ReferenceOps ref;
  ops::route(ref.context, {.logits = logits.data(),
                           .hash_table = reinterpret_cast<const std::byte*>(table.data()),
                           .tokens = &token,
                           .experts = experts.data(),
                           .weights = weights.data(),
                           .rows = 1,
                           .expert_count = 4,
                           .topk = 2});
  EXPECT_EQ(experts, (std::vector<int32_t>{2, 3}));
  EXPECT_NEAR(weights[0], score(2) / (score(2) + score(3)), 1e-6);
}

TEST(Dispatch, SortsByExpertThenRowAndCombineUndoesIt) {
  const std::vector<int32_t> experts = {1, 4, 0, 4, 1, 2};  // three rows of two
  const std::vector<float> weights = {1, 2, 3, 4, 5, 6};
  DispatchBuffer memory;
  const Dispatch dispatch = memory.sized(3, 2, 6);
  ReferenceOps ref;
  ops::dispatch(ref.context, {.experts = experts.data(),
                              .weights = weights.data(),
                              .rows = 3,
                              .expert_count = 6,
                              .topk = 2,
                              .out = dispatch});
  EXPECT_EQ(memory.first, (std::vector<int32_t>{0, 1, 3, 4, 4, 6, 6}));
  EXPECT_EQ(memory.row, (std::vector<int32_t>{1, 0, 2, 2, 0, 1}));
  EXPECT_EQ(memory.weight, (std::vector<float>{3, 1, 5, 6, 2, 4}));
  const std::vector<float> outputs = {10, 20, 30, 40, 50, 60};  // one value per assignment
  const std::vector<float> shared = {0.5F, 0.25F, 0.125F};
  std::vector<float> sum(3);
  ops::combine(ref.context, {.expert_out = outputs.data(),
                             .shared = shared.data(),
                             .slot_of = dispatch.slot_of,
                             .out = sum.data(),
                             .rows = 3,
                             .hidden = 1,
                             .topk = 2});
  EXPECT_EQ(sum, (std::vector<float>{20 + 50 + 0.5F, 10 + 60 + 0.25F, 30 + 40 + 0.125F}));
}

TEST(Experts, ARowsResultDependsNeitherOnItsNeighboursNorOnRanks) {
  constexpr int kHidden = 64;
  constexpr int kWidth = 32;
  constexpr int kExperts = 5;
  Values random(3);
  std::vector<std::vector<std::byte>> storage;
  const auto fp4 = [&](int out, int in) {
    std::vector<std::byte>& data = storage.emplace_back(static_cast<size_t>(out * in / 2));
    for (std::byte& b : data) b = std::byte{random.byte()};
    std::vector<std::byte>& scale =
        storage.emplace_back(static_cast<size_t>(out * in / 32), std::byte{125});
    return WeightMatrix{.format = WeightFormat::kFp4,
                        .data = data.data(),
                        .scale = scale.data(),
                        .out_features = out,
                        .in_features = in};
  };
  storage.reserve(kExperts * 6);
  std::vector<ExpertWeights> weights;
  for (int e = 0; e < kExperts; ++e) {
    weights.push_back({fp4(kWidth, kHidden), fp4(kWidth, kHidden), fp4(kHidden, kWidth)});
  }
  constexpr int kRows = 9;
  const std::vector<float> x = random.floats(kRows * kHidden);
  std::vector<int32_t> chosen;
  std::vector<float> chosen_weights;
  for (int row = 0; row < kRows; ++row) {  // expert 3 gets nothing, expert 1 all rows
    chosen.insert(chosen.end(), {1, row % 2 == 0 ? 4 : 2});
    chosen_weights.insert(chosen_weights.end(), {0.5F, 1.0F});
  }
  ReferenceOps ref;
  // Computed by two ranks, of which the first has `first_rank` experts.
  const auto run = [&](int first_row, int rows, int first_rank) {
    DispatchBuffer memory;
    const Dispatch dispatch = memory.sized(rows, 2, kExperts);
    ops::dispatch(ref.context, {.experts = chosen.data() + 2 * first_row,
                                .weights = chosen_weights.data() + 2 * first_row,
                                .rows = rows,
                                .expert_count = kExperts,
                                .topk = 2,
                                .out = dispatch});
    std::vector<float> assigned(static_cast<size_t>(rows * 2 * kHidden));
    for (const ExpertRange range : {ExpertRange{.first = 0, .count = first_rank},
                                    {.first = first_rank, .count = kExperts - first_rank}}) {
      ops::experts(ref.context, {.x = x.data() + first_row * kHidden,
                                 .experts = weights.data() + range.first,
                                 .range = range,
                                 .dispatch = dispatch,
                                 .out = assigned.data(),
                                 .hidden = kHidden,
                                 .width = kWidth,
                                 .swiglu_limit = 10});
    }
    const std::vector<float> shared(static_cast<size_t>(rows * kHidden));
    std::vector<float> out(static_cast<size_t>(rows * kHidden));
    ops::combine(ref.context, {.expert_out = assigned.data(),
                               .shared = shared.data(),
                               .slot_of = dispatch.slot_of,
                               .out = out.data(),
                               .rows = rows,
                               .hidden = kHidden,
                               .topk = 2});
    return out;
  };
  const std::vector<float> together = run(0, kRows, kExperts);
  for (int row = 0; row < kRows; ++row) {
    const std::vector<float> alone = run(row, 1, kExperts);
    EXPECT_TRUE(std::equal(alone.begin(), alone.end(), together.begin() + row * kHidden))
        << "row " << row;
  }
  for (const int first_rank : {0, 2, 4}) EXPECT_EQ(run(0, kRows, first_rank), together);
}

}  // namespace
}  // namespace hadal
