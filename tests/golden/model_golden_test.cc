// The model against answers computed outside the project. End to end with rounding on, one flipped
// rounding step spreads through a random model, so that only three measures say something: all
// without rounding of activations; each layer alone on golden input; the distance to the answers
// compared with that of the released bf16 arithmetic. The answers hold rotated keys in float32,
// and so does the model here; what bf16 adds is bounded by a test of its own.
#include <gtest/gtest.h>

#include "base/thread_pool.h"
#include "engine/evaluate.h"
#include "golden_case.h"
#include "model/v4/v4_model.h"

namespace hadal {
namespace {

using golden::GoldenCase;
using golden::median;
using golden::relative_errors;

struct GoldenSetting {
  const char* name;
  Isa isa;
};

class ModelGolden : public testing::TestWithParam<GoldenSetting> {
 protected:
  ModelGolden() : golden_(GetParam().name), threads_(available_processors()) {}

  void SetUp() override {
    if (!isa_supported(GetParam().isa)) GTEST_SKIP() << "this processor lacks the instructions";
  }
  // Options that keep keys as the answers do.
  ModelOptions exact(ActivationPolicy activations) const {
    return {.isa = GetParam().isa, .activations = activations, .rope_storage = RopeStorage::kF32};
  }

  const ModelConfig& config() const { return golden_.checkpoint.config(); }
  size_t vocab() const { return static_cast<size_t>(config().vocab_size); }

  // The streams that layer `layer` is fed.
  std::vector<float> golden_input(V4Model& model, int layer) {
    if (layer == 0) return evaluate_embedding(model, golden_.ids);
    return golden_.values<float>("layers." + std::to_string(layer - 1) + ".out");
  }

