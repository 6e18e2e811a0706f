// What works on cached keys: entry encoding, compression, the indexer's choice and attention,
// against their definitions over keys that lie in the step, the ring and pages alike.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <numeric>

#include "base/aligned_buffer.h"
#include "ops/attention.h"
#include "ops/compressor.h"
#include "ops/indexer.h"
#include "ops/kv_entry.h"
#include "support/ops.h"

namespace hadal {
namespace {

using testing_support::HandMadePlan;
using testing_support::ReferenceOps;
using testing_support::Values;

constexpr KvEntryFormat kFormat{.nope_dim = 64, .rope_dim = 8};
constexpr IndexKeyFormat kKeyFormat{.dim = 32};

TEST(KvEntry, V4EntriesHaveTheDocumentedSizes) {
  constexpr KvEntryFormat kV4{.nope_dim = 448, .rope_dim = 64};
  EXPECT_EQ(kV4.data_bytes(), 576U);
  EXPECT_EQ(kV4.scale_bytes(), 8U);
  constexpr IndexKeyFormat kV4Key{.dim = 128};
  EXPECT_EQ(kV4Key.data_bytes() + kV4Key.scale_bytes(), 68U);
}

TEST(KvEntry, KeepsRotatedValuesUnroundedForChecking) {
  const KvEntryFormat exact{.nope_dim = 64, .rope_dim = 8, .rope_storage = RopeStorage::kF32};
  const std::vector<float> x = Values(4).floats(72);
  std::vector<std::byte> data(exact.data_bytes());
  std::vector<std::byte> scales(exact.scale_bytes());
  ReferenceOps ref;
  ops::encode_kv(
      ref.context,
      {.x = x.data(), .format = exact, .data = data.data(), .scales = scales.data(), .rows = 1});
  std::vector<float> decoded(72);
  ref::decode_kv(exact, {data.data(), scales.data()}, decoded.data());
  EXPECT_TRUE(std::equal(x.begin() + 64, x.end(), decoded.begin() + 64));
}

TEST(KvEntry, StoresE4m3AndBf16WithinTheirPrecision) {
  const std::vector<float> x = Values(4).floats(3 * 72);
  std::vector<std::byte> data(3 * kFormat.data_bytes());
  std::vector<std::byte> scales(3 * kFormat.scale_bytes());
  ReferenceOps ref;
  ops::encode_kv(
      ref.context,
      {.x = x.data(), .format = kFormat, .data = data.data(), .scales = scales.data(), .rows = 3});
  for (size_t row = 0; row < 3; ++row) {
    std::vector<float> decoded(72);
    ref::decode_kv(
        kFormat,
        {data.data() + row * kFormat.data_bytes(), scales.data() + row * kFormat.scale_bytes()},
        decoded.data());
    const float* original = x.data() + row * 72;
    for (size_t i = 0; i < 64; ++i) {
      EXPECT_NEAR(decoded[i], original[i], std::max(std::abs(original[i]) / 16, 1e-4F));
    }
    for (size_t i = 64; i < 72; ++i) {
      EXPECT_NEAR(decoded[i], original[i], std::abs(original[i]) / 256);
    }
  }
}

// One sequence of `committed` tokens in pages and ring, and `fresh` rows in the step, ratio 4.
class CachedLayer {
 public:
  static constexpr int kWindow = 8;
  static constexpr int kPageEntries = 4;  // 16 tokens a page
  static constexpr int kRatio = 4;

  CachedLayer(int committed, int fresh) : committed_(committed), tokens_(committed + fresh) {
    Values random(29);
    window_values_ = random.floats(static_cast<size_t>(tokens_) * 72);
    group_values_ = random.floats(static_cast<size_t>(groups()) * 72);
    key_values_ = random.floats(static_cast<size_t>(groups()) * 32);
    plan_.rows = fresh;
    for (int i = 0; i < fresh; ++i) {
      plan_.positions.push_back(committed + i);
      plan_.row_sequence.push_back(0);
    }
    plan_.sequences.push_back({.rows = fresh, .start = committed});
    plan_.compressions = {{.ratio = kRatio, .first_group = {0, groups() - committed / kRatio}}};
    plan_.state_table = {3};
    plan_.page_table = {2, 0, 5, 1};
    pool_.assign(6 * kBlockBytes, std::byte{0xff});
    encode_all();
    place();
  }

