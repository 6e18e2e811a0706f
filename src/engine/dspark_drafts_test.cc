// The block drafter as an executor asks it: after any course of chunks, batches, dropped rows and
// resumed images its guesses are those of the whole sequence at once.
#include <filesystem>
#include <gtest/gtest.h>
#include <memory>
#include <vector>

#include "cache/prefix_cache.h"
#include "engine/evaluate.h"
#include "engine/local_executor.h"
#include "support/source_dir.h"
#include "support/wire_executor.h"

namespace hadal {
namespace {

constexpr int kLength = 150;

const Checkpoint& checkpoint() {
  static const Checkpoint opened =
      Checkpoint::open(test::source_path("tests/golden/data/model/pico-dspark/model"));
  return opened;
}

struct Truth {
  explicit Truth(int salt) {
    for (int i = 0; i < kLength; ++i) tokens.push_back((i * i * 7 + i * salt + salt) % 128);
    ThreadPool threads(1);
    V4Model model(checkpoint(), threads, {});
    drafts = evaluate_drafts(model, tokens, 0);
  }
  std::vector<int32_t> tokens;
  SequenceDrafts drafts;
};

const std::vector<Truth>& truths() {
  static const std::vector<Truth> made = {Truth(3), Truth(11), Truth(30)};
  return made;
}

class DsparkDrafts : public testing::TestWithParam<bool> {
 protected:
  DsparkDrafts()
      : model_threads_(1),
        layout_(make_cache_layout(checkpoint().config())),
        pool_(layout_.block_bytes, 40),
        local_(
            std::make_unique<ThreadPool>(2),
            std::make_unique<V4Model>(checkpoint(), model_threads_, ModelOptions{}),
            {.limits =
                 {.rows = 200, .sequences = 4, .logit_rows = 60, .droppable_rows = 60, .drafts = 5},
             .deals = GetParam()}),
        executor_(local_) {
    local_.use_pool(pool_.view());
  }

  SequenceCache fresh() {
    SequenceCache cache;
    EXPECT_TRUE(reserve_sequence(pool_, layout_, kLength, cache));
    return cache;
  }

  // Each sequence goes on by so many of its tokens, and some others that are dropped.
  void step(std::vector<SequenceCache>& caches, const std::vector<int>& rows, int dropped) {
    StepMessage message;
    std::vector<CommitMessage> commits;
    for (size_t i = 0; i < caches.size(); ++i) {
      SequenceRows& out = message.sequences.emplace_back();
      out.cache = caches[i];
      const auto first = truths()[i].tokens.begin() + caches[i].length;
      out.tokens.assign(first, first + rows[i]);
      out.tokens.insert(out.tokens.end(), static_cast<size_t>(dropped), 9);
      out.logit_rows = 1;
      out.droppable_rows = dropped;
      commits.push_back({.sequence = static_cast<int>(i), .rows = rows[i]});
    }
    executor_.run(message);
    executor_.commit(commits);
    for (size_t i = 0; i < caches.size(); ++i) {
      caches[i].length += rows[i];
      caches[i].drafter_rows += rows[i];
    }
  }

  // The likeliest guesses after the token that follows each sequence.
  void expect_drafts(const std::vector<SequenceCache>& caches) {
    DraftMessage message;
    for (size_t i = 0; i < caches.size(); ++i) {
      message.rows.push_back({.sequence = static_cast<int>(i),
                              .token = truths()[i].tokens[static_cast<size_t>(caches[i].length)]});
    }
    for (size_t depth = 0; depth < 5; ++depth) {
      const DraftResult& result = executor_.draft(message);
      ASSERT_EQ(result.confidence.size(), message.rows.size());
      message.begins = false;
      for (size_t row = 0; row < message.rows.size(); ++row) {
        const Truth& truth = truths()[static_cast<size_t>(message.rows[row].sequence)];
        const size_t at =
            static_cast<size_t>(caches[static_cast<size_t>(message.rows[row].sequence)].length) *
                5 +
            depth;
        const auto best = std::ranges::max_element(result.logits[row]);
        message.rows[row].token = static_cast<int32_t>(best - result.logits[row].begin());
        EXPECT_EQ(message.rows[row].token, truth.drafts.ids[at]);
        EXPECT_EQ(result.confidence[row], truth.drafts.confidence[at]);
      }
      // The last sequence stops guessing early.
      if (depth == 1 && message.rows.size() > 1) message.rows.pop_back();
    }
  }

  ThreadPool model_threads_;
  CacheLayout layout_;
  BlockPool pool_;
  LocalExecutor local_;
  WireExecutor executor_;
};

TEST_P(DsparkDrafts, AreThoseOfTheWholeSequence) {
  for (const int chunk : {1, 7, 40, 130}) {
    std::vector<SequenceCache> caches = {fresh()};
    while (caches[0].length < 130) {
      step(caches, {std::min(chunk, 130 - caches[0].length)}, chunk % 4);
      if (chunk > 1 || caches[0].length % 16 == 0) expect_drafts(caches);
    }
    for (const int kept : {1, 4, 2, 6}) {
      step(caches, {kept}, 5);
      expect_drafts(caches);
    }
    release_sequence(pool_, caches[0]);
  }
}

TEST_P(DsparkDrafts, DoNotDependOnTheOthers) {
  std::vector<SequenceCache> caches = {fresh(), fresh(), fresh()};
  step(caches, {70, 3, 33}, 0);
  for (int round = 0; round < 8; ++round) {
    step(caches, {1 + round % 3, 1, 2}, round % 3);
    expect_drafts(caches);
  }
}

TEST_P(DsparkDrafts, GoOnAfterAHit) {
  std::vector<SequenceCache> caches = {fresh()};
  step(caches, {77}, 0);
  PrefixCache prefixes(pool_, layout_, nullptr);
  PrefixHandle handle = prefixes.handle("");
  ASSERT_TRUE(prefixes.add_image(handle, truths()[0].tokens, caches[0]));
  release_sequence(pool_, caches[0]);
  PrefixHandle second = prefixes.handle("");
  ASSERT_TRUE(prefixes.start(
      second, {.tokens = truths()[0].tokens, .limit = 149, .reserve_tokens = kLength}, caches[0]));
  ASSERT_EQ(caches[0].length, 77);
  EXPECT_EQ(caches[0].drafter_rows, 77);
  step(caches, {1}, 3);
  expect_drafts(caches);
}

INSTANTIATE_TEST_SUITE_P(Ways, DsparkDrafts, testing::Bool(),
                         [](const auto& way) { return way.param ? "dealt" : "together"; });

}  // namespace
}  // namespace hadal
