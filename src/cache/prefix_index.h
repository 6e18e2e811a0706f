// Which prefixes are in memory: a tree of full pages by their chained keys, with state images on
// its nodes. Full pages are shared between the index and any number of sequences; an image is
// copied into each sequence that resumes from it. A hit is the deepest image that the tokens lead
// to: a page is worth nothing without an image below it. Every hit compares the tokens themselves,
// so that colliding keys can cost a hit but never give a wrong answer. Belongs to the engine
// thread.
//
// Eviction frees idle pages that lead to no image first, oldest first; then the image with the
// least saved tokens per freed block, aged so that what is not used goes in the end (GreedyDual).
// The saved tokens of one that its only sequence has left behind count for little.
// Pages go from the leaves up, and never while a sequence holds them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "cache/block_pool.h"
#include "cache/prefix_chain.h"
#include "cache/state_image.h"

namespace hadal {

struct PrefixMatch {
  int length = 0;        // tokens that need not be computed
  int known_length = 0;  // tokens of the full pages that are there; where it exceeds `length` a hit
                         // was lost, and an image at known_length would serve the next request
};

struct PrefixStatistics {
  int pages = 0;  // in the index
  int images = 0;
  int image_blocks = 0;
  int64_t lookups = 0;  // sequences started
  int64_t hits = 0;     // of them with a match
  int64_t looked_up_tokens = 0;
  int64_t hit_tokens = 0;
  int64_t lost_tokens = 0;   // known, but without an image to resume from
  int64_t shared_pages = 0;  // computed again though they were there: the copies were given back
  int64_t evicted_pages = 0;
  int64_t evicted_images = 0;
};

class PrefixIndex {
 public:
  // `pool` and `geometry` must outlive the index.
  PrefixIndex(BlockPool& pool, const CacheGeometry& geometry);
  ~PrefixIndex();
  PrefixIndex(const PrefixIndex&) = delete;
  PrefixIndex& operator=(const PrefixIndex&) = delete;

  // What start() would find for the first `limit` tokens. `chain` covers `tokens`. Changes nothing.
  PrefixMatch find(const PrefixChain& chain, std::span<const int32_t> tokens, int limit) const;

  struct StartArgs {
    PrefixChain& chain;
    std::span<const int32_t> tokens;  // all that are known of the sequence
    int limit = 0;           // reuse at most this many: less than all where logits are needed
    int reserve_tokens = 0;  // give the sequence pages up to here (at least the reused ones)
  };
  struct Started {
    PrefixMatch match;
  };
  // Gives the empty `cache` a slot and pages, the longest usable prefix already in them; evicts
  // what it must. Returns nothing, and changes nothing but what it evicted, when the pool is short.
  std::optional<Started> start(const StartArgs& args, SequenceCache& cache);

  // Adds the full pages of `cache`, whose tokens are at the front of `tokens`. Where a page is
  // there already, `cache` takes that one and gives up its own copy: not while a step that reads
  // the cache is under way. Adding them again costs one look-up.
  void add_pages(PrefixChain& chain, std::span<const int32_t> tokens, SequenceCache& cache);
  // Adds an image of `cache` at its present length, and its full pages. Returns false when the
  // pool is short.
  bool add_image(PrefixChain& chain, std::span<const int32_t> tokens, SequenceCache& cache);

  // The same for a sequence that ends here: its blocks become the image, `cache` becomes empty.
  void keep(PrefixChain& chain, std::span<const int32_t> tokens, SequenceCache& cache);

  // Add what a slower tier gave back: `blocks` for the pages of the chain from `first` on, or an
  // image. They take over the caller's references; what is there already, or has nothing to build
  // on, goes back to the pool. adopt_pages returns how many pages of the chain are there then.
  int adopt_pages(PrefixChain& chain, std::span<const int32_t> tokens, int first,
                  std::span<const int32_t> blocks);
  bool adopt_image(PrefixChain& chain, std::span<const int32_t> tokens, StateImage image);

  // Appends the blocks of the first `pages` pages, which must be there, each with a reference for
  // the caller: they stay in the index until it releases them.
  void hold_pages(const PrefixChain& chain, std::span<const int32_t> tokens, int pages,
                  std::vector<int32_t>& blocks);

  // Evicts until `blocks` blocks are free. Returns false when that cannot be; then it evicts
  // nothing, unless pages are held in an order that start() and add_pages() never leave.
  [[nodiscard]] bool make_room(int blocks);
  // Evicts everything that no sequence holds.
  void clear();

  PrefixStatistics statistics() const { return statistics_; }

 private:
  struct Node;
  struct Image {
    StateImage state;
    Node* node = nullptr;
    int64_t age = 0;       // `age_` when it was last used
    int64_t priority = 0;  // age + value; the least is evicted first
    uint64_t used = 0;
    int starts = 0;    // sequences that resumed from it
    int extended = 0;  // images that go on from it, of those added since
    bool pinned = false;
  };
  struct Node {
    Hash128 key;
    Node* parent = nullptr;  // null: the root of a salt, which has no page
    int pages = 0;           // from the root to here
    int32_t block = -1;
    std::vector<int32_t> tokens;  // of the page
    std::string salt;             // of a root
    int children = 0;
    std::vector<std::unique_ptr<Image>> images;
    uint64_t used = 0;

    bool bare() const { return children == 0 && images.empty(); }
  };
  struct Place {
    Node* deepest = nullptr;  // null: not even a root
    Image* image = nullptr;
  };

  PrefixMatch match_at(const Place& place) const;
  Place locate(const PrefixChain& chain, std::span<const int32_t> tokens, int limit) const;
  Node* root(const PrefixChain& chain) const;
  Node* child(Node* parent, const PrefixChain& chain, std::span<const int32_t> tokens) const;
  Node* ensure_root(const PrefixChain& chain);
  Node* add_node(Node* parent, const PrefixChain& chain, std::span<const int32_t> tokens,
                 int32_t block);
  // add_pages(), and the node of the last full page: null where there is none.
  Node* place_pages(PrefixChain& chain, std::span<const int32_t> tokens, SequenceCache& cache);
  // Takes over `image`, of a sequence that goes on from the pages of `node`, which may be null.
  bool hang_image(Node* node, StateImage image);
  Node* node_at(const PrefixChain& chain, std::span<const int32_t> tokens, int pages) const;
  static Image* image_with(Node& node, std::span<const int32_t> tail);

  int64_t value_of(const Image& image) const;
  static bool is_left_behind(const Image& image);
  void extend_those_before(const Image& image);
  void reprioritise(Image& image);
  template <typename Use>
  static void for_each_before(const Image& image, Use use);
  void touch(Image& image);
  void unlist_bare(Node& node);
  void list_if_bare(Node& node);
  void drop_node(Node& node);
  void drop_image(Image& image);
  bool evict_bare_page();
  bool evict_image();

  BlockPool& pool_;
  const CacheGeometry& geometry_;
  std::unordered_map<Hash128, std::unique_ptr<Node>> nodes_;
  std::set<std::pair<uint64_t, Node*>> bare_;                    // (used, node), pages only
  std::set<std::tuple<int64_t, uint64_t, Image*>> by_priority_;  // (priority, used, image)
  int64_t age_ = 0;  // priority of the last evicted image
  uint64_t clock_ = 0;
  int pinned_blocks_ = 0;
  PrefixStatistics statistics_;
};

}  // namespace hadal
