// The model at the released widths: a synthetic Flash of four layers (window and hash routing twice
// over, CSA and hash routing, HCA and score routing) and its MTP block. Each layer must agree with
// the independent float64 reference, and a sequence computed token by token with the whole, to the
// last bit.
#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <gtest/gtest.h>
#include <iterator>
#include <memory>
#include <numeric>

#include "base/thread_pool.h"
#include "checkpoint/v4/synth.h"
#include "engine/evaluate.h"
#include "golden_case.h"
#include "model/v4/v4_model.h"
#include "reference_model.h"

namespace hadal {
namespace {

using independent::Matrix;
using independent::ReferenceModel;

// Past one HCA group; sanitizers make the model many times slower and get less.
#ifdef HADAL_SANITIZED
constexpr size_t kLongTokens = 5;
constexpr size_t kSplitTokens = 5;
constexpr uint32_t kShortSequences = 1;
constexpr size_t kShortTokens = 5;
constexpr bool kAllSizes = false;
#else
constexpr size_t kLongTokens = 136;
constexpr size_t kSplitTokens = 132;
constexpr uint32_t kShortSequences = 3;
constexpr size_t kShortTokens = 9;  // two groups of 4
constexpr bool kAllSizes = true;
#endif
constexpr std::array kPassRows = {1, 2, 7, 8, 33, 512};
constexpr std::array kSlowPassRows = {1, 2, 7, 8, 33, 130};
constexpr std::array kOtherPassRows = {8, 33, 1, 7, 2, 12};
constexpr size_t kChoosingTokens = 2048 + 130;
constexpr std::array kChoosingPasses = {512, 512, 512, 520, 1, 2, 7, 8, 1};

std::vector<int32_t> make_ids(size_t count, int vocab, uint32_t seed = 1) {
  std::vector<int32_t> ids(count);
  uint32_t state = seed;
  for (int32_t& id : ids) {
    state = state * 1664525U + 1013904223U;
    id = static_cast<int32_t>((state >> 8) % static_cast<uint32_t>(vocab));
  }
  return ids;
}

class TrueWidth : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    directory_ = HADAL_TRUE_WIDTH_DIRECTORY;
    write_synthetic_checkpoint({.preset = "flash", .layers = 4, .experts = 8, .vocab = 2048},
                               directory_);
    checkpoint_ = std::make_unique<Checkpoint>(Checkpoint::open(directory_));
    threads_ = std::make_unique<ThreadPool>(available_processors());
  }
  static void TearDownTestSuite() {
    threads_.reset();
    checkpoint_.reset();
    std::filesystem::remove_all(directory_);
  }

  static const ModelConfig& config() { return checkpoint_->config(); }

  static Matrix as_matrix(std::span<const float> values, size_t rows) {
    Matrix matrix(rows, values.size() / rows);
    std::ranges::copy(values, matrix.values().begin());
    return matrix;
  }

  static std::vector<float> rows_of(std::span<const float> values, size_t columns,
                                    std::span<const size_t> rows) {
    std::vector<float> out;
    for (const size_t row : rows) {
      const std::span<const float> source = values.subspan(row * columns, columns);
      out.insert(out.end(), source.begin(), source.end());
    }
    return out;
  }

  // The relative errors of every layer at the positions `wanted`, each layer fed with what hadal's
  // layers before it gave: [layers][wanted].
  static std::vector<std::vector<double>> layer_errors(V4Model& model,
                                                       const ReferenceModel& reference,
                                                       std::span<const int32_t> ids,
                                                       std::span<const size_t> wanted);
  // Several short sequences: the median over all their positions, for every layer.
  static void expect_short_sequences_agree(const ModelOptions& options,
                                           const independent::Rounding& rounding);

  static std::filesystem::path directory_;
  static std::unique_ptr<Checkpoint> checkpoint_;
  static std::unique_ptr<ThreadPool> threads_;
};

std::filesystem::path TrueWidth::directory_;
std::unique_ptr<Checkpoint> TrueWidth::checkpoint_;
std::unique_ptr<ThreadPool> TrueWidth::threads_;

std::vector<float> as_floats(const Matrix& matrix) {
  std::vector<float> out(matrix.values().size());
  std::ranges::transform(matrix.values(), out.begin(),
                         [](double value) { return static_cast<float>(value); });
  return out;
}

std::vector<size_t> all_positions(size_t count) {
  std::vector<size_t> positions(count);
  std::iota(positions.begin(), positions.end(), size_t{0});
  return positions;
}