  int groups() const { return tokens_ / kRatio; }
  const StepPlan& plan() const { return *kv_.plan; }
  const LayerKv& view() const { return kv_; }

  std::vector<float> window_value(int position) const {
    return decode({window_data_.data() + static_cast<size_t>(position) * kFormat.data_bytes(),
                   window_scales_.data() + static_cast<size_t>(position) * kFormat.scale_bytes()});
  }
  std::vector<float> entry_value(int entry) const {
    return decode({group_data_.data() + static_cast<size_t>(entry) * kFormat.data_bytes(),
                   group_scales_.data() + static_cast<size_t>(entry) * kFormat.scale_bytes()});
  }
  std::vector<float> key_value(int entry) const {
    std::vector<float> out(32);
    ref::decode_index_key(
        kKeyFormat,
        {keys_.data() + static_cast<size_t>(entry) * kKeyFormat.data_bytes(),
         key_scales_.data() + static_cast<size_t>(entry) * kKeyFormat.scale_bytes()},
        out.data());
    return out;
  }

 private:
  static constexpr size_t kBlockBytes = 4096;

  static std::vector<float> decode(const KvEntry& entry) {
    std::vector<float> out(72);
    ref::decode_kv(kFormat, entry, out.data());
    return out;
  }

  void encode_all() {
    ReferenceOps ref;
    const auto encode = [&](const std::vector<float>& x, int rows, std::vector<std::byte>& data,
                            std::vector<std::byte>& scales) {
      data.resize(static_cast<size_t>(rows) * kFormat.data_bytes());
      scales.resize(static_cast<size_t>(rows) * kFormat.scale_bytes());
      ops::encode_kv(ref.context, {.x = x.data(),
                                   .format = kFormat,
                                   .data = data.data(),
                                   .scales = scales.data(),
                                   .rows = rows});
    };
    encode(window_values_, tokens_, window_data_, window_scales_);
    encode(group_values_, groups(), group_data_, group_scales_);
    keys_.resize(static_cast<size_t>(groups()) * kKeyFormat.data_bytes());
    key_scales_.resize(static_cast<size_t>(groups()) * kKeyFormat.scale_bytes());
    ops::encode_index_key(ref.context, {.x = key_values_.data(),
                                        .format = kKeyFormat,
                                        .data = keys_.data(),
                                        .scales = key_scales_.data(),
                                        .rows = groups()});
  }

