#include "cache/prefix_cache.h"

#include <fstream>
#include <unistd.h>

#include "cache/spill_file.h"
#include "support/pico_model.h"
#include "support/temporary_directory.h"

namespace hadal {
namespace {

using namespace testing_cache;
namespace fs = std::filesystem;

struct Live {
  const Oracle* oracle = nullptr;
  PrefixHandle handle;
  SequenceCache cache = {};
  PrefixMatch match = {};
};

// A cache over two tiers that can be closed and opened again, as by a restart of the program.
class TwoTiers {
 public:
  explicit TwoTiers(int blocks) : blocks_(blocks) { open(); }
  ~TwoTiers() { close(); }

  void open() {
    const CacheLayout& layout = Pico::get().layout();
    pool.emplace(layout.block_bytes, blocks_);
    poison_free_blocks(*pool);
    disk.emplace(DiskOptions{.directory = directory_,
                             .max_bytes = uint64_t{256} << 20,
                             .log = [this](const std::string&) { ++log_lines; }},
                 CacheIdentity{.model = {.low = 1}, .layout = layout.digest, .numerics = "fp8"},
                 layout);
    cache.emplace(*pool, layout, &*disk);
  }
  void close() {
    cache.reset();
    disk.reset();
    pool.reset();
  }
  void restart() {
    close();
    open();
  }

  // Starts a sequence with whatever memory and disk have of it.
  std::optional<Live> start(const Oracle& oracle, const std::string& salt = "") {
    Live live{.oracle = &oracle, .handle = cache->handle(salt)};
    const auto size = static_cast<int>(oracle.tokens.size());
    for (int attempt = 0; attempt < 3; ++attempt) {
      auto promotion = cache->begin_promotion(live.handle, oracle.tokens, size - 1);
      if (promotion == nullptr || cache->finish_promotion(std::move(promotion))) break;
    }
    const auto started = cache->start(
        live.handle, {.tokens = oracle.tokens, .limit = size - 1, .reserve_tokens = size},
        live.cache);
    if (!started) return std::nullopt;
    live.match = started->match;
    return live;
  }

  bool prefill(Live& live) {
    const auto size = static_cast<int>(live.oracle->tokens.size());
    bool matches = true;
    for (const int position : image_positions({.prompt_tokens = size,
                              .page_tokens = kPageTokens,
                              .computed = live.cache.length,
                              .known_length = live.match.known_length})) {
      matches &= advance_matches(*live.oracle, position, 64, *pool, live.cache);
      cache->add_image(live.handle, live.oracle->tokens, live.cache);
    }
    return matches & advance_matches(*live.oracle, size, 64, *pool, live.cache);
  }

  test::TemporaryDirectory scratch_;
  fs::path directory_ = scratch_.path();
  int log_lines = 0;
  std::optional<BlockPool> pool;
  std::optional<DiskTier> disk;
  std::optional<PrefixCache> cache;

 private:
  int blocks_;
};

TEST(PrefixCache, ARestartedProgramComputesOneToken) {
  const Oracle oracle(random_tokens(280, 1));
  TwoTiers tiers(100);
  auto first = tiers.start(oracle);
  ASSERT_TRUE(first);
  EXPECT_TRUE(tiers.prefill(*first));
  tiers.restart();
  EXPECT_EQ(tiers.cache->index().statistics().pages, 0);
  auto second = tiers.start(oracle);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->match.length, 279);
  EXPECT_TRUE(tiers.prefill(*second));
  EXPECT_EQ(tiers.log_lines, 0);
}

TEST(PrefixCache, WhatMemoryEvictsTheDiskGivesBack) {
  const Oracle oracle(random_tokens(280, 2));
  TwoTiers tiers(100);
  auto first = tiers.start(oracle);
  ASSERT_TRUE(first);
  EXPECT_TRUE(tiers.prefill(*first));
  release_sequence(*tiers.pool, first->cache);
  tiers.cache->index().clear();
  EXPECT_EQ(tiers.pool->free_blocks(), tiers.pool->capacity());
  tiers.disk->wait_idle();
  auto second = tiers.start(oracle);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->match.length, 279);
  EXPECT_TRUE(tiers.prefill(*second));
}

