#include "model/v4/cache_layout.h"

#include <algorithm>
#include <numeric>

#include "base/aligned_buffer.h"
#include "base/checksum.h"
#include "base/error.h"

namespace hadal {
namespace {

// Lays parts out one after the other, each at a multiple of 64 bytes.
class Packer {
 public:
  size_t place(size_t bytes) {
    const size_t offset = used_;
    used_ = round_up(used_ + bytes, kCacheLine);
    return offset;
  }
  size_t used() const { return used_; }

 private:
  size_t used_ = 0;
};

LayerPagePart place_page_part(const CacheLayout& layout, LayerKind kind, Packer& packer) {
  LayerPagePart part;
  if (kind == LayerKind::kWindow) return part;
  part.entries = layout.page_tokens / compress_ratio(kind);
  const auto entries = static_cast<size_t>(part.entries);
  part.data_offset = packer.place(entries * layout.entry.data_bytes());
  part.scale_offset = packer.place(entries * layout.entry.scale_bytes());
  if (kind == LayerKind::kCsa) {
    part.key_offset = packer.place(entries * layout.index_key.data_bytes());
    part.key_scale_offset = packer.place(entries * layout.index_key.scale_bytes());
  }
  return part;
}

size_t compressor_state_bytes(const ModelConfig& config, LayerKind kind) {
  switch (kind) {
    case LayerKind::kWindow:
      return 0;
    case LayerKind::kCsa:
      return 2 * kCsaRatio * csa_state_row_floats(config) * sizeof(float);
    case LayerKind::kHca:
      return 3 * static_cast<size_t>(config.head_dim) * sizeof(float);
  }
  return 0;
}

// Of the streams that the MTP block takes over from step to step.
size_t last_stream_bytes(const ModelConfig& config) {
  if (config.drafter != DrafterKind::kMtp) return 0;
  return static_cast<size_t>(config.hc_mult) * static_cast<size_t>(config.hidden_size) *
         sizeof(float);
}

// Puts pieces into blocks of one size, first block that has room, so that a state slot needs no
// contiguous memory larger than a page.
class UnitPacker {
 public:
  struct Place {
    int unit;
    size_t offset;
  };
  explicit UnitPacker(size_t block_bytes) : block_bytes_(block_bytes) {}

  Place place(size_t bytes) {
    const size_t rounded = round_up(bytes, kCacheLine);
    size_t unit = 0;
    while (unit < used_.size() && used_[unit] + rounded > block_bytes_) ++unit;
    if (unit == used_.size()) used_.push_back(0);
    const size_t offset = used_[unit];
    used_[unit] += rounded;
    return {static_cast<int>(unit), offset};
  }
  int units() const { return static_cast<int>(used_.size()); }
  size_t used() const { return std::accumulate(used_.begin(), used_.end(), size_t{0}); }

 private:
  size_t block_bytes_;
  std::vector<size_t> used_;
};

// A number that differs for layouts that differ anywhere.
uint64_t digest_of(const CacheLayout& layout) {
  std::vector<uint64_t> words = {static_cast<uint64_t>(layout.page_tokens),
                                 layout.entry.data_bytes(),
                                 layout.entry.scale_bytes(),
                                 static_cast<uint64_t>(layout.entry.nope_dim),
                                 static_cast<uint64_t>(layout.entry.rope_dim),
                                 layout.index_key.data_bytes(),
                                 layout.index_key.scale_bytes(),
                                 static_cast<uint64_t>(layout.window),
                                 layout.block_bytes,
                                 static_cast<uint64_t>(layout.state_units),
                                 static_cast<uint64_t>(layout.streams_unit),
                                 layout.streams_offset};
  for (const LayerPagePart& part : layout.pages) {
    for (const size_t value : {static_cast<size_t>(part.entries), part.data_offset,
                               part.scale_offset, part.key_offset, part.key_scale_offset}) {
      words.push_back(value);
    }
  }
  for (const LayerStatePart& part : layout.state) {
    for (const size_t value :
         {static_cast<size_t>(part.ring_unit), part.ring_data_offset, part.ring_scale_offset,
          static_cast<size_t>(part.compressor_unit), part.compressor_offset}) {
      words.push_back(value);
    }
  }
  return checksum(std::as_bytes(std::span(words))).low;
}

}  // namespace

size_t csa_state_row_floats(const ModelConfig& config) {
  return 4 * static_cast<size_t>(config.head_dim) + 4 * static_cast<size_t>(config.index_head_dim);
}

CacheLayout make_cache_layout(const ModelConfig& config, int page_tokens,
                              RopeStorage rope_storage) {
  constexpr int kMaxPageTokens = 1 << 16;
  if (page_tokens < kHcaRatio || page_tokens > kMaxPageTokens || page_tokens % kHcaRatio != 0) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "page_tokens",
                 .what = "is " + std::to_string(page_tokens),
                 .remedy = "give a multiple of 128 between 128 and 65536"});
  }
  CacheLayout layout;
  layout.page_tokens = page_tokens;
  layout.entry = {
      .nope_dim = config.nope_dim(), .rope_dim = config.rope_dim, .rope_storage = rope_storage};
  layout.index_key = {.dim = config.index_head_dim};
  layout.window = config.window;

  std::vector<LayerKind> kinds = config.layer_kinds;
  kinds.resize(kinds.size() + static_cast<size_t>(config.usable_stages()), LayerKind::kWindow);
  Packer page;
  for (const LayerKind kind : kinds) layout.pages.push_back(place_page_part(layout, kind, page));

  const auto window = static_cast<size_t>(layout.window);
  const size_t ring_data = round_up(window * layout.entry.data_bytes(), kCacheLine);
  const size_t ring_bytes = ring_data + window * layout.entry.scale_bytes();
  size_t largest_piece = round_up(ring_bytes, kCacheLine);
  for (const LayerKind kind : kinds) {
    largest_piece = std::max(largest_piece, compressor_state_bytes(config, kind));
  }
  const size_t stream_bytes = last_stream_bytes(config);
  largest_piece = std::max(largest_piece, stream_bytes);
  layout.block_bytes = round_up(std::max(page.used(), largest_piece), kCacheLine);

  UnitPacker slot(layout.block_bytes);
  for (const LayerKind kind : kinds) {
    LayerStatePart part;
    const UnitPacker::Place ring = slot.place(ring_bytes);
    part.ring_unit = ring.unit;
    part.ring_data_offset = ring.offset;
    part.ring_scale_offset = ring.offset + ring_data;
    if (const size_t bytes = compressor_state_bytes(config, kind); bytes > 0) {
      const UnitPacker::Place compressor = slot.place(bytes);
      part.compressor_unit = compressor.unit;
      part.compressor_offset = compressor.offset;
    }
    layout.state.push_back(part);
  }
  if (stream_bytes > 0) {
    const UnitPacker::Place streams = slot.place(stream_bytes);
    layout.streams_unit = streams.unit;
    layout.streams_offset = streams.offset;
  }
  layout.state_units = slot.units();
  layout.state_bytes = slot.used();
  layout.digest = digest_of(layout);
  return layout;
}

}  // namespace hadal
