// hadal's layers against the independent reference over more tokens than the golden answers have:
// several pages, many HCA groups, and a choice among far more CSA entries than the indexer keeps.
#include <algorithm>
#include <gtest/gtest.h>

#include "base/thread_pool.h"
#include "engine/evaluate.h"
#include "golden_case.h"
#include "model/v4/v4_model.h"
#include "reference_model.h"

namespace hadal::independent {
namespace {

using golden::GoldenCase;

class LongSequence : public testing::TestWithParam<const char*> {};

TEST_P(LongSequence, LayersAgree) {
  const GoldenCase golden(GetParam());
  const ModelConfig& config = golden.checkpoint.config();
  std::vector<int32_t> ids;
  uint32_t state = 7;
  for (int i = 0; i < 1100; ++i) {
    state = state * 1664525U + 1013904223U;
    ids.push_back(static_cast<int32_t>((state >> 8) % static_cast<uint32_t>(config.vocab_size)));
  }
  // The borders of pages, of groups and of the window, and positions between.
  std::vector<size_t> wanted;
  for (size_t t = 0; t < ids.size(); ++t) {
    if (t % 128 <= 1 || t % 128 >= 126 || t % 37 == 0) wanted.push_back(t);
  }

  ThreadPool threads(available_processors());
  V4Model model(golden.checkpoint, threads,
                {.activations = ActivationPolicy::kNone, .rope_storage = RopeStorage::kF32});
  const ReferenceModel reference(golden.checkpoint, threads, {.linear_inputs = false});
  std::vector<float> streams = evaluate_embedding(model, ids);
  const size_t columns = streams.size() / ids.size();
  for (int layer = 0; layer < config.layers; ++layer) {
    Matrix input(ids.size(), columns);
    std::ranges::copy(streams, input.values().begin());
    const Matrix answer = reference.run_layer(layer, ids, input, wanted);
    streams = evaluate_layer(model, layer, ids, streams);

    std::vector<float> actual;
    std::vector<float> expected;
    for (size_t i = 0; i < wanted.size(); ++i) {
      const std::span<const float> row = std::span(streams).subspan(wanted[i] * columns, columns);
      actual.insert(actual.end(), row.begin(), row.end());
      for (const double value : answer.row(i)) expected.push_back(static_cast<float>(value));
    }
    std::vector<double> errors = golden::relative_errors(actual, expected, columns);
    // A cached key that rounds the other way shows in the 128 positions after it only.
    std::ranges::sort(errors);
    EXPECT_LE(errors[errors.size() * 3 / 4], 1e-5) << "layer " << layer;
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, LongSequence, testing::Values("pico", "pico-flash"),
                         [](const auto& case_info) {
                           std::string name = case_info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace hadal::independent
