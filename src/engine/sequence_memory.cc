#include "engine/sequence_memory.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "cache/state_image.h"

namespace hadal {
namespace {

// A read that brings something unusable may leave something shorter to be found.
constexpr int kMaxPromotions = 3;

std::unique_ptr<DiskTier> open_disk(const CacheGeometry& geometry,
                                    const SequenceMemoryOptions& options) {
  if (options.disk.max_bytes == 0) return nullptr;
  return std::make_unique<DiskTier>(options.disk, options.identity, geometry);
}

}  // namespace

SequenceMemory::SequenceMemory(const CacheGeometry& geometry, const SequenceMemoryOptions& options)
    : geometry_(geometry),
      reuse_(options.reuse),
      pool_(geometry.block_bytes, options.blocks),
      disk_(options.reuse ? open_disk(geometry, options) : nullptr),
      prefixes_(pool_, geometry, disk_.get()) {
  if (options.spill.max_bytes == 0) return;
  spill_ = std::make_unique<SpillFile>(options.spill, pool_, geometry);
}

// Blocks that are free or can be made so.
int SequenceMemory::room() const { return pool_.free_blocks() + pool_.statistics().idle; }

int SequenceMemory::coming_blocks() const {
  return spill_ == nullptr ? 0 : spill_->coming_blocks();
}

void SequenceMemory::collect() {
  if (spill_ != nullptr) spill_->collect();
}

// The answer where `blocks` are needed and cannot be had now.
SequenceMemory::Admission SequenceMemory::without(int blocks) const {
  const int coming = coming_blocks();
  return coming > 0 && blocks <= room() + coming ? Admission::kRoomToCome : Admission::kNoRoom;
}

SequenceMemory::Admission SequenceMemory::admit(Sequence& sequence, int headroom, bool may_wait) {
  const auto tokens = static_cast<int>(sequence.tokens.size());
  collect();
  if (sequence.promotion != nullptr) {
    if (!may_wait && !sequence.promotion->ready()) return Admission::kLoading;
    settle(sequence);
  }
  if (sequence.spilled) {
    const Admission admission = admit_spilled(sequence, headroom, may_wait);
    if (sequence.spilled || admission == Admission::kReady) return admission;
  }
  if (!sequence.prefix) sequence.prefix = prefixes_.handle(sequence.request.cache_salt);
  sequence.prefix->chain.cover(sequence.tokens);
  const PrefixMatch match =
      prefixes_.index().find(sequence.prefix->chain, sequence.tokens, sequence.reusable_tokens());
  // Shared pages that nobody uses now are counted as room and as shared; start() is exact.
  const int needed =
      blocks_for_sequence(geometry_, tokens) - match.length / geometry_.page_tokens + headroom;
  if (needed > room()) return without(needed);
  while (disk_ != nullptr && sequence.promotions_tried < kMaxPromotions) {
    ++sequence.promotions_tried;
    sequence.promotion =
        prefixes_.begin_promotion(*sequence.prefix, sequence.tokens, sequence.reusable_tokens());
    if (sequence.promotion == nullptr) break;
    if (!may_wait) return Admission::kLoading;
    settle(sequence);
  }
  return start(sequence) ? Admission::kReady : without(needed);
}

bool SequenceMemory::start(Sequence& sequence) {
  const auto started = prefixes_.start(
      *sequence.prefix, {.tokens = sequence.tokens, .limit = sequence.reusable_tokens()},
      sequence.cache);
  if (!started) return false;
  const PrefixMatch& match = started->match;
  if (sequence.computed_length == 0) {
    sequence.cached_tokens = std::min(match.length, sequence.prompt_tokens);
  }
  sequence.promotions_tried = 0;
  sequence.image_stops.clear();
  if (!reuse_) return true;
  sequence.image_stops = image_positions({.prompt_tokens = sequence.prompt_tokens,
                                          .page_tokens = geometry_.page_tokens,
                                          .computed = match.length,
                                          .suffix_begin = sequence.request.suffix_begin,
                                          .known_length = match.known_length});
  // Where less than two pages come before, an edit costs less than that without an image.
  std::erase_if(sequence.image_stops, [&](int stop) {
    return stop < 2 * geometry_.page_tokens && stop % geometry_.page_tokens == 0 &&
           stop != match.known_length && stop != sequence.request.suffix_begin &&
           stop != sequence.prompt_tokens - 1;
  });
  return true;
}

// Where what was spilled is of no use any more, `spilled` is gone afterwards.
SequenceMemory::Admission SequenceMemory::admit_spilled(Sequence& sequence, int headroom,
                                                        bool may_wait) {
  SpilledSequence& spilled = *sequence.spilled;
  const auto tokens = static_cast<int>(sequence.tokens.size());
  SpillState state = may_wait ? spill_->wait(spilled) : spill_->state(spilled);
  if (state == SpillState::kWriting) return Admission::kRoomToCome;
  if (state == SpillState::kStored) {
    collect();
    const PrefixMatch match =
        prefixes_.index().find(sequence.prefix->chain, sequence.tokens, spilled.length);
    const int known = std::min(match.known_length, spilled.length) / geometry_.page_tokens;
    if (known < spilled.first_page) {
      lose(sequence);
      return Admission::kNoRoom;
    }
    const int needed = blocks_for_sequence(geometry_, tokens) - known + headroom;
    if (needed > room()) return without(needed);
    std::vector<int32_t> held;
    prefixes_.index().hold_pages(sequence.prefix->chain, sequence.tokens, known, held);
    if (!prefixes_.index().make_room(blocks_for_sequence(geometry_, spilled.length) - known)) {
      pool_.release(held);
      return without(needed);
    }
    const bool loads = spill_->load(spilled, held);
    HADAL_CHECK(loads);
    if (!may_wait) return Admission::kLoading;
    state = spill_->wait(spilled);
  }
  if (state == SpillState::kReading) return Admission::kLoading;
  if (state == SpillState::kLost) {
    lose(sequence);
    return Admission::kNoRoom;
  }
  // It is back, and those that run may have grown meanwhile. It keeps what it has until somebody
  // needs that more (unload).
  const auto held = static_cast<int>(spilled.cache.pages.size() + spilled.cache.state_units.size());
  const int missing = blocks_for_sequence(geometry_, tokens) - held + headroom;
  if (missing > room()) return without(missing);
  spill_->take(spilled, sequence.cache);
  sequence.spilled.reset();
  return Admission::kReady;
}

void SequenceMemory::lose(Sequence& sequence) {
  if (!sequence.spilled) return;
  spill_->discard(*sequence.spilled);
  sequence.spilled.reset();
}

void SequenceMemory::settle(Sequence& sequence) {
  if (sequence.promotion != nullptr) prefixes_.finish_promotion(std::move(sequence.promotion));
  unload(sequence);
}

bool SequenceMemory::unload(Sequence& sequence) {
  if (!sequence.spilled) return false;
  const SpillState state = spill_->state(*sequence.spilled);
  if (state != SpillState::kReading && state != SpillState::kRead) return false;
  spill_->unload(*sequence.spilled);
  return true;
}

SequenceMemory::Growth SequenceMemory::grow(Sequence& sequence, int tokens, int& promised) {
  const int missing = geometry_.pages_for(tokens) - static_cast<int>(sequence.cache.pages.size());
  if (missing <= 0) return Growth::kDone;
  collect();
  const int coming = coming_blocks();
  if (missing + promised > room() + coming) return Growth::kNoRoom;
  if (prefixes_.index().make_room(missing)) {
    const bool grown = reserve_sequence(pool_, geometry_, tokens, sequence.cache);
    HADAL_CHECK(grown);
    return Growth::kDone;
  }
  if (coming == 0) return Growth::kNoRoom;
  promised += missing;
  return Growth::kRoomToCome;
}

bool SequenceMemory::wait_for_room() { return spill_ != nullptr && spill_->wait_for_blocks(); }

void SequenceMemory::committed(Sequence& sequence) {
  sequence.computed_length = std::max(sequence.computed_length, sequence.cache.length);
  const auto done = std::upper_bound(sequence.image_stops.begin(), sequence.image_stops.end(),
                                     sequence.cache.length);
  sequence.image_stops.erase(sequence.image_stops.begin(), done);
  if (reuse_) prefixes_.add_pages(*sequence.prefix, sequence.tokens, sequence.cache);
}

void SequenceMemory::take_image(Sequence& sequence) {
  if (reuse_) prefixes_.add_image(*sequence.prefix, sequence.tokens, sequence.cache);
}

// Whether sequences in memory use a page of one of them together. Those that make way do not count.
bool SequenceMemory::is_shared(int32_t page) const {
  constexpr int kOwnAndIndex = 2;
  const int references = pool_.references(page);
  return references > kOwnAndIndex && references - spill_->references(page) > kOwnAndIndex;
}

void SequenceMemory::suspend(Sequence& sequence) {
  HADAL_CHECK(!sequence.spilled && sequence.promotion == nullptr);
  if (sequence.cache.length > 0) {
    if (reuse_) prefixes_.add_pages(*sequence.prefix, sequence.tokens, sequence.cache);
    if (spill_ != nullptr) {
      // Pages that other sequences use as well stay where they are.
      const int full = sequence.cache.length / geometry_.page_tokens;
      int first = 0;
      while (first < full && is_shared(sequence.cache.pages[static_cast<size_t>(first)])) ++first;
      sequence.spilled = spill_->spill(sequence.cache, first);
    }
    if (!sequence.spilled && reuse_) {
      prefixes_.keep(*sequence.prefix, sequence.tokens, sequence.cache);
    }
  }
  release_sequence(pool_, sequence.cache);
  sequence.promotions_tried = 0;
}

void SequenceMemory::release(Sequence& sequence, bool keep) {
  settle(sequence);
  if (keep && reuse_ && sequence.cache.length > 0) {
    prefixes_.keep(*sequence.prefix, sequence.tokens, sequence.cache);
  }
  lose(sequence);
  release_sequence(pool_, sequence.cache);
}

PoolStatistics SequenceMemory::pool_statistics() {
  collect();
  return pool_.statistics();
}

std::optional<DiskStatistics> SequenceMemory::disk_statistics() const {
  if (disk_ == nullptr) return std::nullopt;
  return disk_->statistics();
}

std::optional<SpillStatistics> SequenceMemory::spill_statistics() const {
  if (spill_ == nullptr) return std::nullopt;
  return spill_->statistics();
}

void SequenceMemory::wait_for_disk() {
  if (disk_ != nullptr) disk_->wait_idle();
  if (spill_ != nullptr) spill_->wait_idle();
}

}  // namespace hadal