  GoldenCase golden_;
  ThreadPool threads_;
};

TEST_P(ModelGolden, UnroundedLogitsAgree) {
  V4Model unrounded(golden_.checkpoint, threads_, exact(ActivationPolicy::kNone));
  const SequenceLogits actual = evaluate_logits(unrounded, golden_.ids, {.mtp = true});
  const auto logits = golden_.values<float>("logits_unrounded");
  const auto mtp_logits = golden_.values<float>("mtp_logits_unrounded");
  ASSERT_EQ(actual.logits.size(), logits.size());
  ASSERT_EQ(actual.mtp_logits.size(), mtp_logits.size());
  const double main_error = median(relative_errors(actual.logits, logits, vocab()));
  const double mtp_error = median(relative_errors(actual.mtp_logits, mtp_logits, vocab()));
  RecordProperty("main_error", std::to_string(main_error));
  RecordProperty("mtp_error", std::to_string(mtp_error));
  EXPECT_LE(main_error, 3e-3);
  EXPECT_LE(mtp_error, 3e-3);
  EXPECT_GE(golden::argmax_agreement(actual.logits, logits, vocab()), 0.975);
  EXPECT_GE(golden::argmax_agreement(actual.mtp_logits, mtp_logits, vocab()), 0.975);
}

TEST_P(ModelGolden, EveryLayerAgreesOnGoldenInput) {
  V4Model rounded(golden_.checkpoint, threads_, exact(ActivationPolicy::kFp8));
  const auto columns = static_cast<size_t>(config().hc_mult * config().hidden_size);
  for (int layer = 0; layer < config().layers; ++layer) {
    const std::vector<float> actual =
        evaluate_layer(rounded, layer, golden_.ids, golden_input(rounded, layer));
    const auto expected = golden_.values<float>("layers." + std::to_string(layer) + ".out");
    const double error = median(relative_errors(actual, expected, columns));
    RecordProperty("layer_" + std::to_string(layer) + "_error", std::to_string(error));
    EXPECT_LE(error, 1e-5) << "layer " << layer;
  }
}

TEST_P(ModelGolden, IndexerAndRouterChooseTheSame) {
  V4Model rounded(golden_.checkpoint, threads_, exact(ActivationPolicy::kFp8));
  std::vector<int32_t> entries;
  std::vector<int32_t> experts;
  rounded.set_observer(
      {.on_indexer = [&](int, std::span<const int32_t> c) { entries.assign(c.begin(), c.end()); },
       .on_experts = [&](int, std::span<const int32_t> e) { experts.assign(e.begin(), e.end()); }});
  for (int layer = 0; layer < config().layers; ++layer) {
    const std::string prefix = "layers." + std::to_string(layer) + ".";
    evaluate_layer(rounded, layer, golden_.ids, golden_input(rounded, layer));
    // A rounding step that flips may exchange two choices of nearly equal score in a few rows.
    const auto expected_experts = golden_.values<int32_t>(prefix + "ffn.experts");
    ASSERT_EQ(experts.size(), expected_experts.size());
    EXPECT_GE(golden::row_agreement(experts, expected_experts,
                                    static_cast<size_t>(config().experts_per_token)),
              0.98)
        << "layer " << layer;
    if (config().layer_kinds[static_cast<size_t>(layer)] != LayerKind::kCsa) continue;
    const auto expected_entries = golden_.values<int32_t>(prefix + "attn.indexer.topk");
    ASSERT_EQ(entries.size(), expected_entries.size());
    EXPECT_GE(
        golden::row_agreement(entries, expected_entries, static_cast<size_t>(config().index_topk)),
        0.98)
        << "layer " << layer;
  }
}

TEST_P(ModelGolden, RoundedLogitsStandNoFurtherThanBf16Arithmetic) {
  V4Model rounded(golden_.checkpoint, threads_, exact(ActivationPolicy::kFp8));
  const SequenceLogits actual = evaluate_logits(rounded, golden_.ids, {});
  const auto logits = golden_.values<float>("logits");
  const auto bf16 = golden_.values<float>("logits_bf16");
  const double error = median(relative_errors(actual.logits, logits, vocab()));
  const double bf16_error = median(relative_errors(bf16, logits, vocab()));
  RecordProperty("error", std::to_string(error));
  RecordProperty("bf16_error", std::to_string(bf16_error));
  EXPECT_LE(error, bf16_error);
}

// The cache as it is served: rounding the rotated values of keys to bf16 must cost less than the
// bf16 arithmetic of the released code.
TEST_P(ModelGolden, ServedCacheStandsCloserThanBf16Arithmetic) {
  V4Model served(golden_.checkpoint, threads_,
                 {.isa = GetParam().isa, .activations = ActivationPolicy::kNone});
  const SequenceLogits actual = evaluate_logits(served, golden_.ids, {});
  const auto logits = golden_.values<float>("logits_unrounded");
  const double error = median(relative_errors(actual.logits, logits, vocab()));
  const double bf16_error = median(relative_errors(golden_.values<float>("logits_bf16"),
                                                   golden_.values<float>("logits"), vocab()));
  RecordProperty("error", std::to_string(error));
  EXPECT_LE(error, bf16_error / 4);
  EXPECT_GE(golden::argmax_agreement(actual.logits, logits, vocab()), 0.95);
}

// What lets int8 be the default: fed the same input, every layer stands closer to the unrounded
// layer than under the model's own FP8 rounding.
TEST_P(ModelGolden, Int8LayersStandCloserThanFp8Layers) {
  V4Model unrounded(golden_.checkpoint, threads_, exact(ActivationPolicy::kNone));
  V4Model fp8(golden_.checkpoint, threads_, exact(ActivationPolicy::kFp8));
  V4Model int8(golden_.checkpoint, threads_, exact(ActivationPolicy::kInt8));
  const auto columns = static_cast<size_t>(config().hc_mult * config().hidden_size);
  for (int layer = 0; layer < config().layers; ++layer) {
    const std::vector<float> input = golden_input(unrounded, layer);
    const std::vector<float> truth = evaluate_layer(unrounded, layer, golden_.ids, input);
    const double fp8_error =
        median(relative_errors(evaluate_layer(fp8, layer, golden_.ids, input), truth, columns));
    const double int8_error =
        median(relative_errors(evaluate_layer(int8, layer, golden_.ids, input), truth, columns));
    RecordProperty("layer_" + std::to_string(layer) + "_fp8", std::to_string(fp8_error));
    RecordProperty("layer_" + std::to_string(layer) + "_int8", std::to_string(int8_error));
    EXPECT_LT(int8_error, fp8_error) << "layer " << layer;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Cases, ModelGolden,
    testing::Values(GoldenSetting{"pico", Isa::kRef}, GoldenSetting{"pico-flash", Isa::kRef},
                    GoldenSetting{"pico", Isa::kAvx2}, GoldenSetting{"pico-flash", Isa::kAvx2},
                    GoldenSetting{"pico", Isa::kAvxVnni}, GoldenSetting{"pico", Isa::kAvxVnniInt8},
                    GoldenSetting{"pico", Isa::kAvx512}, GoldenSetting{"pico-flash", Isa::kAvx512},
                    GoldenSetting{"pico", Isa::kAvx512Bf16},
                    GoldenSetting{"pico-flash", Isa::kAvx512Bf16}),
    [](const auto& setting) {
      std::string name =
          setting.param.name + std::string("_") + std::string(isa_name(setting.param.isa));
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

}  // namespace
}  // namespace hadal