  // Committed entries go into the pool where a page table and a ring would have them.
  void place() {
    kv_.format = kFormat;
    kv_.key_format = kKeyFormat;
    kv_.plan = &plan_.plan();
    kv_.pool = pool_.data();
    kv_.page_bytes = kBlockBytes;
    kv_.window = kWindow;
    kv_.ring_data_offset = 64;
    kv_.ring_scale_offset = 64 + kWindow * kFormat.data_bytes();
    kv_.ratio = kRatio;
    kv_.page_entries = kPageEntries;
    kv_.page_data_offset = 128;
    kv_.page_scale_offset = 1024;
    kv_.page_key_offset = 2048;
    kv_.page_key_scale_offset = 3072;
    std::byte* ring = pool_.data() + 3 * kBlockBytes;
    for (int p = std::max(0, committed_ - kWindow); p < committed_; ++p) {
      copy_row(window_data_, p, kFormat.data_bytes(), ring + kv_.ring_data_offset, p % kWindow);
      copy_row(window_scales_, p, kFormat.scale_bytes(), ring + kv_.ring_scale_offset, p % kWindow);
    }
    for (int j = 0; j < committed_ / kRatio; ++j) {
      const auto id = static_cast<size_t>(plan_.page_table[static_cast<size_t>(j / kPageEntries)]);
      std::byte* page = pool_.data() + id * kBlockBytes;
      const int slot = j % kPageEntries;
      copy_row(group_data_, j, kFormat.data_bytes(), page + kv_.page_data_offset, slot);
      copy_row(group_scales_, j, kFormat.scale_bytes(), page + kv_.page_scale_offset, slot);
      copy_row(keys_, j, kKeyFormat.data_bytes(), page + kv_.page_key_offset, slot);
      copy_row(key_scales_, j, kKeyFormat.scale_bytes(), page + kv_.page_key_scale_offset, slot);
    }
    const auto rows = static_cast<size_t>(committed_);
    const auto entries = static_cast<size_t>(committed_ / kRatio);
    kv_.step_data = window_data_.data() + rows * kFormat.data_bytes();
    kv_.step_scales = window_scales_.data() + rows * kFormat.scale_bytes();
    kv_.group_data = group_data_.data() + entries * kFormat.data_bytes();
    kv_.group_scales = group_scales_.data() + entries * kFormat.scale_bytes();
    kv_.group_keys = keys_.data() + entries * kKeyFormat.data_bytes();
    kv_.group_key_scales = key_scales_.data() + entries * kKeyFormat.scale_bytes();
  }

  static void copy_row(const std::vector<std::byte>& from, int row, size_t bytes, std::byte* to,
                       int slot) {
    std::memcpy(to + static_cast<size_t>(slot) * bytes,
                from.data() + static_cast<size_t>(row) * bytes, bytes);
  }

  int committed_;
  int tokens_;
  HandMadePlan plan_;
  LayerKv kv_;
  std::vector<std::byte> pool_;
  std::vector<float> window_values_, group_values_, key_values_;
  std::vector<std::byte> window_data_, window_scales_, group_data_, group_scales_, keys_,
      key_scales_;
};

double dot(const std::vector<float>& a, const float* b) {
  return std::inner_product(a.begin(), a.end(), b, 0.0);
}

TEST(Attend, IsASoftmaxOverWindowEntriesAndSink) {
  constexpr int kHeads = 3;
  const CachedLayer layer(21, 6);
  Values random(31);
  const std::vector<float> q = random.floats(6 * kHeads * 72);
  const std::vector<float> sink = {0.5F, -1.0F, 2.0F};
  std::vector<float> out(q.size());
  ReferenceOps ref;
  ops::attend(ref.context, {.q = q.data(),
                            .sink = sink.data(),
                            .kv = layer.view(),
                            .out = out.data(),
                            .heads = kHeads,
                            .scale = 0.25F});
  for (int row = 0; row < 6; ++row) {
    const int position = 21 + row;
    std::vector<std::vector<float>> keys;
    for (int p = std::max(0, position - 7); p <= position; ++p) {
      keys.push_back(layer.window_value(p));
    }
    for (int j = 0; j < (position + 1) / 4; ++j) keys.push_back(layer.entry_value(j));
    for (int head = 0; head < kHeads; ++head) {
      const size_t offset = static_cast<size_t>(row * kHeads + head) * 72;
      double denominator = std::exp(static_cast<double>(sink[static_cast<size_t>(head)]));
      std::vector<double> expected(72);
      for (const auto& key : keys) {
        const double weight = std::exp(dot(key, q.data() + offset) * 0.25);
        denominator += weight;
        for (size_t c = 0; c < 72; ++c) expected[c] += weight * key[c];
      }
      for (size_t c = 0; c < 72; ++c) {
        EXPECT_NEAR(out[offset + c], expected[c] / denominator, 1e-5) << "row " << row;
      }
    }
  }
}

TEST(Attend, TakesOnlyChosenEntries) {
  const CachedLayer layer(21, 1);
  const std::vector<float> q = Values(3).floats(72);
  const float sink = 0;
  const std::vector<int32_t> chosen = {1, 4, -1};
  std::vector<float> out(72);
  ReferenceOps ref;
  ops::attend(ref.context, {.q = q.data(),
                            .sink = &sink,
                            .kv = layer.view(),
                            .chosen = chosen.data(),
                            .topk = 3,
                            .out = out.data(),
                            .heads = 1,
                            .scale = 1});
  double denominator = 1;
  double expected = 0;
  const auto add = [&](const std::vector<float>& key) {
    const double weight = std::exp(dot(key, q.data()));
    denominator += weight;
    expected += weight * key[5];
  };
  for (int p = 14; p <= 21; ++p) add(layer.window_value(p));
  add(layer.entry_value(1));
  add(layer.entry_value(4));
  EXPECT_NEAR(out[5], expected / denominator, 1e-5);
}

TEST(ChooseEntries, TakesTheBestScoresAscending) {
  constexpr int kHeads = 2;
  constexpr int kTopk = 3;
  const CachedLayer layer(30, 4);
  Values random(8);
  const std::vector<float> q = random.floats(4 * kHeads * 32);
  const std::vector<float> weights = random.floats(4 * kHeads);
  std::vector<int32_t> chosen(4 * kTopk);
  ReferenceOps ref;
  ops::choose_entries(ref.context, {.q = q.data(),
                                    .weights = weights.data(),
                                    .kv = layer.view(),
                                    .chosen = chosen.data(),
                                    .heads = kHeads,
                                    .topk = kTopk});
  for (int row = 0; row < 4; ++row) {
    std::vector<std::pair<double, int>> scored;
    for (int j = 0; j < (30 + row + 1) / 4; ++j) {
      double score = 0;
      for (int head = 0; head < kHeads; ++head) {
        const auto index = static_cast<size_t>(row * kHeads + head);
        score += weights[index] * std::max(0.0, dot(layer.key_value(j), q.data() + index * 32));
      }
      scored.emplace_back(-score, j);
    }
    std::sort(scored.begin(), scored.end());
    std::vector<int32_t> expected;
    for (int k = 0; k < kTopk; ++k) expected.push_back(scored[static_cast<size_t>(k)].second);
    std::sort(expected.begin(), expected.end());
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), chosen.begin() + row * kTopk))
        << "row " << row;
  }
}

