// The model against answers computed outside the project. End to end with rounding on, one flipped
// rounding step spreads through a random model, so that only three measures say something: all
// without rounding of activations; each layer alone on golden input; the distance to the answers
// compared with that of the released bf16 arithmetic. The answers hold rotated keys in float32,
// and so does the model here; what bf16 adds is bounded by a test of its own.
#include <gtest/gtest.h>

#include "base/thread_pool.h"
#include "cache/evaluate.h"
#include "golden_case.h"
#include "model/model.h"

namespace hadal {
namespace {

using golden::GoldenCase;
using golden::median;
using golden::relative_errors;

class ModelGolden : public testing::TestWithParam<const char*> {
 protected:
  ModelGolden() : golden_(GetParam()), threads_(available_processors()) {}

  const ModelConfig& config() const { return golden_.checkpoint.config(); }
  size_t vocab() const { return static_cast<size_t>(config().vocab_size); }

  // The streams that layer `layer` is fed.
  std::vector<float> golden_input(Model& model, int layer) {
    if (layer == 0) return evaluate_embedding(model, golden_.ids);
    return golden_.values<float>("layers." + std::to_string(layer - 1) + ".out");
  }

  GoldenCase golden_;
  ThreadPool threads_;
};

TEST_P(ModelGolden, UnroundedLogitsAgree) {
  Model unrounded(golden_.checkpoint, threads_,
                  {.activations = ActivationPolicy::kNone, .rope_storage = RopeStorage::kF32});
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
  Model rounded(golden_.checkpoint, threads_,
                {.activations = ActivationPolicy::kFp8, .rope_storage = RopeStorage::kF32});
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
  Model rounded(golden_.checkpoint, threads_,
                {.activations = ActivationPolicy::kFp8, .rope_storage = RopeStorage::kF32});
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
  Model rounded(golden_.checkpoint, threads_,
                {.activations = ActivationPolicy::kFp8, .rope_storage = RopeStorage::kF32});
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
  Model served(golden_.checkpoint, threads_, {.activations = ActivationPolicy::kNone});
  const SequenceLogits actual = evaluate_logits(served, golden_.ids, {});
  const auto logits = golden_.values<float>("logits_unrounded");
  const double error = median(relative_errors(actual.logits, logits, vocab()));
  const double bf16_error = median(relative_errors(golden_.values<float>("logits_bf16"),
                                                   golden_.values<float>("logits"), vocab()));
  RecordProperty("error", std::to_string(error));
  EXPECT_LE(error, bf16_error / 4);
  EXPECT_GE(golden::argmax_agreement(actual.logits, logits, vocab()), 0.95);
}

INSTANTIATE_TEST_SUITE_P(Cases, ModelGolden, testing::Values("pico", "pico-flash"),
                         [](const auto& case_info) {
                           std::string name = case_info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace hadal
