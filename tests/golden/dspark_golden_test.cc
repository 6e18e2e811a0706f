// The block drafter against answers computed outside the project (data/model/pico-dspark), judged
// as the model is: all without rounding of activations; each stage alone on golden input; and end
// to end with rounding on, for the case was chosen so that no rounding step stands near a tie.
#include <cmath>
#include <gtest/gtest.h>

#include "base/machine.h"
#include "base/thread_pool.h"
#include "engine/evaluate.h"
#include "golden_case.h"
#include "model/v4/v4_model.h"

namespace hadal {
namespace {

using golden::GoldenCase;
using golden::median;
using golden::relative_errors;

class DsparkGolden : public testing::TestWithParam<Isa> {
 protected:
  DsparkGolden() : golden_("pico-dspark"), threads_(available_processors()) {}

  void SetUp() override {
    if (!isa_supported(GetParam())) GTEST_SKIP() << "this processor lacks the instructions";
  }
  V4Model make_model(ActivationPolicy activations) {
    return {golden_.checkpoint,
            threads_,
            {.isa = GetParam(), .activations = activations, .rope_storage = RopeStorage::kF32}};
  }
  const ModelConfig& config() const { return golden_.checkpoint.config(); }
  size_t vocab() const { return static_cast<size_t>(config().vocab_size); }
  size_t block() const { return static_cast<size_t>(config().dspark.block_size); }

  // Of the rows of all anchors of the case.
  template <typename T>
  std::vector<T> at_anchors(const std::vector<T>& all, size_t row) const {
    std::vector<T> chosen;
    for (const int32_t anchor : golden_.values<int32_t>("anchors")) {
      const auto first =
          all.begin() + static_cast<std::ptrdiff_t>(static_cast<size_t>(anchor) * row);
      chosen.insert(chosen.end(), first, first + static_cast<std::ptrdiff_t>(row));
    }
    return chosen;
  }

  void expect_drafts(ActivationPolicy activations, const std::string& ending, double most_error,
                     double least_agreement, double most_confidence_error) {
    V4Model model = make_model(activations);
    const SequenceDrafts drafts = evaluate_drafts(model, golden_.ids, 0);
    const double error =
        median(relative_errors(at_anchors(drafts.logits, block() * vocab()),
                               golden_.values<float>("draft_logits" + ending), vocab()));
    RecordProperty("error", std::to_string(error));
    EXPECT_LE(error, most_error);
    const std::vector<int32_t> ids = golden_.values<int32_t>("draft_ids" + ending);
    EXPECT_GE(golden::row_agreement(at_anchors(drafts.ids, block()), ids, 1), least_agreement);
    const std::vector<float> known = golden_.values<float>("draft_confidence" + ending);
    const std::vector<float> confidence = at_anchors(drafts.confidence, block());
    std::vector<double> differences;
    for (size_t i = 0; i < known.size(); ++i) {
      differences.push_back(std::abs(static_cast<double>(confidence[i]) - known[i]));
    }
    RecordProperty("confidence_error", std::to_string(median(differences)));
    EXPECT_LE(median(differences), most_confidence_error);
  }

  GoldenCase golden_;
  ThreadPool threads_;
};

TEST_P(DsparkGolden, TheCaseIsABlockDrafter) {
  EXPECT_EQ(config().drafter, DrafterKind::kDspark);
  EXPECT_EQ(config().usable_stages(), 3);
  EXPECT_EQ(
      config().dspark,
      (DsparkConfig{.block_size = 5, .noise_token = 125, .taps = {0, 1, 2}, .markov_rank = 32}));
  EXPECT_TRUE(golden_.checkpoint.unused_tensors().empty());
}

TEST_P(DsparkGolden, UnroundedDraftsAgree) {
  expect_drafts(ActivationPolicy::kNone, "_unrounded", 3e-3, 0.975, 3e-3);
}

TEST_P(DsparkGolden, RoundedDraftsAgree) {
  expect_drafts(ActivationPolicy::kFp8, "", 1e-5, 1, 1e-5);
}

TEST_P(DsparkGolden, EveryStageAgreesOnGoldenInput) {
  V4Model model = make_model(ActivationPolicy::kFp8);
  const std::vector<float> taps = golden_.values<float>("taps");
  const std::vector<int32_t> anchors = golden_.values<int32_t>("anchors");
  std::vector<float> streams;
  for (int stage = 0; stage < 3; ++stage) {
    const std::vector<float> actual = evaluate_drafter_stage(
        model,
        {.stage = stage, .ids = golden_.ids, .taps = taps, .anchors = anchors, .streams = streams});
    streams = golden_.values<float>("mtp." + std::to_string(stage) + ".out");
    const double error = median(relative_errors(
        actual, streams, static_cast<size_t>(config().hc_mult * config().hidden_size)));
    RecordProperty("stage_" + std::to_string(stage) + "_error", std::to_string(error));
    EXPECT_LE(error, 1e-5) << "stage " << stage;
  }
}

// Bits depend neither on chunks nor on threads.
TEST_P(DsparkGolden, ChunksAndThreadsChangeNoBit) {
  V4Model model = make_model(ActivationPolicy::kFp8);
  const SequenceDrafts whole = evaluate_drafts(model, golden_.ids, 0);
  for (const int count : {1, 2}) {
    ThreadPool threads(count);
    V4Model other(golden_.checkpoint, threads,
                  {.isa = GetParam(), .rope_storage = RopeStorage::kF32});
    for (const int chunk : {1, 7, 130}) {
      const SequenceDrafts drafts = evaluate_drafts(other, golden_.ids, chunk);
      EXPECT_EQ(drafts.ids, whole.ids) << chunk;
      EXPECT_EQ(drafts.logits, whole.logits) << chunk;
      EXPECT_EQ(drafts.confidence, whole.confidence) << chunk;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Isas, DsparkGolden, testing::Values(Isa::kRef, best_isa()),
                         [](const auto& tested) {
                           return tested.index == 0 ? "reference" : "best";
                         });

}  // namespace
}  // namespace hadal
