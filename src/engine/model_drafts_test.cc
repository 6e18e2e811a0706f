// The model's drafter as an executor asks it: its guesses have the bits that the drafter gives over
// the whole sequence at once, however the tokens before came to be computed (chunks, batches,
// threads, drafts that were dropped, images, a spill file) and change nothing in any cache.
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "cache/prefix_cache.h"
#include "cache/spill_file.h"
#include "engine/local_executor.h"
#include "support/pico_model.h"
#include "support/wire_executor.h"

namespace hadal {
namespace {

using namespace testing_cache;

constexpr int kLength = 300;
constexpr int kDepth = 8;

// Sequences and what the MTP block says over them.
struct Truth {
  explicit Truth(uint32_t seed)
      : tokens(random_tokens(kLength, seed)),
        mtp(evaluate_logits(Pico::get().model(), tokens, {.mtp = true}).mtp_logits) {}
  std::span<const float> row(int position) const {
    return std::span(mtp).subspan(static_cast<size_t>(position) * Pico::get().vocab(),
                                  Pico::get().vocab());
  }
  std::vector<int32_t> tokens;
  std::vector<float> mtp;
};

const std::vector<Truth>& truths() {
  static const std::vector<Truth> made = [] {
    std::vector<Truth> list;
    for (uint32_t seed = 1; seed <= 3; ++seed) list.emplace_back(seed);
    return list;
  }();
  return made;
}

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

class ModelDrafts : public testing::Test {
 protected:
  static constexpr int kBlocks = 60;

  explicit ModelDrafts(int threads = 2, bool deals = false)
      : pool_(layout_.block_bytes, kBlocks), local_(make_executor(threads, deals)) {
    local_->use_pool(pool_.view());
    poison_free_blocks(pool_);
  }

  std::unique_ptr<LocalExecutor> make_executor(int threads, bool deals) const {
    return std::make_unique<LocalExecutor>(
        std::make_unique<ThreadPool>(threads),
        std::make_unique<V4Model>(Pico::get().checkpoint(), Pico::get().threads(),
                                  ModelOptions{.page_tokens = kPageTokens}),
        LocalExecutorOptions{.limits = {.rows = 400,
                                        .sequences = 4,
                                        .logit_rows = 60,
                                        .droppable_rows = 60,
                                        .drafts = kDepth},
                             .deals = deals});
  }

  SequenceCache fresh() {
    SequenceCache cache;
    EXPECT_TRUE(reserve_sequence(pool_, layout_, kLength, cache));
    return cache;
  }

  // Rows that the truth has, then `wrong` others that are dropped.
  SequenceRows rows_of(const Truth& truth, const SequenceCache& cache, int rows, int wrong) const {
    SequenceRows out{.cache = cache};
    const auto first = truth.tokens.begin() + cache.length;
    out.tokens.assign(first, first + rows);
    for (int i = 0; i < wrong; ++i) out.tokens.push_back((truth.tokens[0] + i) % 256);
    out.logit_rows = 1;
    out.droppable_rows = wrong;
    return out;
  }

  static void advance(SequenceCache& cache, int rows) {
    cache.length += rows;
    cache.drafter_rows += rows;
  }

  void step(Executor& executor, const Truth& truth, SequenceCache& cache, int rows, int wrong = 0) {
    executor.run({.sequences = {rows_of(truth, cache, rows, wrong)}});
    const CommitMessage commit{.sequence = 0, .rows = rows};
    executor.commit({&commit, 1});
    advance(cache, rows);
  }

  // The logits of a chain that goes on with the truth's own tokens, [kDepth][vocab].
  static std::vector<std::vector<float>> chain(Executor& executor, const Truth& truth, int length,
                                               int index = 0, int depth = kDepth) {
    std::vector<std::vector<float>> logits;
    DraftMessage message;
    for (int i = 0; i < depth; ++i) {
      message.rows = {{.sequence = index, .token = truth.tokens[static_cast<size_t>(length + i)]}};
      const DraftResult& result = executor.draft(message);
      logits.emplace_back(result.logits[0].begin(), result.logits[0].end());
      message.begins = false;
    }
    return logits;
  }

  // The first guess is that of the block over the whole sequence; those after it are the same as
  // those of another way to the same place.
  void expect_chain(const std::vector<std::vector<float>>& actual, const Truth& truth, int length) {
    EXPECT_TRUE(same_bits(actual[0], truth.row(length - 1))) << length;
    const std::vector<std::vector<float>>& known = known_chain(truth, length);
    ASSERT_EQ(actual.size(), known.size());
    for (size_t i = 0; i < known.size(); ++i) {
      EXPECT_TRUE(same_bits(actual[i], known[i])) << "guess " << i << " at " << length;
    }
  }

