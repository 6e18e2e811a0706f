// State images: what it takes, beside the shared full pages, to continue a sequence from one of
// its lengths. An image is a copy of the state slot, a copy of the unfinished page (so that the
// original may go on writing its own), and the tokens since the last page boundary.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "cache/block_pool.h"
#include "cache/cache_geometry.h"
#include "cache/sequence_cache.h"

namespace hadal {

struct StateImage {
  std::vector<int32_t> state_units = {};   // [CacheGeometry::state_units]
  std::vector<int32_t> partial_page = {};  // one block, or none at a page boundary
  std::vector<int32_t> tail = {};          // the last length % page_tokens tokens
  int length = 0;                          // tokens of the sequence
  int drafter_rows = 0;                    // as SequenceCache::drafter_rows

  int blocks() const { return static_cast<int>(state_units.size() + partial_page.size()); }
};

// Blocks of an image taken at `length` tokens.
int blocks_for_image(const CacheGeometry& geometry, int length);

// Copies the state of `cache`, whose first cache.length tokens are at the front of `tokens`.
// Returns nothing when the pool is short. The blocks belong to the caller: release_image().
std::optional<StateImage> create_image(BlockPool& pool, const CacheGeometry& geometry,
                                       const SequenceCache& cache, std::span<const int32_t> tokens);

// The same of a sequence that ends here: its slot and its unfinished page become the image, the
// other blocks are released, and `cache` is empty. Needs no room.
StateImage move_to_image(BlockPool& pool, const CacheGeometry& geometry, SequenceCache& cache,
                         std::span<const int32_t> tokens);

// Makes `cache` continue at the image's length. It must hold a slot, the full pages before that
// length, and where the length is no page boundary a page of its own for the rest.
void restore_image(const BlockPool& pool, const CacheGeometry& geometry, const StateImage& image,
                   SequenceCache& cache);

void release_image(BlockPool& pool, StateImage& image);

// Where to take images of a prompt: lengths at which the computation of a prompt stops once so
// that an image can be taken, ascending, each once, in (computed, prompt_tokens).
struct ImagePositionArgs {
  int prompt_tokens = 0;
  int page_tokens = 0;
  int computed = 0;      // tokens that came from the cache: no images up to here
  int suffix_begin = 0;  // where what follows the last user content begins; 0: not known
  int known_length = 0;  // PrefixMatch::known_length: here a request has just lost a hit
};
// The last two page boundaries, before the suffix, before the last prompt token (an identical
// prompt then computes one token), and at known_length where it exceeds `computed`.
std::vector<int> image_positions(const ImagePositionArgs& args);

}  // namespace hadal