TEST(ChooseEntries, TiesGoToTheLowerEntryAndFewEntriesAreAllChosen) {
  const CachedLayer layer(30, 1);
  const std::vector<float> q(32, 0.0F);  // every score is zero
  const float weight = 1;
  ReferenceOps ref;
  ChooseEntriesArgs args{.q = q.data(), .weights = &weight, .kv = layer.view(), .heads = 1};
  std::vector<int32_t> two(2);
  args.topk = 2;
  args.chosen = two.data();
  ops::choose_entries(ref.context, args);
  EXPECT_EQ(two, (std::vector<int32_t>{0, 1}));
  std::vector<int32_t> nine(9);
  args.topk = 9;
  args.chosen = nine.data();
  ops::choose_entries(ref.context, args);
  EXPECT_EQ(nine, (std::vector<int32_t>{0, 1, 2, 3, 4, 5, 6, -1, -1}));
}

TEST(CsaPool, SoftmaxesEightOverlappingRowsPerChannel) {
  constexpr size_t kChannels = 5;
  constexpr size_t kRowFloats = 4 * kChannels;
  constexpr int kTokens = 16;
  const std::vector<float> rows = Values(6).floats(kTokens * kRowFloats);
  // Tokens 0 to 9 are committed, 10 to 15 in the step, which completes groups 2 and 3.
  constexpr size_t kStateStride = kRowFloats + 3;
  std::vector<float> state(kCsaStateRows * kStateStride);
  for (size_t t = 2; t < 10; ++t) {
    std::copy_n(rows.data() + t * kRowFloats, kRowFloats, state.data() + t % 8 * kStateStride);
  }
  HandMadePlan step{
      .rows = 6,
      .sequences = {{.rows = 6, .start = 10}},
      .state_table = {0},
      .compressions = {{.ratio = 4,
                        .groups = {{.group = 2, .last_row = 1}, {.group = 3, .last_row = 5}},
                        .first_group = {0, 2}}}};
  const StepPlan& plan = step.plan();
  std::vector<float> out(2 * kChannels);
  ReferenceOps ref;
  ops::csa_pool(ref.context, {.plan = &plan,
                              .groups = &plan.compression(4),
                              .rows = rows.data() + 10 * kRowFloats,
                              .state = {.pool = std::as_bytes(std::span(state)).data()},
                              .state_stride = kStateStride,
                              .out = out.data(),
                              .channels = kChannels});
  for (size_t g = 0; g < 2; ++g) {
    for (size_t c = 0; c < kChannels; ++c) {
      double sum = 0;
      double weighted = 0;
      for (size_t i = 0; i < 8; ++i) {
        const size_t token = (g + 1) * 4 + i;
        const float* row = rows.data() + token * kRowFloats + (i < 4 ? 0 : kChannels);
        const double weight = std::exp(static_cast<double>(row[2 * kChannels + c]));
        sum += weight;
        weighted += weight * row[c];
      }
      EXPECT_NEAR(out[g * kChannels + c], weighted / sum, 1e-5) << "group " << g + 2;
    }
  }
}

