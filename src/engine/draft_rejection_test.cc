// Dropped drafts leave no trace: wherever a rejection falls (within groups of four and of 128,
// where the window wraps, at the end of pages), every byte of the cache is what it is without
// drafts.
#include <algorithm>
#include <filesystem>
#include <gtest/gtest.h>
#include <memory>
#include <vector>

#include "cache/block_pool.h"
#include "checkpoint/v4/checkpoint.h"
#include "engine/local_executor.h"
#include "engine/speculation.h"
#include "model/v4/v4_model.h"
#include "support/source_dir.h"

namespace hadal {
namespace {

constexpr int kPageTokens = 128;
constexpr int kLongest = 300;

struct Case {
  const char* name;
  const char* model;  // of the golden ones
};

class DraftRejection : public testing::TestWithParam<Case> {
 protected:
  using Bytes = std::vector<std::byte>;

  DraftRejection()
      : checkpoint_(Checkpoint::open(test::source_path("tests/golden/data/model") /
                                     GetParam().model / "model")),
        threads_(1),
        layout_(make_cache_layout(checkpoint_.config(), kPageTokens)),
        blocks_(blocks_for_sequence(layout_, kLongest)),
        pool_(layout_.block_bytes, blocks_),
        executor_(std::make_unique<ThreadPool>(1),
                  std::make_unique<V4Model>(checkpoint_, threads_,
                                            ModelOptions{.page_tokens = kPageTokens}),
                  {.limits = {.rows = 300,
                              .sequences = 1,
                              .logit_rows = 1 + kMostDrafts,
                              .droppable_rows = kMostDrafts,
                              .drafts = 5}}) {
    executor_.use_pool(pool_.view());
    EXPECT_TRUE(reserve_sequence(pool_, layout_, kLongest, cache_));
    std::fill_n(pool_.view().base, bytes(), std::byte{0});
    for (int i = 0; i < kLongest; ++i) {
      tokens_.push_back((i * 29 + i * i) % checkpoint_.config().vocab_size);
    }
  }

  size_t bytes() const { return static_cast<size_t>(blocks_) * layout_.block_bytes; }
  Bytes memory() const { return {pool_.view().base, pool_.view().base + bytes()}; }

  // A step of `right` tokens of the sequence and others after them, which are dropped.
  void step(int right, int wrong) {
    SequenceRows rows{.cache = cache_, .logit_rows = 1 + wrong, .droppable_rows = wrong};
    const auto first = tokens_.begin() + cache_.length;
    rows.tokens.assign(first, first + right);
    for (int i = 0; i < wrong; ++i) {
      rows.tokens.push_back((tokens_[static_cast<size_t>(cache_.length + right + i)] + 1) %
                            checkpoint_.config().vocab_size);
    }
    executor_.run({.sequences = {rows}});
    const CommitMessage commit{.sequence = 0, .rows = right};
    executor_.commit({&commit, 1});
    cache_.length += right;
    cache_.drafter_rows += right;
  }

  Checkpoint checkpoint_;
  ThreadPool threads_;
  CacheLayout layout_;
  int blocks_;
  BlockPool pool_;
  LocalExecutor executor_;
  SequenceCache cache_;
  std::vector<int32_t> tokens_;
};

TEST_P(DraftRejection, LeavesEveryByteAsItWouldBeWithout) {
  constexpr int kRows = 1 + kMostDrafts;
  // Around the window's first wrap (32 or 128), a page's end with that of a group of 128, and the
  // next of both.
  for (const int from : {1, 26, 29, 60, 119, 122, 125, 127, 128, 130, 250, 254, 255}) {
    const SequenceCache empty = [&] {
      SequenceCache cache = cache_;
      cache.length = cache.drafter_rows = 0;
      return cache;
    }();
    cache_ = empty;
    std::fill_n(pool_.view().base, bytes(), std::byte{0});
    step(from, 0);
    const SequenceCache begin = cache_;
    std::vector<Bytes> known = {memory()};
    for (int i = 0; i < kRows; ++i) {
      step(1, 0);
      known.push_back(memory());
    }
    for (int kept = 0; kept < kRows; ++kept) {
      cache_ = begin;
      std::ranges::copy(known[0], pool_.view().base);
      step(1 + kept, kMostDrafts - kept);
      EXPECT_TRUE(memory() == known[static_cast<size_t>(kept) + 1])
          << kept << " of " << kMostDrafts << " kept at " << from;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, DraftRejection,
                         testing::Values(Case{"mtp", "pico"}, Case{"dspark", "pico-dspark"}),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace hadal
