// The contract of one forward pass: the logits of a token depend on the tokens before it and on
// nothing else, to the last bit. Chunks, threads, batch neighbours, dropped drafts and page sizes
// are varied here; the answer may not.
#include <cstring>
#include <gtest/gtest.h>

#include "base/thread_pool.h"
#include "cache/block_pool.h"
#include "engine/evaluate.h"
#include "golden_case.h"
#include "model/v4/v4_model.h"

namespace hadal {
namespace {

using golden::GoldenCase;

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

struct Setting {
  const char* name;
  Isa isa;
  ActivationPolicy activations;
};

class Invariance : public testing::TestWithParam<Setting> {
 protected:
  Invariance() : golden_(GetParam().name) {}

  void SetUp() override {
    if (!isa_supported(GetParam().isa)) GTEST_SKIP() << "this processor lacks the instructions";
  }
  ModelOptions options(int page_tokens = kDefaultPageTokens,
                       RopeStorage rope_storage = RopeStorage::kBf16) const {
    return {.isa = GetParam().isa,
            .activations = GetParam().activations,
            .page_tokens = page_tokens,
            .rope_storage = rope_storage};
  }

  size_t vocab() const { return static_cast<size_t>(golden_.checkpoint.config().vocab_size); }

  GoldenCase golden_;
};

TEST_P(Invariance, ChunksAndThreadsChangeNoBit) {
  ThreadPool one(1);
  V4Model alone(golden_.checkpoint, one, options());
  const SequenceLogits whole = evaluate_logits(alone, golden_.ids, {.mtp = true});
  struct Split {
    int threads;
    std::vector<int> chunks;  // rows per step, 0: all
  };
  for (const auto& [threads, chunks] : {Split{1, {7, 130}}, Split{2, {1, 7, 0}}, Split{3, {130}}}) {
    ThreadPool pool(threads);
    V4Model model(golden_.checkpoint, pool, options());
    for (const int chunk : chunks) {
      const SequenceLogits split =
          evaluate_logits(model, golden_.ids, {.chunk = chunk, .mtp = true});
      EXPECT_TRUE(same_bits(split.logits, whole.logits))
          << "chunk " << chunk << ", threads " << threads;
      EXPECT_TRUE(same_bits(split.mtp_logits, whole.mtp_logits))
          << "MTP, chunk " << chunk << ", threads " << threads;
    }
  }
}

// One sequence driven by hand.
class Driver {
 public:
  Driver(V4Model& model, BlockPool& pool, int tokens) : model_(model), pool_(pool) {
    EXPECT_TRUE(reserve_sequence(pool, model.cache_layout(), tokens, cache));
  }

  // Logits of the last `logit_rows` rows; commits all but the last `dropped` rows.
  std::vector<float> step(std::span<const int32_t> tokens, int logit_rows, int droppable = 0,
                          int dropped = 0) {
    const BatchEntry entry{
        .cache = &cache, .tokens = tokens, .logit_rows = logit_rows, .droppable_rows = droppable};
    const StepPlanner plan_memory = make_step_plan({&entry, 1}, model_.cache_layout());
    const StepPlan& plan = plan_memory.plan();
    model_.forward(plan, pool_.view(), step_);
    model_.commit(plan, 0, plan.rows - dropped, pool_.view(), step_, cache);
    const auto count =
        static_cast<size_t>(logit_rows) * static_cast<size_t>(model_.config().vocab_size);
    return {step_.logits.data(), step_.logits.data() + count};
  }

  SequenceCache cache;

