// For tests of the cache: the pico model, whose every kind of layer is real, and sequences that are
// driven step by step while each computed logit is compared with those of the same tokens computed
// in one piece.
#pragma once

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <gtest/gtest.h>
#include <random>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "cache/block_pool.h"
#include "checkpoint/v4/checkpoint.h"
#include "engine/evaluate.h"
#include "model/v4/v4_model.h"
#include "support/source_dir.h"

namespace hadal::testing_cache {

constexpr int kPageTokens = 128;

// The model, bound once per test executable.
class Pico {
 public:
  static Pico& get() {
    static Pico pico;
    return pico;
  }

  V4Model& model() { return model_; }
  const Checkpoint& checkpoint() const { return checkpoint_; }
  ThreadPool& threads() { return threads_; }
  const CacheLayout& layout() const { return model_.cache_layout(); }
  size_t vocab() const { return static_cast<size_t>(model_.config().vocab_size); }

 private:
  Pico()
      : checkpoint_(Checkpoint::open(test::source_path("tests/golden/data/model/pico/model"))),
        threads_(1),
        model_(checkpoint_, threads_, {.page_tokens = kPageTokens}) {}

  Checkpoint checkpoint_;
  ThreadPool threads_;
  V4Model model_;
};

inline std::vector<int32_t> random_tokens(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<int32_t> tokens(count);
  for (int32_t& token : tokens) token = static_cast<int32_t>(random() % 256);
  return tokens;
}

// A token sequence and its logits, [tokens, vocab], computed alone in one piece.
struct Oracle {
  explicit Oracle(std::vector<int32_t> ids)
      : tokens(std::move(ids)), logits(evaluate_logits(Pico::get().model(), tokens, {}).logits) {}

  std::vector<int32_t> tokens;
  std::vector<float> logits;
};

// Fills every free block with bytes that make any read of unwritten state visible (as float32 and
// as e4m3 they are NaN).
inline void poison_free_blocks(BlockPool& pool) {
  std::vector<int32_t> ids;
  const bool taken = pool.allocate(pool.free_blocks(), ids);
  ASSERT_TRUE(taken);
  for (const int32_t id : ids) std::memset(pool.view().block(id), 0xff, pool.view().block_bytes);
  pool.release(ids);
}

// Computes the next `rows` tokens of the oracle's sequence after cache.length, in one step, and
// says whether every logit has the oracle's bits. The cache must have the pages.
inline bool step_matches(const Oracle& oracle, int rows, const BlockPool& pool,
                         SequenceCache& cache) {
  Pico& pico = Pico::get();
  static Step step;
  const auto begin = static_cast<size_t>(cache.length);
  const auto count = static_cast<size_t>(rows);
  const BatchEntry entry{.cache = &cache,
                         .tokens = std::span(oracle.tokens).subspan(begin, count),
                         .logit_rows = rows};
  const StepPlanner plan_memory = make_step_plan({&entry, 1}, pico.layout());
  const StepPlan& plan = plan_memory.plan();
  pico.model().forward(plan, pool.view(), step);
  pico.model().commit(plan, 0, rows, pool.view(), step, cache);
  return std::memcmp(step.logits.data(), oracle.logits.data() + begin * pico.vocab(),
                     count * pico.vocab() * sizeof(float)) == 0;
}

// The same up to `length` tokens, in steps of at most `chunk` rows.
inline bool advance_matches(const Oracle& oracle, int length, int chunk, const BlockPool& pool,
                            SequenceCache& cache) {
  bool matches = true;
  while (cache.length < length) {
    matches &= step_matches(oracle, std::min(chunk, length - cache.length), pool, cache);
  }
  return matches;
}

}  // namespace hadal::testing_cache