std::vector<std::vector<double>> TrueWidth::layer_errors(V4Model& model,
                                                         const ReferenceModel& reference,
                                                         std::span<const int32_t> ids,
                                                         std::span<const size_t> wanted) {
  std::vector<std::vector<double>> errors;
  std::vector<float> streams = evaluate_embedding(model, ids);
  EXPECT_EQ(as_floats(reference.embed(ids)), streams);
  const size_t columns = streams.size() / ids.size();
  for (int layer = 0; layer < config().layers; ++layer) {
    const Matrix expected = reference.run_layer(layer, ids, as_matrix(streams, ids.size()), wanted);
    streams = evaluate_layer(model, layer, ids, streams);
    errors.push_back(
        golden::relative_errors(rows_of(streams, columns, wanted), as_floats(expected), columns));
  }
  return errors;
}

// A cached key that rounds the other way shows in every later position of its sequence, so that one
// sequence says little; several hardly all meet such a key early.
void TrueWidth::expect_short_sequences_agree(const ModelOptions& options,
                                             const independent::Rounding& rounding) {
  V4Model model(*checkpoint_, *threads_, options);
  const ReferenceModel reference(*checkpoint_, *threads_, rounding);
  std::vector<std::vector<double>> pooled(static_cast<size_t>(config().layers));
  for (uint32_t seed = 1; seed <= kShortSequences; ++seed) {
    const std::vector<int32_t> ids = make_ids(kShortTokens, config().vocab_size, seed);
    const auto errors = layer_errors(model, reference, ids, all_positions(ids.size()));
    for (size_t layer = 0; layer < errors.size(); ++layer) {
      pooled[layer].insert(pooled[layer].end(), errors[layer].begin(), errors[layer].end());
    }
  }
  for (size_t layer = 0; layer < pooled.size(); ++layer) {
    const double error = golden::median(pooled[layer]);
    EXPECT_LE(error, 1e-5) << "layer " << layer;
  }
}

TEST_F(TrueWidth, HasALayerOfEachKind) {
  EXPECT_EQ(config().hidden_size, 4096);
  EXPECT_EQ(config().layer_kinds, (std::vector<LayerKind>{LayerKind::kWindow, LayerKind::kWindow,
                                                          LayerKind::kCsa, LayerKind::kHca}));
  EXPECT_EQ(config().hash_layers, 3);
}

TEST_F(TrueWidth, LayersAgreeWithRoundedInputs) {
  expect_short_sequences_agree(
      {.activations = ActivationPolicy::kFp8, .rope_storage = RopeStorage::kF32}, {});
}

TEST_F(TrueWidth, LayersAgreeAsServed) {
  expect_short_sequences_agree({.activations = ActivationPolicy::kFp8}, {.cached_rope = true});
}

// Past the window and the first HCA group. Without rounding of inputs a key that rounds the other
// way moves a position by about 2e-5, a missing sink or key, or an HCA entry rotated by one
// position too many, by 8e-4 and more.
TEST_F(TrueWidth, LaterPositionsAgree) {
  const std::vector<int32_t> ids = make_ids(kLongTokens, config().vocab_size);
  std::vector<size_t> wanted;
  for (const size_t position :
       {0, 1, 2, 3, 4, 6, 7, 8, 31, 63, 64, 100, 125, 126, 127, 128, 129, 131, 135}) {
    if (position < ids.size()) wanted.push_back(position);
  }
  V4Model model(*checkpoint_, *threads_, {.activations = ActivationPolicy::kNone});
  const ReferenceModel reference(*checkpoint_, *threads_,
                                 {.linear_inputs = false, .cached_rope = true});
  const auto errors = layer_errors(model, reference, ids, wanted);
  for (size_t layer = 0; layer < errors.size(); ++layer) {
    for (size_t i = 0; i < wanted.size(); ++i) {
      EXPECT_LE(errors[layer][i], 2e-4) << "layer " << layer << ", position " << wanted[i];
    }
  }
}

// From the streams that hadal's last layer gave; the layers are judged above.
TEST_F(TrueWidth, HeadAndDrafterAgree) {
  V4Model model(*checkpoint_, *threads_, {.activations = ActivationPolicy::kFp8});
  const ReferenceModel reference(*checkpoint_, *threads_, {.cached_rope = true});
  const auto vocab = static_cast<size_t>(config().vocab_size);
  std::vector<double> head_errors;
  std::vector<double> drafter_errors;
  for (uint32_t seed = 1; seed <= kShortSequences; ++seed) {
    const std::vector<int32_t> ids = make_ids(kShortTokens, config().vocab_size, seed);
    std::vector<float> streams = evaluate_embedding(model, ids);
    for (int layer = 0; layer < config().layers; ++layer) {
      streams = evaluate_layer(model, layer, ids, streams);
    }
    const Matrix exact_streams = as_matrix(streams, ids.size());
    const SequenceLogits actual = evaluate_logits(model, ids, {.mtp = true});
    std::ranges::copy(
        golden::relative_errors(actual.logits, as_floats(reference.logits(exact_streams)), vocab),
        std::back_inserter(head_errors));
    std::ranges::copy(
        golden::relative_errors(actual.mtp_logits,
                                as_floats(reference.mtp_logits(ids, exact_streams)), vocab),
        std::back_inserter(drafter_errors));
  }
  // Nothing is rounded on the way from the streams to the logits.
  EXPECT_LE(*std::ranges::max_element(head_errors), 1e-5);
  EXPECT_LE(golden::median(drafter_errors), 1e-5);
}

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

