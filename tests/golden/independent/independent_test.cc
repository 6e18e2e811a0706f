// The independent reference against answers computed outside the project: it must be nearer to them
// than a correct float32 engine has to be before hadal's own model is judged by it.
#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <numeric>

#include "base/thread_pool.h"
#include "golden_case.h"
#include "number_formats.h"
#include "reference_model.h"

namespace hadal::independent {
namespace {

using golden::GoldenCase;
using golden::median;
using golden::relative_errors;

std::vector<float> as_floats(const Matrix& matrix) {
  std::vector<float> out(matrix.values().size());
  std::ranges::transform(matrix.values(), out.begin(),
                         [](double value) { return static_cast<float>(value); });
  return out;
}

// ids [rows][at most columns] in one row-major table, padded with -1.
std::vector<int32_t> padded(const std::vector<std::vector<int32_t>>& rows, size_t columns) {
  std::vector<int32_t> out(rows.size() * columns, -1);
  for (size_t i = 0; i < rows.size(); ++i) {
    std::ranges::copy(rows[i], out.begin() + static_cast<std::ptrdiff_t>(i * columns));
  }
  return out;
}

class IndependentReference : public testing::TestWithParam<const char*> {
 protected:
  IndependentReference()
      : golden_(GetParam()), threads_(available_processors()), positions_(golden_.ids.size()) {
    std::iota(positions_.begin(), positions_.end(), size_t{0});
  }

  const ModelConfig& config() const { return golden_.checkpoint.config(); }
  size_t vocab() const { return static_cast<size_t>(config().vocab_size); }

  Matrix golden_input(const ReferenceModel& model, int layer) const {
    Matrix streams = model.embed(golden_.ids);
    if (layer == 0) return streams;
    std::ranges::copy(golden_.values<float>("layers." + std::to_string(layer - 1) + ".out"),
                      streams.values().begin());
    return streams;
  }

  Matrix all_layers(const ReferenceModel& model) const {
    Matrix streams = model.embed(golden_.ids);
    for (int layer = 0; layer < config().layers; ++layer) {
      streams = model.run_layer(layer, golden_.ids, streams, positions_);
    }
    return streams;
  }

  double error(const Matrix& actual, const std::string& name) const {
    return median(
        relative_errors(as_floats(actual), golden_.values<float>(name), actual.columns()));
  }

  GoldenCase golden_;
  ThreadPool threads_;
  std::vector<size_t> positions_;
};

TEST_P(IndependentReference, EveryLayerAgreesOnGoldenInput) {
  const ReferenceModel model(golden_.checkpoint, threads_, {});
  for (int layer = 0; layer < config().layers; ++layer) {
    const std::string prefix = "layers." + std::to_string(layer) + ".";
    LayerChoices choices;
    const Matrix actual =
        model.run_layer(layer, golden_.ids, golden_input(model, layer), positions_, &choices);
    EXPECT_LE(error(actual, prefix + "out"), 1e-6) << "layer " << layer;

    const auto chosen = static_cast<size_t>(config().experts_per_token);
    EXPECT_EQ(padded(choices.experts, chosen), golden_.values<int32_t>(prefix + "ffn.experts"))
        << "layer " << layer;
    if (config().layer_kinds[static_cast<size_t>(layer)] != LayerKind::kCsa) continue;
    const auto columns = static_cast<size_t>(config().index_topk);
    EXPECT_EQ(padded(choices.entries, columns),
              golden_.values<int32_t>(prefix + "attn.indexer.topk"))
        << "layer " << layer;
  }
}

TEST_P(IndependentReference, UnroundedLogitsAgree) {
  const ReferenceModel model(golden_.checkpoint, threads_, {.linear_inputs = false});
  const Matrix streams = all_layers(model);
  const Matrix logits = model.logits(streams);
  EXPECT_LE(error(logits, "logits_unrounded"), 3e-4);
  EXPECT_LE(error(model.mtp_logits(golden_.ids, streams), "mtp_logits_unrounded"), 3e-4);
  EXPECT_EQ(golden::argmax_agreement(as_floats(logits), golden_.values<float>("logits_unrounded"),
                                     vocab()),
            1.0);
}

TEST_P(IndependentReference, RoundedLogitsStandNearerThanBf16Arithmetic) {
  const ReferenceModel model(golden_.checkpoint, threads_, {});
  const Matrix streams = all_layers(model);
  const double bf16_error = median(relative_errors(golden_.values<float>("logits_bf16"),
                                                   golden_.values<float>("logits"), vocab()));
  EXPECT_LE(error(model.logits(streams), "logits"), bf16_error);
  EXPECT_LE(error(model.mtp_logits(golden_.ids, streams), "mtp_logits"), bf16_error);
}

// The rows asked for may not change what is computed for them.
TEST_P(IndependentReference, WantedRowsAreThoseOfTheWhole) {
  const ReferenceModel model(golden_.checkpoint, threads_, {});
  const std::vector<size_t> wanted = {0, 3, 4, 127, 128, 255, golden_.ids.size() - 1};
  const Matrix streams = model.embed(golden_.ids);
  for (int layer = 0; layer < config().layers; ++layer) {
    const Matrix whole = model.run_layer(layer, golden_.ids, streams, positions_);
    const Matrix some = model.run_layer(layer, golden_.ids, streams, wanted);
    for (size_t i = 0; i < wanted.size(); ++i) {
      EXPECT_TRUE(std::ranges::equal(some.row(i), whole.row(wanted[i])))
          << "layer " << layer << ", position " << wanted[i];
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, IndependentReference, testing::Values("pico", "pico-flash"),
                         [](const auto& case_info) {
                           std::string name = case_info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(IndependentNumberFormats, RoundToNearestEvenWithinTheBlockScale) {
  // The largest magnitude 448 makes the scale 1; 17 lies between 16 and 18, 19 between 18 and 20.
  std::vector<double> e4m3 = {448, 17, 19, -17, 0.0009765625, 0.0029296875, 17.1, 0};
  round_to_e4m3(e4m3, 8);
  EXPECT_EQ(e4m3, (std::vector<double>{448, 16, 20, -16, 0, 0.00390625, 18, 0}));
  // 449 needs the scale 2.
  std::vector<double> larger = {449, 17};
  round_to_e4m3(larger, 2);
  EXPECT_EQ(larger, (std::vector<double>{448, 16}));
  std::vector<double> e2m1 = {6, 5, 2.5, 1.75, 0.25, -3.5, -0.75, 1.2};
  round_to_e2m1(e2m1, 8);
  EXPECT_EQ(e2m1, (std::vector<double>{6, 4, 2, 2, 0, -4, -1, 1}));
  EXPECT_EQ(round_to_bf16(1.00390625), 1.0);
  EXPECT_EQ(round_to_bf16(1.01171875), 1.015625);
}

TEST(IndependentNumberFormats, DecodeStoredCodes) {
  EXPECT_EQ(decode_e4m3(0x7e), 448);
  EXPECT_EQ(decode_e4m3(0x01), std::ldexp(1.0, -9));
  EXPECT_EQ(decode_e4m3(0xb8), -1);
  EXPECT_TRUE(std::isnan(decode_e4m3(0xff)));
  EXPECT_EQ(decode_e8m0(127), 1);
  EXPECT_EQ(decode_e8m0(0), std::ldexp(1.0, -127));
  EXPECT_EQ(decode_e2m1(0xd), -3);
  EXPECT_EQ(decode_bf16(0xc040), -3);
}

}  // namespace
}  // namespace hadal::independent
