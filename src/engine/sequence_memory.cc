#include "engine/sequence_memory.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "cache/state_image.h"

namespace hadal {
namespace {

// A read that brings something unusable may leave something shorter to be found.
constexpr int kMaxPromotions = 3;

std::unique_ptr<DiskTier> open_disk(const CacheGeometry& layout,
                                    const SequenceMemoryOptions& options) {
  if (options.disk.max_bytes == 0) return nullptr;
  return std::make_unique<DiskTier>(options.disk, options.identity, layout);
}

}  // namespace

SequenceMemory::SequenceMemory(const CacheGeometry& layout, const SequenceMemoryOptions& options)
    : layout_(layout),
      reuse_(options.reuse),
      pool_(layout.block_bytes, options.blocks),
      disk_(options.reuse ? open_disk(layout, options) : nullptr),
      prefixes_(pool_, layout, disk_.get()) {
  if (options.spill_bytes == 0) return;
  spill_ =
      std::make_unique<SpillFile>(options.spill_directory, options.spill_bytes, layout.block_bytes);
}

bool SequenceMemory::has_room(int blocks) const {
  return blocks <= pool_.free_blocks() + pool_.statistics().idle;
}

SequenceMemory::Admission SequenceMemory::admit(Sequence& sequence, int headroom, bool may_wait) {
  const auto tokens = static_cast<int>(sequence.tokens.size());
  if (sequence.promotion != nullptr) {
    if (!may_wait && !sequence.promotion->ready()) return Admission::kLoading;
    settle(sequence);
  }
  if (sequence.spilled) {
    switch (restore(sequence, headroom)) {
      case Restored::kYes:
        return Admission::kReady;
      case Restored::kNoRoom:
        return Admission::kNoRoom;
      case Restored::kLost:
        break;
    }
  }
  if (!sequence.prefix) sequence.prefix = prefixes_.handle(sequence.request.cache_salt);
  sequence.prefix->chain.cover(sequence.tokens);
  const PrefixMatch match =
      prefixes_.index().find(sequence.prefix->chain, sequence.tokens, tokens - 1);
  // Shared pages that nobody uses now are counted as room and as shared; start() is exact.
  const int needed =
      blocks_for_sequence(layout_, tokens) - match.length / layout_.page_tokens + headroom;
  if (!has_room(needed)) return Admission::kNoRoom;
  while (disk_ != nullptr && sequence.promotions_tried < kMaxPromotions) {
    ++sequence.promotions_tried;
    sequence.promotion = prefixes_.begin_promotion(*sequence.prefix, sequence.tokens, tokens - 1);
    if (sequence.promotion == nullptr) break;
    if (!may_wait) return Admission::kLoading;
    settle(sequence);
  }
  return start(sequence) ? Admission::kReady : Admission::kNoRoom;
}

bool SequenceMemory::start(Sequence& sequence) {
  const auto tokens = static_cast<int>(sequence.tokens.size());
  const auto started = prefixes_.start(
      *sequence.prefix, {.tokens = sequence.tokens, .limit = tokens - 1}, sequence.cache);
  if (!started) return false;
  const PrefixMatch& match = started->match;
  if (sequence.computed_length == 0) {
    sequence.cached_tokens = std::min(match.length, sequence.prompt_tokens);
  }
  sequence.promotions_tried = 0;
  sequence.image_stops.clear();
  if (!reuse_) return true;
  sequence.image_stops = image_positions({.prompt_tokens = sequence.prompt_tokens,
                                          .page_tokens = layout_.page_tokens,
                                          .computed = match.length,
                                          .suffix_begin = sequence.request.suffix_begin,
                                          .known_length = match.known_length});
  // Where less than two pages come before, an edit costs less than that without an image.
  std::erase_if(sequence.image_stops, [&](int stop) {
    return stop < 2 * layout_.page_tokens && stop % layout_.page_tokens == 0 &&
           stop != match.known_length && stop != sequence.request.suffix_begin &&
           stop != sequence.prompt_tokens - 1;
  });
  return true;
}

SequenceMemory::Restored SequenceMemory::restore(Sequence& sequence, int headroom) {
  const SpilledSequence& spilled = *sequence.spilled;
  const auto tokens = static_cast<int>(sequence.tokens.size());
  const auto lose = [&] {
    sequence.spilled.reset();
    return Restored::kLost;
  };
  const PrefixMatch match =
      prefixes_.index().find(sequence.prefix->chain, sequence.tokens, spilled.length);
  const int known = std::min(match.known_length, spilled.length) / layout_.page_tokens;
  if (known < spilled.first_page) {
    spill_->discard(spilled);
    return lose();
  }
  if (!has_room(blocks_for_sequence(layout_, tokens) - known + headroom)) return Restored::kNoRoom;
  prefixes_.index().hold_pages(sequence.prefix->chain, sequence.tokens, known,
                               sequence.cache.pages);
  if (!prefixes_.index().make_room(blocks_for_sequence(layout_, spilled.length) - known)) {
    pool_.release(sequence.cache.pages);
    return Restored::kNoRoom;
  }
  const SpillFile::Outcome outcome = spill_->restore(spilled, layout_, pool_, sequence.cache);
  HADAL_CHECK(outcome != SpillFile::Outcome::kNoRoom);
  if (outcome == SpillFile::Outcome::kLost) return lose();
  sequence.spilled.reset();
  return Restored::kYes;
}

void SequenceMemory::settle(Sequence& sequence) {
  if (sequence.promotion != nullptr) prefixes_.finish_promotion(std::move(sequence.promotion));
}

bool SequenceMemory::grow(Sequence& sequence, int tokens) {
  const int missing = layout_.pages_for(tokens) - static_cast<int>(sequence.cache.pages.size());
  if (missing <= 0) return true;
  return prefixes_.index().make_room(missing) &&
         reserve_sequence(pool_, layout_, tokens, sequence.cache);
}

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

void SequenceMemory::suspend(Sequence& sequence) {
  HADAL_CHECK(!sequence.spilled && sequence.promotion == nullptr);
  if (sequence.cache.length > 0) {
    if (reuse_) prefixes_.add_pages(*sequence.prefix, sequence.tokens, sequence.cache);
    if (spill_ != nullptr) {
      // Pages that other sequences use as well stay where they are.
      const int full = sequence.cache.length / layout_.page_tokens;
      int first = 0;
      while (first < full &&
             pool_.references(sequence.cache.pages[static_cast<size_t>(first)]) > 2) {
        ++first;
      }
      sequence.spilled = spill_->spill(pool_, layout_, sequence.cache, first);
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
  if (sequence.spilled) {
    spill_->discard(*sequence.spilled);
    sequence.spilled.reset();
  }
  release_sequence(pool_, sequence.cache);
}

std::optional<DiskStatistics> SequenceMemory::disk_statistics() const {
  if (disk_ == nullptr) return std::nullopt;
  return disk_->statistics();
}

std::optional<SpillStatistics> SequenceMemory::spill_statistics() const {
  if (spill_ == nullptr) return std::nullopt;
  return spill_->statistics();
}

void SequenceMemory::wait_for_disk() const {
  if (disk_ != nullptr) disk_->wait_idle();
}

}  // namespace hadal
