// How attention finds cached keys: the byte formats of entries, and where the entries of one layer
// lie during a step (pages, window ring, and the entries of the step itself, not yet committed).
// Layout of whole pages and slots: model/cache_layout.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "numeric/weight_format.h"
#include "ops/step_plan.h"

namespace hadal {

// How the rotated values of a key are held.
enum class RopeStorage {
  kBf16,  // as the model is served
  kF32,   // unrounded: for checking against float32 arithmetic
};

// A key (which is also the value): nope_dim e4m3 values, then rope_dim rotated values, in one data
// row; one e8m0 scale per 64 e4m3 values in a separate row padded to 8 bytes. 576 + 8 bytes for V4.
struct KvEntryFormat {
  int nope_dim = 0;  // a multiple of 64
  int rope_dim = 0;
  RopeStorage rope_storage = RopeStorage::kBf16;

  int head_dim() const { return nope_dim + rope_dim; }
  size_t data_bytes() const {
    const size_t rope_bytes = rope_storage == RopeStorage::kBf16 ? 2 : 4;
    return static_cast<size_t>(nope_dim) + rope_bytes * static_cast<size_t>(rope_dim);
  }
  size_t scale_bytes() const { return (static_cast<size_t>(nope_dim) / kKvScaleBlock + 7) / 8 * 8; }
};

// An index key: dim e2m1 values, two per byte, and one e8m0 scale per 32. 64 + 4 bytes for V4.
struct IndexKeyFormat {
  int dim = 0;
  size_t data_bytes() const { return static_cast<size_t>(dim) / 2; }
  size_t scale_bytes() const { return static_cast<size_t>(dim) / kIndexKeyBlock; }
};

struct KvEntry {
  const std::byte* data = nullptr;
  const std::byte* scales = nullptr;
};

// The entries of one layer, as a step sees them.
struct LayerKv {
  KvEntryFormat format;
  IndexKeyFormat key_format;
  const StepPlan* plan = nullptr;
  const std::byte* pool = nullptr;  // page `id` begins at pool + id · page_bytes
  size_t page_bytes = 0;

  // The window ring: position p in row p % window of the sequence's state unit `ring_unit`.
  int window = 0;
  int ring_unit = 0;
  size_t ring_data_offset = 0;
  size_t ring_scale_offset = 0;

  // Compressed entries in pages; ratio 0: the layer has none.
  int ratio = 0;
  int page_entries = 0;  // page_tokens / ratio
  size_t page_data_offset = 0;
  size_t page_scale_offset = 0;
  size_t page_key_offset = 0;
  size_t page_key_scale_offset = 0;

  // Entries of this step: of its rows, and of the groups it completes (in the plan's order).
  const std::byte* step_data = nullptr;    // [rows, data_bytes]
  const std::byte* step_scales = nullptr;  // [rows, scale_bytes]
  const std::byte* group_data = nullptr;   // [groups, data_bytes]
  const std::byte* group_scales = nullptr;
  const std::byte* group_keys = nullptr;  // [groups, key data_bytes]
  const std::byte* group_key_scales = nullptr;

  // The entry of position p of a sequence, p within the window of a row of this step.
  KvEntry window_entry(const SequenceStep& sequence, int position) const;
  // Compressed entry j of a sequence; `sequence_index` is its index in the plan.
  KvEntry compressed_entry(int sequence_index, int entry) const;
  KvEntry index_key(int sequence_index, int entry) const;

 private:
  const CompressionPlan& compression() const { return plan->compression(ratio); }
  const std::byte* page(const SequenceStep& sequence, int index) const;
};

inline const std::byte* LayerKv::page(const SequenceStep& sequence, int index) const {
  const int32_t id = plan->page_table[static_cast<size_t>(sequence.first_page + index)];
  return pool + static_cast<size_t>(id) * page_bytes;
}

inline KvEntry LayerKv::window_entry(const SequenceStep& sequence, int position) const {
  if (position >= sequence.start) {
    const auto row = static_cast<size_t>(sequence.first_row + position - sequence.start);
    return {step_data + row * format.data_bytes(), step_scales + row * format.scale_bytes()};
  }
  const int32_t id = plan->state_table[static_cast<size_t>(sequence.first_state_unit + ring_unit)];
  const std::byte* unit = pool + static_cast<size_t>(id) * page_bytes;
  const auto row = static_cast<size_t>(position % window);
  return {unit + ring_data_offset + row * format.data_bytes(),
          unit + ring_scale_offset + row * format.scale_bytes()};
}

inline KvEntry LayerKv::compressed_entry(int sequence_index, int entry) const {
  const SequenceStep& sequence = plan->sequences[static_cast<size_t>(sequence_index)];
  const int committed = sequence.start / ratio;
  if (entry >= committed) {
    const auto group = static_cast<size_t>(
        compression().first_group[static_cast<size_t>(sequence_index)] + entry - committed);
    return {group_data + group * format.data_bytes(), group_scales + group * format.scale_bytes()};
  }
  const std::byte* base = page(sequence, entry / page_entries);
  const auto slot = static_cast<size_t>(entry % page_entries);
  return {base + page_data_offset + slot * format.data_bytes(),
          base + page_scale_offset + slot * format.scale_bytes()};
}

inline KvEntry LayerKv::index_key(int sequence_index, int entry) const {
  const SequenceStep& sequence = plan->sequences[static_cast<size_t>(sequence_index)];
  const int committed = sequence.start / ratio;
  if (entry >= committed) {
    const auto group = static_cast<size_t>(
        compression().first_group[static_cast<size_t>(sequence_index)] + entry - committed);
    return {group_keys + group * key_format.data_bytes(),
            group_key_scales + group * key_format.scale_bytes()};
  }
  const std::byte* base = page(sequence, entry / page_entries);
  const auto slot = static_cast<size_t>(entry % page_entries);
  return {base + page_key_offset + slot * key_format.data_bytes(),
          base + page_key_scale_offset + slot * key_format.scale_bytes()};
}

}  // namespace hadal