TEST_F(TrueWidth, TokenByTokenIsTheWholeToTheLastBit) {
  V4Model model(*checkpoint_, *threads_, {.activations = ActivationPolicy::kFp8});
  // The drafter has a window only: a few tokens say as much of it as many.
  for (const auto& [tokens, mtp] :
       {std::pair(kSplitTokens, false), std::pair(kShortTokens, true)}) {
    const std::vector<int32_t> ids = make_ids(tokens, config().vocab_size);
    const SequenceLogits whole = evaluate_logits(model, ids, {.mtp = mtp});
    const SequenceLogits split = evaluate_logits(model, ids, {.chunk = 1, .mtp = mtp});
    EXPECT_TRUE(same_bits(split.logits, whole.logits)) << tokens << " tokens";
    EXPECT_TRUE(same_bits(split.mtp_logits, whole.mtp_logits)) << tokens << " tokens";
    EXPECT_EQ(whole.mtp_logits.empty(), !mtp);
  }
}

struct Kernels {
  Isa isa;
  ActivationPolicy activations;
  bool slow;
};
// Every kernel of a linear layer once: without rounding inputs are what they are under fp8, where
// that has no kernels of its own.
constexpr std::array kKernels = {
    Kernels{Isa::kAvx2, ActivationPolicy::kNone, true},
    Kernels{Isa::kAvx2, ActivationPolicy::kInt8, true},
    Kernels{Isa::kAvxVnni, ActivationPolicy::kInt8, false},
    Kernels{Isa::kAvxVnniInt8, ActivationPolicy::kInt8, false},
    Kernels{Isa::kAvx512, ActivationPolicy::kNone, true},
    Kernels{Isa::kAvx512, ActivationPolicy::kInt8, false},
    Kernels{Isa::kAvx512Bf16, ActivationPolicy::kFp8, false},
};

// The same rows in passes of other sizes, with other threads: kernels read one row as streams, a
// few in registers, more against panels, and in blocks of 96.
TEST_F(TrueWidth, RowsOfAllSizesHaveTheSameBits) {
  if (!kAllSizes) GTEST_SKIP() << "too slow under sanitizers";
  for (const Kernels& kernels : kKernels) {
    if (!isa_supported(kernels.isa)) continue;
    SCOPED_TRACE(isa_name(kernels.isa));
    const std::span<const int> passes =
        kernels.slow ? std::span<const int>(kSlowPassRows) : std::span<const int>(kPassRows);
    const std::vector<int32_t> ids = make_ids(
        static_cast<size_t>(std::reduce(passes.begin(), passes.end())), config().vocab_size);
    const ModelOptions options = {.isa = kernels.isa, .activations = kernels.activations};
    V4Model model(*checkpoint_, *threads_, options);
    const SequenceLogits expected = evaluate_logits(model, ids, {.first_chunks = passes});
    const auto expect_same = [&](int threads, std::span<const int> other_passes) {
      ThreadPool pool(threads);
      V4Model other(*checkpoint_, pool, options);
      const auto rows = static_cast<size_t>(std::reduce(other_passes.begin(), other_passes.end()));
      const SequenceLogits actual =
          evaluate_logits(other, std::span(ids).first(rows), {.first_chunks = other_passes});
      const auto same_rows = std::span(expected.logits).first(actual.logits.size());
      EXPECT_TRUE(same_bits(actual.logits, same_rows)) << threads << " threads";
    };
    expect_same(1, kOtherPassRows);
    expect_same(3, std::vector<int>(passes.rbegin(), passes.rend()));
  }
}

// Beyond index_topk entries, where CSA layers choose among them.
TEST_F(TrueWidth, RowsOfAllSizesChooseTheSameEntries) {
  if (!kAllSizes) GTEST_SKIP() << "too slow under sanitizers";
  ASSERT_GT(kChoosingTokens / 4, static_cast<size_t>(config().index_topk));
  const std::vector<int32_t> ids = make_ids(kChoosingTokens, config().vocab_size);
  V4Model model(*checkpoint_, *threads_, {.activations = ActivationPolicy::kInt8});
  const SequenceLogits expected = evaluate_logits(model, ids, {.chunk = 700});
  const SequenceLogits actual =
      evaluate_logits(model, ids, {.chunk = 33, .first_chunks = kChoosingPasses});
  EXPECT_TRUE(same_bits(actual.logits, expected.logits));
}

}  // namespace
}  // namespace hadal