  // By one thread, in one step.
  const std::vector<std::vector<float>>& known_chain(const Truth& truth, int length) {
    auto& known = known_[{&truth, length}];
    if (known.empty()) {
      if (alone_ == nullptr) {
        alone_ = make_executor(1, false);
        alone_->use_pool(pool_.view());
      }
      SequenceCache cache = fresh();
      step(*alone_, truth, cache, length);
      known = chain(*alone_, truth, length);
      release_sequence(pool_, cache);
    }
    return known;
  }

  const CacheLayout& layout_ = Pico::get().layout();
  BlockPool pool_;
  std::unique_ptr<LocalExecutor> local_;
  std::unique_ptr<LocalExecutor> alone_;
  std::map<std::pair<const Truth*, int>, std::vector<std::vector<float>>> known_;
};

TEST_F(ModelDrafts, DoNotDependOnChunksAndDroppedRows) {
  WireExecutor executor(*local_);
  const Truth& truth = truths()[0];
  for (const int chunk : {1, 7, 130, 256}) {
    SequenceCache cache = fresh();
    while (cache.length < 256) {
      step(executor, truth, cache, std::min(chunk, 256 - cache.length), chunk % 4);
    }
    expect_chain(chain(executor, truth, 256), truth, 256);
    // Again, and after steps in which all or some guesses were right.
    expect_chain(chain(executor, truth, 256), truth, 256);
    step(executor, truth, cache, 5, 3);
    expect_chain(chain(executor, truth, 261), truth, 261);
    step(executor, truth, cache, 1, 8);
    expect_chain(chain(executor, truth, 262), truth, 262);
    release_sequence(pool_, cache);
    poison_free_blocks(pool_);
  }
}

TEST_F(ModelDrafts, BeginAtAnyLength) {
  const Truth& truth = truths()[1];
  SequenceCache cache = fresh();
  for (int length = 1; length < 40; ++length) {
    step(*local_, truth, cache, 1);
    EXPECT_TRUE(same_bits(chain(*local_, truth, length, 0, 1)[0], truth.row(length - 1)));
  }
}

// Guesses leave every byte of the memory of caches as it was.
TEST_F(ModelDrafts, ChangeNoCache) {
  const Truth& truth = truths()[0];
  SequenceCache cache = fresh();
  step(*local_, truth, cache, 200);
  const CachePoolView view = pool_.view();
  const std::vector<std::byte> before(view.base, view.base + kBlocks * view.block_bytes);
  chain(*local_, truth, 200);
  EXPECT_TRUE(std::equal(before.begin(), before.end(), view.base));
}

class ModelDraftsInBatches : public ModelDrafts, public testing::WithParamInterface<bool> {
 protected:
  ModelDraftsInBatches() : ModelDrafts(3, GetParam()) {}
};

// Sequences of different lengths, of which some end their guesses before others.
TEST_P(ModelDraftsInBatches, DoNotDependOnTheOthers) {
  WireExecutor executor(*local_);
  std::vector<SequenceCache> caches;
  const std::vector<int> lengths = {200, 131, 64};
  StepMessage message;
  for (size_t i = 0; i < 3; ++i) {
    caches.push_back(fresh());
    step(executor, truths()[i], caches[i], lengths[i] - 2);
  }
  for (int round = 0; round < 12; ++round) {
    message.sequences.clear();
    for (size_t i = 0; i < 3; ++i) {
      message.sequences.push_back(rows_of(truths()[i], caches[i], round == 0 ? 2 : 1, round % 3));
    }
    executor.run(message);
    std::vector<CommitMessage> commits;
    for (int i = 0; i < 3; ++i) commits.push_back({.sequence = i, .rows = round == 0 ? 2 : 1});
    executor.commit(commits);
    for (SequenceCache& cache : caches) advance(cache, round == 0 ? 2 : 1);
    DraftMessage drafts;
    for (int depth = 0; depth < 4; ++depth) {
      drafts.rows.clear();
      for (int i = 0; i < 3; ++i) {
        const size_t at = static_cast<size_t>(caches[static_cast<size_t>(i)].length + depth);
        if (depth <= i + 1) {
          drafts.rows.push_back(
              {.sequence = i, .token = truths()[static_cast<size_t>(i)].tokens[at]});
        }
      }
      const DraftResult& result = executor.draft(drafts);
      for (size_t row = 0; row < drafts.rows.size(); ++row) {
        const auto i = static_cast<size_t>(drafts.rows[row].sequence);
        if (round % 4 != 0) continue;
        const std::vector<float> actual(result.logits[row].begin(), result.logits[row].end());
        EXPECT_TRUE(same_bits(
            actual, known_chain(truths()[i], caches[i].length)[static_cast<size_t>(depth)]))
            << "sequence " << i << ", guess " << depth;
      }
      drafts.begins = false;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Ways, ModelDraftsInBatches, testing::Bool(),
                         [](const auto& way) { return way.param ? "dealt" : "together"; });

TEST_F(ModelDrafts, GoOnAfterPreemption) {
  const Truth& truth = truths()[0];
  SequenceCache cache = fresh();
  step(*local_, truth, cache, 150);
  SpillFile file(
      {.directory = std::filesystem::temp_directory_path(), .max_bytes = uint64_t{8} << 20}, pool_,
      layout_);
  std::optional<SpilledSequence> spilled = file.spill(cache);
  ASSERT_TRUE(spilled);
  ASSERT_EQ(file.wait(*spilled), SpillState::kStored);
  file.collect();
  poison_free_blocks(pool_);
  std::vector<int32_t> none;
  ASSERT_TRUE(file.load(*spilled, none));
  ASSERT_EQ(file.wait(*spilled), SpillState::kRead);
  file.take(*spilled, cache);
  EXPECT_EQ(cache.drafter_rows, 150);
  ASSERT_TRUE(reserve_sequence(pool_, layout_, kLength, cache));
  step(*local_, truth, cache, 1);
  expect_chain(chain(*local_, truth, 151), truth, 151);
}

// What the drafter knows at a length depends on no token after it: a sequence that goes on from an
// image with other tokens guesses as if it had been computed so from the beginning.
TEST_F(ModelDrafts, GoOnAfterAHitWithOtherTokens) {
  Truth truth = truths()[0];
  SequenceCache cache = fresh();
  step(*local_, truth, cache, 150);
  PrefixCache prefixes(pool_, layout_, nullptr);
  PrefixHandle handle = prefixes.handle("");
  ASSERT_TRUE(prefixes.add_image(handle, truth.tokens, cache));
  release_sequence(pool_, cache);
  poison_free_blocks(pool_);
  std::vector<int32_t> other = truth.tokens;
  other[150] ^= 1;
  other[151] ^= 3;
  truth.tokens = other;
  truth.mtp = evaluate_logits(Pico::get().model(), other, {.mtp = true}).mtp_logits;
  PrefixHandle second = prefixes.handle("");
  const auto started =
      prefixes.start(second, {.tokens = other, .limit = 199, .reserve_tokens = kLength}, cache);
  ASSERT_TRUE(started);
  ASSERT_EQ(cache.length, 150);
  EXPECT_EQ(cache.drafter_rows, 150);
  step(*local_, truth, cache, 2);
  expect_chain(chain(*local_, truth, 152), truth, 152);
}

// Without state of its own the drafter begins anew, and reads nothing that is not there.
TEST_F(ModelDrafts, KnowEverythingAgainAfterAWindow) {
  const Truth& truth = truths()[0];
  SequenceCache cache = fresh();
  step(*local_, truth, cache, 100);
  cache.drafter_rows = 0;  // as of an image by somebody who feeds no drafter
  const int window = layout_.window;
  step(*local_, truth, cache, window);
  EXPECT_EQ(cache.drafter_rows, window);
  expect_chain(chain(*local_, truth, 100 + window), truth, 100 + window);
}

// Steps that do not feed it leave the model's own answers alone, and the drafter where it was not.
TEST_F(ModelDrafts, AStepNeedNotFeedTheDrafter) {
  const Truth& truth = truths()[0];
  WireExecutor executor(*local_);
  SequenceCache cache = fresh();
  SequenceCache fed = fresh();
  step(executor, truth, cache, 60);
  step(executor, truth, fed, 60);
  for (int i = 0; i < 20; ++i) {
    StepMessage message{.sequences = {rows_of(truth, cache, 1, 0)}, .feeds_drafter = false};
    const StepResult& result = executor.run(message);
    const std::vector<float> logits(result.row(0, 0).begin(), result.row(0, 0).end());
    const CommitMessage commit{.sequence = 0, .rows = 1};
    executor.commit({&commit, 1});
    cache.length += 1;
    cache.drafter_rows = 0;
    message = {.sequences = {rows_of(truth, fed, 1, 0)}};
    EXPECT_TRUE(same_bits(logits, executor.run(message).row(0, 0))) << i;
    executor.commit({&commit, 1});
    advance(fed, 1);
  }
  step(executor, truth, cache, layout_.window);
  EXPECT_EQ(cache.drafter_rows, layout_.window);
  const int length = 80 + layout_.window;
  expect_chain(chain(executor, truth, length), truth, length);
}

}  // namespace
}  // namespace hadal
