// The prefix index against a model of it that is too simple to be wrong: lists of whole prefixes,
// searched from end to end. Thousands of random operations; after each, contents, statistics and
// pool must agree, and every block found must hold what was computed for exactly its prefix.
#include <algorithm>
#include <functional>
#include <gtest/gtest.h>
#include <list>
#include <random>

#include "cache/prefix_index.h"

namespace hadal {
namespace {

constexpr int kPage = 4;
constexpr SipKey kPropertySecret = {.low = 7, .high = 8};
using Tokens = std::vector<int32_t>;

CacheGeometry tiny_geometry() {
  CacheGeometry geometry;
  geometry.page_tokens = kPage;
  geometry.block_bytes = 64;
  geometry.state_units = 2;
  return geometry;
}

bool begins_with(const Tokens& tokens, const Tokens& prefix) {
  return prefix.size() <= tokens.size() && std::equal(prefix.begin(), prefix.end(), tokens.begin());
}

Tokens front(const Tokens& tokens, int count) { return {tokens.begin(), tokens.begin() + count}; }

class NaiveIndex {
 public:
  struct Page {
    std::string salt;
    Tokens prefix;
    int32_t block;
    uint64_t used;
  };
  struct Image {
    std::string salt;
    Tokens prefix;
    int blocks;
    int64_t age;
    int64_t priority;
    uint64_t used;
    int starts = 0;
    int extended = 0;
  };

  std::list<Page> pages;
  std::list<Image> images;
  uint64_t clock = 0;
  int64_t age = 0;
  // Whether a sequence holds a block.
  std::function<bool(int32_t)> held;
  const Image* pinned = nullptr;

  Page* page(const std::string& salt, const Tokens& prefix) {
    for (Page& p : pages) {
      if (p.salt == salt && p.prefix == prefix) return &p;
    }
    return nullptr;
  }
  Image* image(const std::string& salt, const Tokens& prefix) {
    for (Image& i : images) {
      if (i.salt == salt && i.prefix == prefix) return &i;
    }
    return nullptr;
  }
  Image* best(const std::string& salt, const Tokens& tokens, int limit) {
    Image* best = nullptr;
    for (Image& i : images) {
      if (i.salt != salt || static_cast<int>(i.prefix.size()) > limit) continue;
      if (!begins_with(tokens, i.prefix)) continue;
      if (best == nullptr || i.prefix.size() > best->prefix.size()) best = &i;
    }
    return best;
  }
  int known(const std::string& salt, const Tokens& tokens, int limit) {
    int length = 0;
    while (length + kPage <= limit && page(salt, front(tokens, length + kPage)) != nullptr) {
      length += kPage;
    }
    return length;
  }

  int64_t value(const Image& image) const {
    const size_t full = image.prefix.size() / kPage * kPage;
    size_t resume = 0;
    int freed = image.blocks;
    for (const Image& other : images) {
      if (&other != &image && other.salt == image.salt && begins_with(image.prefix, other.prefix)) {
        resume = std::max(resume, other.prefix.size());
      }
    }
    // A page goes with the image when nothing else in the index builds on it.
    for (size_t end = kPage; end <= full; end += kPage) {
      const Tokens page = front(image.prefix, static_cast<int>(end));
      if (page.size() <= resume) continue;
      const bool others = std::ranges::any_of(images,
                                              [&](const Image& other) {
                                                return &other != &image &&
                                                       other.salt == image.salt &&
                                                       begins_with(other.prefix, page);
                                              }) ||
                          std::ranges::any_of(pages, [&](const Page& other) {
                            return other.salt == image.salt && begins_with(other.prefix, page) &&
                                   !begins_with(image.prefix, other.prefix);
                          });
      if (!others) ++freed;
    }
    const int64_t scale = left_behind(image) ? 16 : 1024;
    return (static_cast<int64_t>(image.prefix.size()) - static_cast<int64_t>(resume)) * scale /
           freed;
  }
  bool left_behind(const Image& image) const {
    const Tokens node = front(image.prefix, static_cast<int>(image.prefix.size() / kPage * kPage));
    const auto children = std::ranges::count_if(pages, [&](const Page& page) {
      return page.salt == image.salt && page.prefix.size() == node.size() + kPage &&
             begins_with(page.prefix, node);
    });
    return image.extended > 0 && image.starts <= 1 && children <= 1;
  }
  std::vector<Image*> before(const Image& image) {
    std::vector<Image*> list;
    for (Image& other : images) {
      if (&other != &image && other.salt == image.salt && begins_with(image.prefix, other.prefix)) {
        list.push_back(&other);
      }
    }
    return list;
  }
  void add(Image image) {
    images.push_back(std::move(image));
    touch(images.back());
    for (Image* earlier : before(images.back())) {
      if (earlier->extended++ == 0) earlier->priority = earlier->age + value(*earlier);
    }
  }
  void touch(Image& image) {
    image.used = ++clock;
    image.age = age;
    image.priority = age + value(image);
  }

