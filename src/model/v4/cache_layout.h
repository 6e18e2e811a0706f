// The byte layout of the cache of one model: pages of compressed entries for all layers at once,
// and the state slot of a sequence. Pages and slots are made of blocks of one size, so that one
// pool serves both. Owns no memory; docs/formats.md shows the same layout in prose.
#pragma once

#include <cstddef>
#include <vector>

#include "cache/cache_geometry.h"
#include "checkpoint/v4/config.h"
#include "ops/kv_cache.h"

namespace hadal {

constexpr int kDefaultPageTokens = 256;

// The part of a page that belongs to one layer: `entries` data rows, their scale rows, then for CSA
// the index keys and their scales; each part begins at a multiple of 64 bytes.
struct LayerPagePart {
  int entries = 0;  // page_tokens / ratio; 0: the layer keeps no compressed entries
  size_t data_offset = 0;
  size_t scale_offset = 0;
  size_t key_offset = 0;
  size_t key_scale_offset = 0;
};

// The part of a state slot that belongs to one layer. Each piece lies whole within one block of
// the slot: `..._unit` is the index of the block, the offset counts from its start.
struct LayerStatePart {
  int ring_unit = 0;
  size_t ring_data_offset = 0;   // [window, data_bytes]
  size_t ring_scale_offset = 0;  // [window, scale_bytes]
  int compressor_unit = 0;
  size_t compressor_offset = 0;  // CSA: F32 [8, 4c + 4·index_dim]; HCA: F32 [3, c]
};

// The geometry, which is all that the cache knows, and what lies where.
struct CacheLayout : CacheGeometry {
  KvEntryFormat entry;
  IndexKeyFormat index_key;
  int window = 0;
  size_t state_bytes = 0;  // of a state slot in use; the rest is padding
  // [layers + drafter stages]; a stage has a window only.
  std::vector<LayerPagePart> pages;
  std::vector<LayerStatePart> state;
  // With an MTP block, which needs them with the token that follows: the residual streams of the
  // last token, F32 [streams, hidden], at `streams_offset` of unit `streams_unit`.
  int streams_unit = 0;
  size_t streams_offset = 0;
};

// `page_tokens` must be a positive multiple of 128. Throws Error kInvalidArgument otherwise.
CacheLayout make_cache_layout(const ModelConfig& config, int page_tokens = kDefaultPageTokens,
                              RopeStorage rope_storage = RopeStorage::kBf16);

// Floats of one CSA state row: [kv 2c][z 2c] of the main compressor, then the same of the
// indexer's with c = index_head_dim.
size_t csa_state_row_floats(const ModelConfig& config);

}  // namespace hadal