TEST(HcaPool, RunningSoftmaxEqualsTheWholeGroupAndBanksResume) {
  constexpr size_t kChannels = 3;
  const std::vector<float> rows = Values(12).floats(128 * 2 * kChannels);
  ReferenceOps ref;
  // The group in two steps, the second begun anew from every bank of the first.
  HandMadePlan first{.rows = 100,
                     .banks = 3,
                     .sequences = {{.rows = 100, .start = 0, .droppable_rows = 2}},
                     .state_table = {0},
                     .compressions = {{.ratio = 128, .first_group = {0, 0}}}};
  const std::vector<float> empty(3 * kChannels, std::nanf(""));
  std::vector<float> banks(3 * 3 * kChannels);
  ops::hca_pool(ref.context, {.plan = &first.plan(),
                              .groups = &first.plan().compression(128),
                              .rows = rows.data(),
                              .state = {.pool = std::as_bytes(std::span(empty)).data()},
                              .banks = banks.data(),
                              .channels = kChannels});
  std::vector<float> outs;
  for (size_t bank = 0; bank < 3; ++bank) {
    const int start = 98 + static_cast<int>(bank);
    HandMadePlan second{.rows = 128 - start,
                        .banks = 1,
                        .sequences = {{.rows = 128 - start, .start = start}},
                        .state_table = {0},
                        .compressions = {{.ratio = 128,
                                          .groups = {{.group = 0, .last_row = 127 - start}},
                                          .first_group = {0, 1}}}};
    std::vector<float> last(3 * kChannels);
    std::vector<float> out(kChannels);
    ops::hca_pool(ref.context, {.plan = &second.plan(),
                                .groups = &second.plan().compression(128),
                                .rows = rows.data() + static_cast<size_t>(start) * 2 * kChannels,
                                .state = {.pool = std::as_bytes(std::span(banks)).data(),
                                          .offset = bank * 3 * kChannels * sizeof(float)},
                                .out = out.data(),
                                .banks = last.data(),
                                .channels = kChannels});
    outs.insert(outs.end(), out.begin(), out.end());
  }
  for (size_t c = 0; c < kChannels; ++c) {
    double sum = 0;
    double weighted = 0;
    for (size_t t = 0; t < 128; ++t) {
      const double weight = std::exp(static_cast<double>(rows[t * 2 * kChannels + kChannels + c]));
      sum += weight;
      weighted += weight * rows[t * 2 * kChannels + c];
    }
    EXPECT_NEAR(outs[c], weighted / sum, 1e-5);
    EXPECT_EQ(outs[c], outs[kChannels + c]);
    EXPECT_EQ(outs[c], outs[2 * kChannels + c]);
  }
}

}  // namespace
}  // namespace hadal