  // Evicts one thing and returns the blocks it had; 0: nothing can go.
  int evict() {
    Page* oldest = nullptr;
    for (Page& p : pages) {
      if (held(p.block)) continue;
      const auto above = [&](const std::string& salt, const Tokens& prefix) {
        return salt == p.salt && prefix != p.prefix && begins_with(prefix, p.prefix);
      };
      const bool bare =
          std::ranges::none_of(pages, [&](const Page& q) { return above(q.salt, q.prefix); }) &&
          std::ranges::none_of(images, [&](const Image& i) {
            return i.salt == p.salt && begins_with(i.prefix, p.prefix);
          });
      if (bare && (oldest == nullptr || p.used < oldest->used)) oldest = &p;
    }
    if (oldest != nullptr) {
      pages.remove_if([&](const Page& p) { return &p == oldest; });
      return 1;
    }
    while (true) {
      Image* least = nullptr;
      for (Image& i : images) {
        if (&i == pinned) continue;
        if (least == nullptr ||
            std::pair(i.priority, i.used) < std::pair(least->priority, least->used)) {
          least = &i;
        }
      }
      if (least == nullptr) return 0;
      if (const int64_t now = least->age + value(*least); now > least->priority) {
        least->priority = now;
        continue;
      }
      age = std::max(age, least->priority);
      const int blocks = least->blocks;
      for (Image* earlier : before(*least)) earlier->extended = std::max(0, earlier->extended - 1);
      images.remove_if([&](const Image& i) { return &i == least; });
      return blocks;
    }
  }
};

struct Sequence {
  std::string salt;
  Tokens tokens;
  PrefixChain chain;
  SequenceCache cache;
};

// What a block of a prefix holds: for a page the tokens of whole prefix up to its end or to the
// committed length, for a state unit those up to the length.
uint64_t stamp(const std::string& salt, const Tokens& tokens, int length, int unit) {
  uint64_t hash = 1469598103934665603U + static_cast<uint64_t>(unit);
  for (const char c : salt) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  for (int i = 0; i < length; ++i) {
    hash = (hash ^ static_cast<uint64_t>(tokens[static_cast<size_t>(i)] + 1)) * 1099511628211U;
  }
  return hash;
}

class Simulation {
 public:
  explicit Simulation(uint32_t seed) : random_(seed) {
    naive_.held = [this](int32_t block) {
      return std::ranges::any_of(sequences_, [&](const Sequence& s) {
        return std::ranges::find(s.cache.pages, block) != s.cache.pages.end();
      });
    };
  }

  void step() {
    switch (pick(10)) {
      case 0:
      case 1:
        return begin();
      case 2:
      case 3:
      case 4:
        return advance();
      case 5:
      case 6:
        return add_image();
      case 7:
      case 8:
        return end();
      default:
        return query();
    }
  }

  void check() {
    const PrefixStatistics statistics = index_.statistics();
    ASSERT_EQ(statistics.pages, static_cast<int>(naive_.pages.size()));
    ASSERT_EQ(statistics.images, static_cast<int>(naive_.images.size()));
    int image_blocks = 0;
    for (const auto& image : naive_.images) image_blocks += image.blocks;
    ASSERT_EQ(statistics.image_blocks, image_blocks);
    std::vector<int32_t> used;
    for (const auto& page : naive_.pages) used.push_back(page.block);
    int slots = 0;
    for (const Sequence& s : sequences_) {
      used.insert(used.end(), s.cache.pages.begin(), s.cache.pages.end());
      slots += static_cast<int>(s.cache.state_units.size());
    }
    std::sort(used.begin(), used.end());
    used.erase(std::unique(used.begin(), used.end()), used.end());
    const PoolStatistics pool = pool_.statistics();
    ASSERT_EQ(pool.used_by(BlockKind::kPage), static_cast<int>(used.size()));
    ASSERT_EQ(pool.used_by(BlockKind::kSlot), slots);
    ASSERT_EQ(pool.used_by(BlockKind::kImage), image_blocks);
    int idle = image_blocks;
    for (const auto& page : naive_.pages) idle += naive_.held(page.block) ? 0 : 1;
    ASSERT_EQ(pool.idle, idle);
  }