// A page in the middle is damaged: what is before it still serves, and the answer is right.
TEST(PrefixCache, ADamagedPageCostsWhatComesAfterIt) {
  const Oracle oracle(random_tokens(400, 3));
  TwoTiers tiers(100);
  auto first = tiers.start(oracle);
  ASSERT_TRUE(first);
  EXPECT_TRUE(advance_matches(oracle, 100, 64, *tiers.pool, first->cache));
  EXPECT_TRUE(tiers.cache->add_image(first->handle, oracle.tokens, first->cache));
  EXPECT_TRUE(tiers.prefill(*first));
  first->handle.chain.cover(oracle.tokens);
  const CacheFileName second_page{.kind = CacheFileKind::kPage, .key = first->handle.chain.key(2)};
  tiers.close();
  {
    std::fstream file(tiers.directory_ / file_name(second_page),
                      std::ios::in | std::ios::out | std::ios::binary);
    ASSERT_TRUE(file);
    file.seekp(2000);
    file.put('x').put('y').put('z');
  }
  tiers.open();
  auto second = tiers.start(oracle);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->match.length, 100);
  EXPECT_EQ(tiers.log_lines, 1);
  EXPECT_TRUE(tiers.prefill(*second));
}

TEST(PrefixCache, APromotionHoldsThePagesItBuildsOn) {
  const Oracle oracle(random_tokens(280, 4));
  TwoTiers tiers(60);
  auto first = tiers.start(oracle);
  ASSERT_TRUE(first);
  EXPECT_TRUE(tiers.prefill(*first));
  release_sequence(*tiers.pool, first->cache);
  tiers.disk->wait_idle();
  tiers.cache->index().clear();
  // Memory has the first page only.
  auto again = tiers.cache->handle("");
  SequenceCache cache;
  ASSERT_TRUE(tiers.cache->start(
      again, {.tokens = oracle.tokens, .limit = 0, .reserve_tokens = 128}, cache));
  EXPECT_TRUE(advance_matches(oracle, 128, 64, *tiers.pool, cache));
  tiers.cache->add_pages(again, oracle.tokens, cache);
  release_sequence(*tiers.pool, cache);

  auto promotion = tiers.cache->begin_promotion(again, oracle.tokens, 279);
  ASSERT_TRUE(promotion);
  EXPECT_EQ(promotion->first_page, 1);
  tiers.cache->index().clear();
  EXPECT_EQ(tiers.cache->index().statistics().pages, 1);
  tiers.cache->finish_promotion(std::move(promotion));
  auto second = tiers.start(oracle);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->match.length, 279);
  EXPECT_TRUE(tiers.prefill(*second));
}

TEST(PrefixCache, WithoutADiskItIsTheIndex) {
  const Oracle oracle(random_tokens(140, 5));
  const CacheLayout& layout = Pico::get().layout();
  BlockPool pool(layout.block_bytes, 60);
  PrefixCache cache(pool, layout, nullptr);
  PrefixHandle handle = cache.handle("");
  EXPECT_EQ(cache.begin_promotion(handle, oracle.tokens, 139), nullptr);
  SequenceCache sequence;
  const PrefixCache::StartArgs args{.tokens = oracle.tokens, .limit = 139, .reserve_tokens = 140};
  ASSERT_TRUE(cache.start(handle, args, sequence));
  EXPECT_TRUE(advance_matches(oracle, 139, 64, pool, sequence));
  EXPECT_TRUE(cache.add_image(handle, oracle.tokens, sequence));
  SequenceCache second;
  PrefixHandle second_handle = cache.handle("");
  const auto started = cache.start(second_handle, args, second);
  ASSERT_TRUE(started);
  EXPECT_EQ(started->match.length, 139);
  EXPECT_TRUE(advance_matches(oracle, 140, 64, pool, second));
}