 private:
  V4Model& model_;
  BlockPool& pool_;
  Step step_;
};

TEST_P(Invariance, DroppedRowsHaveNeverBeen) {
  constexpr int kPrefix = 122;  // nine more rows cross groups of 4 and the group of 128
  constexpr int kRows = 9;
  ThreadPool threads(2);
  V4Model model(golden_.checkpoint, threads, options());
  const std::span<const int32_t> ids(golden_.ids);
  const SequenceLogits oracle = evaluate_logits(model, ids, {});
  BlockPool pool(model.cache_layout().block_bytes, 64);
  for (int kept = 0; kept <= kRows; ++kept) {
    Driver sequence(model, pool, static_cast<int>(ids.size()));
    sequence.step(ids.first(kPrefix), 0);
    // The rows that stay are true tokens, the others wrong drafts.
    std::vector<int32_t> draft(ids.begin() + kPrefix, ids.begin() + kPrefix + kRows);
    for (size_t i = static_cast<size_t>(kept); i < draft.size(); ++i) {
      draft[i] = (draft[i] + 1) % static_cast<int32_t>(vocab());
    }
    const std::vector<float> verified = sequence.step(draft, kRows, kRows, kRows - kept);
    EXPECT_TRUE(same_bits(
        std::span(verified).first(static_cast<size_t>(kept) * vocab()),
        std::span(oracle.logits).subspan(kPrefix * vocab(), static_cast<size_t>(kept) * vocab())))
        << "verification keeping " << kept;
    ASSERT_EQ(sequence.cache.length, kPrefix + kept);
    const auto begin = static_cast<size_t>(kPrefix + kept);
    const auto rest = ids.subspan(begin);
    const std::vector<float> after = sequence.step(rest, static_cast<int>(rest.size()));
    EXPECT_TRUE(same_bits(after, std::span(oracle.logits).subspan(begin * vocab())))
        << "after keeping " << kept;
    release_sequence(pool, sequence.cache);
  }
}

TEST_P(Invariance, RepeatedDraftsAtEveryPositionLeaveNoTrace) {
  constexpr size_t kTokens = 150;
  ThreadPool threads(1);
  V4Model model(golden_.checkpoint, threads, options());
  const auto ids = std::span<const int32_t>(golden_.ids).first(kTokens);
  const SequenceLogits oracle = evaluate_logits(model, ids, {});
  BlockPool pool(model.cache_layout().block_bytes, 64);
  Driver sequence(model, pool, static_cast<int>(kTokens) + 4);
  std::vector<float> logits;
  for (const int32_t id : ids) {
    const std::vector<int32_t> tokens = {id, 3, 5};
    const std::vector<float> rows = sequence.step(tokens, 3, 2, 2);
    logits.insert(logits.end(), rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(vocab()));
  }
  EXPECT_TRUE(same_bits(logits, oracle.logits));
}

TEST_P(Invariance, BatchNeighboursChangeNoBit) {
  ThreadPool threads(2);
  V4Model model(golden_.checkpoint, threads, options());
  const std::span<const int32_t> ids(golden_.ids);
  BlockPool pool(model.cache_layout().block_bytes, 128);
  // Three sequences of different lengths and contents, in ragged steps together.
  const std::vector<std::span<const int32_t>> prompts = {ids, ids.subspan(100), ids.subspan(37, 5)};
  const std::vector<size_t> strides = {61, 1, 2};
  std::vector<SequenceLogits> oracles;
  for (const auto& prompt : prompts) oracles.push_back(evaluate_logits(model, prompt, {}));
  std::vector<SequenceCache> caches(prompts.size());
  for (size_t s = 0; s < prompts.size(); ++s) {
    ASSERT_TRUE(reserve_sequence(pool, model.cache_layout(), static_cast<int>(prompts[s].size()),
                                 caches[s]));
  }
  Step step;
  std::vector<std::vector<float>> logits(prompts.size());
  while (true) {
    std::vector<BatchEntry> batch;
    std::vector<size_t> who;
    for (size_t s = prompts.size(); s-- > 0;) {
      const auto done = static_cast<size_t>(caches[s].length);
      if (done == prompts[s].size()) continue;
      const size_t rows = std::min(strides[s], prompts[s].size() - done);
      batch.push_back({.cache = &caches[s],
                       .tokens = prompts[s].subspan(done, rows),
                       .logit_rows = static_cast<int>(rows)});
      who.push_back(s);
    }
    if (batch.empty()) break;
    const StepPlanner plan_memory = make_step_plan(batch, model.cache_layout());
    const StepPlan& plan = plan_memory.plan();
    model.forward(plan, pool.view(), step);
    const float* next = step.logits.data();
    for (size_t i = 0; i < batch.size(); ++i) {
      const size_t floats = batch[i].tokens.size() * vocab();
      logits[who[i]].insert(logits[who[i]].end(), next, next + floats);
      next += floats;
      model.commit(plan, static_cast<int>(i), static_cast<int>(batch[i].tokens.size()), pool.view(),
                   step, caches[who[i]]);
    }
  }
  for (size_t s = 0; s < prompts.size(); ++s) {
    EXPECT_TRUE(same_bits(logits[s], oracles[s].logits)) << "sequence " << s;
  }
}

TEST_P(Invariance, PageSizeChangesNoBit) {
  ThreadPool threads(2);
  V4Model wide(golden_.checkpoint, threads, options(1024));
  V4Model narrow(golden_.checkpoint, threads, options(128));
  V4Model exact(golden_.checkpoint, threads, options(256, RopeStorage::kF32));
  EXPECT_TRUE(same_bits(evaluate_logits(wide, golden_.ids, {.chunk = 50}).logits,
                        evaluate_logits(narrow, golden_.ids, {.chunk = 50}).logits));
  EXPECT_TRUE(same_bits(evaluate_logits(exact, golden_.ids, {.chunk = 50}).logits,
                        evaluate_logits(exact, golden_.ids, {}).logits));
}

TEST_P(Invariance, StaleCacheMemoryIsNeverRead) {
  ThreadPool threads(1);
  V4Model model(golden_.checkpoint, threads, options());
  const auto ids = std::span<const int32_t>(golden_.ids).first(140);
  const SequenceLogits oracle = evaluate_logits(model, ids, {});
  BlockPool pool(model.cache_layout().block_bytes, 32);
  // 0xff: NaN as e4m3, e8m0, bf16 and float32.
  std::memset(pool.view().base, 0xff, pool.view().block_bytes * 32);
  Driver sequence(model, pool, 140);
  std::vector<float> logits;
  for (size_t begin = 0; begin < ids.size(); begin += 10) {
    const std::vector<float> rows = sequence.step(ids.subspan(begin, 10), 10);
    logits.insert(logits.end(), rows.begin(), rows.end());
  }
  EXPECT_TRUE(same_bits(logits, oracle.logits));
}

std::string setting_name(const testing::TestParamInfo<Setting>& setting) {
  const char* const policies[] = {"none", "fp8", "int8"};
  std::string name = setting.param.name + std::string("_") +
                     std::string(isa_name(setting.param.isa)) + "_" +
                     policies[static_cast<int>(setting.param.activations)];
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(
    Cases, Invariance,
    testing::Values(Setting{"pico", Isa::kRef, ActivationPolicy::kFp8},
                    Setting{"pico-flash", Isa::kRef, ActivationPolicy::kNone},
                    Setting{"pico", Isa::kAvx2, ActivationPolicy::kNone},
                    Setting{"pico", Isa::kAvx2, ActivationPolicy::kInt8},
                    Setting{"pico-flash", Isa::kAvx2, ActivationPolicy::kFp8},
                    Setting{"pico-flash", Isa::kAvxVnni, ActivationPolicy::kInt8},
                    Setting{"pico", Isa::kAvxVnniInt8, ActivationPolicy::kInt8},
                    Setting{"pico", Isa::kAvx512, ActivationPolicy::kFp8},
                    Setting{"pico-flash", Isa::kAvx512, ActivationPolicy::kNone},
                    Setting{"pico", Isa::kAvx512, ActivationPolicy::kInt8},
                    Setting{"pico-flash", Isa::kAvx512, ActivationPolicy::kInt8},
                    Setting{"pico", Isa::kAvx512Bf16, ActivationPolicy::kFp8},
                    Setting{"pico-flash", Isa::kAvx512Bf16, ActivationPolicy::kFp8},
                    Setting{"pico", Isa::kAvx512Bf16, ActivationPolicy::kInt8}),
    setting_name);

}  // namespace
}  // namespace hadal