  void finish() {
    while (!sequences_.empty()) end();
    index_.clear();
    ASSERT_EQ(pool_.free_blocks(), pool_.capacity());
  }
  const PrefixIndex& index() const { return index_; }

 private:
  int pick(int bound) { return static_cast<int>(random_() % static_cast<uint32_t>(bound)); }

  // Two letters only, so that sequences share beginnings of every length.
  Tokens random_sequence() {
    Tokens tokens(static_cast<size_t>(1 + pick(28)));
    for (int32_t& token : tokens) token = pick(10) == 0 ? 1 : 0;
    return tokens;
  }
  std::string random_salt() { return pick(4) == 0 ? "s" : ""; }

  uint64_t& word(int32_t block) { return *reinterpret_cast<uint64_t*>(pool_.view().block(block)); }

  // Stands for the computation of tokens up to `length`.
  void compute(Sequence& s, int length) {
    const int from = s.cache.length / kPage;
    s.cache.length = length;
    for (int page = from; page * kPage < length; ++page) {
      const int32_t block = s.cache.pages[static_cast<size_t>(page)];
      ASSERT_EQ(pool_.references(block), 1) << "a shared page is written";
      word(block) = stamp(s.salt, s.tokens, std::min(length, (page + 1) * kPage), 0);
    }
    for (int unit = 0; unit < geometry_.state_units; ++unit) {
      word(s.cache.state_units[static_cast<size_t>(unit)]) =
          stamp(s.salt, s.tokens, length, unit + 1);
    }
  }
  void verify(Sequence& s) {
    for (int page = 0; page * kPage < s.cache.length; ++page) {
      ASSERT_EQ(word(s.cache.pages[static_cast<size_t>(page)]),
                stamp(s.salt, s.tokens, std::min(s.cache.length, (page + 1) * kPage), 0));
    }
    for (int unit = 0; s.cache.length > 0 && unit < geometry_.state_units; ++unit) {
      ASSERT_EQ(word(s.cache.state_units[static_cast<size_t>(unit)]),
                stamp(s.salt, s.tokens, s.cache.length, unit + 1));
    }
  }

  // Evicts in the naive index as long as `blocks` are not free; `free` counts along.
  void naive_room(int blocks, int free) {
    while (free < blocks) {
      const int freed = naive_.evict();
      ASSERT_GT(freed, 0);
      free += freed;
    }
  }
  bool can_have(int blocks, int reserved) {
    return blocks <= pool_.free_blocks() + pool_.statistics().idle - reserved;
  }

  void begin() {
    Sequence s{.salt = random_salt(),
               .tokens = random_sequence(),
               .chain = PrefixChain(kPropertySecret, "", kPage),
               .cache = {}};
    s.chain = PrefixChain(kPropertySecret, s.salt, kPage);
    s.chain.cover(s.tokens);
    const auto size = static_cast<int>(s.tokens.size());
    const int limit = size - 1;
    NaiveIndex::Image* best = naive_.best(s.salt, s.tokens, limit);
    const int length = best == nullptr ? 0 : static_cast<int>(best->prefix.size());
    const int known = std::max(naive_.known(s.salt, s.tokens, limit), length);
    const int free_before = pool_.free_blocks();
    const int needed = blocks_for_sequence(geometry_, size) - length / kPage;
    const auto started = index_.start(
        {.chain = s.chain, .tokens = s.tokens, .limit = limit, .reserve_tokens = size}, s.cache);
    if (!started) {
      ASSERT_FALSE(can_have(needed, idle_of(best, s)));
      return;
    }
    ASSERT_EQ(started->match.length, length);
    ASSERT_EQ(started->match.known_length, known);
    ASSERT_EQ(s.cache.length, length);
    // While it was evicting, the sequence held only what it shares.
    std::vector<int32_t> pages = s.cache.pages;
    s.cache.pages.resize(static_cast<size_t>(length / kPage));
    sequences_.push_back(std::move(s));
    naive_.pinned = best;
    naive_room(needed, free_before);
    naive_.pinned = nullptr;
    sequences_.back().cache.pages = std::move(pages);
    if (best != nullptr) {
      ++best->starts;
      naive_.touch(*best);
    }
    verify(sequences_.back());
  }
  // Idle blocks that a start from `best` may not have: the image and the pages before it.
  int idle_of(const NaiveIndex::Image* best, const Sequence& s) {
    if (best == nullptr) return 0;
    int idle = best->blocks;
    for (const auto& page : naive_.pages) {
      if (page.salt == s.salt && begins_with(best->prefix, page.prefix)) {
        idle += naive_.held(page.block) ? 0 : 1;
      }
    }
    return idle;
  }