// Sequences with common beginnings arrive, advance in chunks of any size, leave images, make way
// and come back, are cancelled; the index is emptied and the program restarted, all at random in a
// pool that holds about three of them. Every logit ever computed has the bits that its tokens alone
// give.
TEST(PrefixCacheProperty, NothingThatHappensChangesABit) {
  constexpr int kSteps = 1500;
  std::vector<Oracle> oracles;
  const std::vector<int32_t> system = random_tokens(150, 50);
  for (uint32_t i = 0; i < 6; ++i) {
    std::vector<int32_t> tokens(system.begin(), system.begin() + (i < 3 ? 150 : 129));
    const std::vector<int32_t> rest = random_tokens(30 + 25 * i, 60 + i);
    tokens.insert(tokens.end(), rest.begin(), rest.end());
    oracles.emplace_back(std::move(tokens));
  }
  oracles.emplace_back(random_tokens(40, 70));

  const CacheLayout& layout = Pico::get().layout();
  TwoTiers tiers(3 * blocks_for_sequence(layout, 300) + 4 * (layout.state_units + 1));
  const SpillOptions spill_options{.directory = fs::temp_directory_path(),
                                   .max_bytes = uint64_t{16} << 20};
  std::optional<SpillFile> spill(std::in_place, spill_options, *tiers.pool, layout);
  struct Spilled {
    Live live;
    SpilledSequence sequence;
  };
  std::vector<Live> running;
  std::vector<Spilled> away;
  std::mt19937 random(7);
  const auto pick = [&](size_t bound) { return static_cast<size_t>(random() % bound); };
  int64_t hits = 0;
  int64_t came_back = 0;

  for (int step = 0; step < kSteps; ++step) {
    const size_t operation = pick(40);
    if (operation < 4) {
      if (auto live = tiers.start(oracles[pick(oracles.size())], pick(5) == 0 ? "salt" : "")) {
        hits += live->match.length > 0 ? 1 : 0;
        running.push_back(std::move(*live));
      }
    } else if (operation < 26) {
      if (running.empty()) continue;
      const size_t which = pick(running.size());
      Live& live = running[which];
      const auto size = static_cast<int>(live.oracle->tokens.size());
      const int chunk = pick(4) == 0 ? 60 : 12;
      const int rows = 1 + static_cast<int>(pick(static_cast<size_t>(chunk)));
      ASSERT_TRUE(step_matches(*live.oracle, std::min(rows, size - live.cache.length), *tiers.pool,
                               live.cache))
          << "step " << step;
      tiers.cache->add_pages(live.handle, live.oracle->tokens, live.cache);
      if (live.cache.length == size) {
        release_sequence(*tiers.pool, live.cache);
        running.erase(running.begin() + static_cast<std::ptrdiff_t>(which));
      }
    } else if (operation < 31) {
      if (running.empty()) continue;
      Live& live = running[pick(running.size())];
      if (live.cache.length > 0) {
        tiers.cache->add_image(live.handle, live.oracle->tokens, live.cache);
      }
    } else if (operation < 34) {
      if (running.empty()) continue;
      const size_t which = pick(running.size());
      Live live = std::move(running[which]);
      running.erase(running.begin() + static_cast<std::ptrdiff_t>(which));
      auto spilled = spill->spill(live.cache);
      release_sequence(*tiers.pool, live.cache);
      poison_free_blocks(*tiers.pool);
      if (spilled) away.push_back({.live = std::move(live), .sequence = std::move(*spilled)});
    } else if (operation < 37) {
      if (away.empty()) continue;
      const size_t which = pick(away.size());
      Spilled& back = away[which];
      const auto size = static_cast<int>(back.live.oracle->tokens.size());
      ASSERT_EQ(spill->wait(back.sequence), SpillState::kStored);
      spill->collect();
      if (!tiers.cache->index().make_room(blocks_for_sequence(layout, size))) continue;
      std::vector<int32_t> none;
      ASSERT_TRUE(spill->load(back.sequence, none));
      if (pick(4) == 0) {
        spill->unload(back.sequence);
        continue;
      }
      ASSERT_EQ(spill->wait(back.sequence), SpillState::kRead);
      spill->take(back.sequence, back.live.cache);
      ASSERT_TRUE(reserve_sequence(*tiers.pool, layout, size, back.live.cache));
      running.push_back(std::move(back.live));
      away.erase(away.begin() + static_cast<std::ptrdiff_t>(which));
      ++came_back;
    } else if (operation < 38) {
      if (running.empty()) continue;  // cancelled
      release_sequence(*tiers.pool, running.back().cache);
      running.pop_back();
    } else if (operation < 39) {
      tiers.cache->index().clear();
      poison_free_blocks(*tiers.pool);
    } else if (pick(4) == 0) {
      for (Live& live : running) release_sequence(*tiers.pool, live.cache);
      running.clear();
      away.clear();
      spill.reset();
      tiers.restart();
      spill.emplace(spill_options, *tiers.pool, layout);
    }
  }
  EXPECT_GT(hits, 20);
  EXPECT_GT(came_back, 20);
  EXPECT_EQ(tiers.log_lines, 0);
  for (Live& live : running) release_sequence(*tiers.pool, live.cache);
  spill.reset();
  tiers.cache->index().clear();
  EXPECT_EQ(tiers.pool->free_blocks(), tiers.pool->capacity());
}

}  // namespace
}  // namespace hadal
