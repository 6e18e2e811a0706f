// Prefix reuse over both tiers: the index in memory and, where there is one, the disk tier behind
// it. What sequences compute goes into both; what only the disk has is promoted into the index
// while the engine goes on with other sequences. Belongs to the engine thread.
//
// The way of a sequence: handle(), begin_promotion() if the disk has more, start(), then
// add_pages() as it grows and add_image() where the next request may resume.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "cache/disk_tier.h"
#include "cache/prefix_index.h"

namespace hadal {

// What a sequence keeps for the prefix cache as long as it lives.
struct PrefixHandle {
  PrefixChain chain;
  int offered_pages = 0;  // full pages that the disk tier was offered
};

class PrefixCache {
 public:
  // `pool`, `geometry` and `disk`, which may be null, must outlive the cache.
  PrefixCache(BlockPool& pool, const CacheGeometry& geometry, DiskTier* disk);

  // Requests share prefixes with requests of the same salt only.
  PrefixHandle handle(std::string_view salt) const;

  // A read from disk into blocks of the pool that is under way.
  struct Promotion {
    PrefixHandle* handle = nullptr;
    std::vector<int32_t> tokens;       // up to the end of the image
    std::vector<int32_t> held;         // pages in memory before first_page, kept there
    std::vector<int32_t> pages;        // blocks of the pages from first_page on
    std::vector<int32_t> state_units;  // blocks of the image
    std::vector<int32_t> partial_page;
    int first_page = 0;
    std::shared_ptr<DiskRead> read;

    bool ready() const { return read->done(); }
  };
  // Starts to read what makes more of the first `limit` tokens usable than memory alone. Returns
  // nothing when the disk has no more, or the pool has no room for it. `handle` must live until
  // the promotion is finished.
  std::unique_ptr<Promotion> begin_promotion(PrefixHandle& handle, std::span<const int32_t> tokens,
                                             int limit);
  // Puts what was read into the index; waits for the disk if it is not ready. False when part of
  // it could not be used: the next begin_promotion() may find something shorter.
  bool finish_promotion(std::unique_ptr<Promotion> promotion);

  // The rest is as in PrefixIndex, with the disk tier kept informed.
  struct StartArgs {
    std::span<const int32_t> tokens;
    int limit = 0;
    int reserve_tokens = 0;
  };
  std::optional<PrefixIndex::Started> start(PrefixHandle& handle, const StartArgs& args,
                                            SequenceCache& cache);
  void add_pages(PrefixHandle& handle, std::span<const int32_t> tokens, SequenceCache& cache);
  // False when there was no room for it in memory; on disk it may be all the same.
  bool add_image(PrefixHandle& handle, std::span<const int32_t> tokens, SequenceCache& cache);
  // An image of a sequence that ends here or makes way: takes its blocks over, leaves `cache`
  // empty.
  void keep(PrefixHandle& handle, std::span<const int32_t> tokens, SequenceCache& cache);
  // An image on disk only, for a sequence that makes way. False where there is no disk, or it is
  // too busy.
  bool store_image(PrefixHandle& handle, std::span<const int32_t> tokens, SequenceCache& cache);

  PrefixIndex& index() { return index_; }

 private:
  struct DiskFind {
    int pages = 0;  // full pages before the image
    DiskCatalogue::Image image;
  };
  std::optional<DiskFind> find_on_disk(const PrefixChain& chain, std::span<const int32_t> tokens,
                                       const PrefixMatch& match) const;
  void touch_on_disk(const PrefixChain& chain, std::span<const int32_t> tokens, int length);

  BlockPool& pool_;
  const CacheGeometry& geometry_;
  DiskTier* disk_;
  SipKey secret_;
  PrefixIndex index_;
};

}  // namespace hadal