  void naive_add_pages(Sequence& s, const std::vector<int32_t>& blocks_before) {
    for (int end = kPage; end <= s.cache.length; end += kPage) {
      const Tokens prefix = front(s.tokens, end);
      const auto index = static_cast<size_t>(end / kPage - 1);
      if (NaiveIndex::Page* page = naive_.page(s.salt, prefix)) {
        ASSERT_EQ(s.cache.pages[index], page->block);
      } else {
        ASSERT_EQ(s.cache.pages[index], blocks_before[index]);
        naive_.pages.push_back({s.salt, prefix, blocks_before[index], ++naive_.clock});
      }
    }
  }

  void advance() {
    if (sequences_.empty()) return;
    Sequence& s = sequences_[static_cast<size_t>(pick(static_cast<int>(sequences_.size())))];
    const auto size = static_cast<int>(s.tokens.size());
    if (s.cache.length == size) return;
    compute(s, s.cache.length + 1 + pick(size - s.cache.length));
    const std::vector<int32_t> before = s.cache.pages;
    index_.add_pages(s.chain, s.tokens, s.cache);
    naive_add_pages(s, before);
    verify(s);
  }

  void add_image() {
    if (sequences_.empty()) return;
    Sequence& s = sequences_[static_cast<size_t>(pick(static_cast<int>(sequences_.size())))];
    if (s.cache.length == 0) return;
    const std::vector<int32_t> before = s.cache.pages;
    const Tokens prefix = front(s.tokens, s.cache.length);
    const int blocks = blocks_for_image(geometry_, s.cache.length);
    const bool possible = can_have(blocks, 0);
    int free_before = pool_.free_blocks();
    const bool added = index_.add_image(s.chain, s.tokens, s.cache);
    // A page of its own that was there already is free before the image takes blocks.
    for (size_t i = 0; i < before.size(); ++i) {
      free_before += before[i] != s.cache.pages[i] ? 1 : 0;
    }
    naive_add_pages(s, before);
    if (NaiveIndex::Image* image = naive_.image(s.salt, prefix)) {
      ASSERT_TRUE(added);
      return naive_.touch(*image);
    }
    if (!added) {
      ASSERT_FALSE(possible);
      return;
    }
    naive_room(blocks, free_before);
    naive_.add({s.salt, prefix, blocks, 0, 0, 0});
  }

  void end() {
    if (sequences_.empty()) return;
    const auto which = sequences_.begin() + pick(static_cast<int>(sequences_.size()));
    verify(*which);
    release_sequence(pool_, which->cache);
    sequences_.erase(which);
  }

  void query() {
    const std::string salt = random_salt();
    const Tokens tokens = random_sequence();
    PrefixChain chain(kPropertySecret, salt, kPage);
    chain.cover(tokens);
    const int limit = pick(static_cast<int>(tokens.size()) + 1);
    const PrefixMatch match = index_.find(chain, tokens, limit);
    const NaiveIndex::Image* best = naive_.best(salt, tokens, limit);
    const int length = best == nullptr ? 0 : static_cast<int>(best->prefix.size());
    ASSERT_EQ(match.length, length);
    ASSERT_EQ(match.known_length, std::max(length, naive_.known(salt, tokens, limit)));
  }

  CacheGeometry geometry_ = tiny_geometry();
  BlockPool pool_{geometry_.block_bytes, 48};
  PrefixIndex index_{pool_, geometry_};
  NaiveIndex naive_;
  std::vector<Sequence> sequences_;
  std::mt19937 random_;
};

TEST(PrefixIndexProperty, AgreesWithListsOfWholePrefixes) {
  for (uint32_t seed = 1; seed <= 8; ++seed) {
    Simulation simulation(seed);
    for (int i = 0; i < 4000; ++i) {
      simulation.step();
      if (testing::Test::HasFatalFailure()) FAIL() << "seed " << seed << ", step " << i;
      simulation.check();
      if (testing::Test::HasFatalFailure()) FAIL() << "seed " << seed << ", after step " << i;
    }
    const PrefixStatistics statistics = simulation.index().statistics();
    EXPECT_GT(statistics.hits, 100);
    EXPECT_GT(statistics.evicted_images, 100);
    EXPECT_GT(statistics.evicted_pages, 100);
    EXPECT_GT(statistics.shared_pages, 10);
    simulation.finish();
  }
}

}  // namespace
}  // namespace hadal
