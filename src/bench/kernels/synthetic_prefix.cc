#include "bench/kernels/synthetic_prefix.h"

#include <algorithm>

#include "base/as_size.h"
#include "base/check.h"
#include "bench/random_bits.h"

namespace hadal {
namespace {

// e4m3 of 2^-3 to 2^1, either sign.
constexpr RandomBits kE4m3{.keep = 0x9f9f9f9f9f9f9f9fU, .set = 0x2020202020202020U};
// bf16 of 0.5 to 1, either sign.
constexpr RandomBits kBf16{.keep = 0x807f807f807f807fU, .set = 0x3f003f003f003f00U};
// Any pair of e2m1 codes is valid.
constexpr RandomBits kE2m1{};
// e8m0 of 2^-2 to 2^1.
constexpr RandomBits kE8m0{.keep = 0x0303030303030303U, .set = 0x7c7c7c7c7c7c7c7cU};
// float32 of 2^-3 to 2^-2.
constexpr RandomBits kF32{.keep = 0x807fffff807fffffU, .set = 0x3e0000003e000000U};

class Filler {
 public:
  explicit Filler(uint64_t seed) : seed_(seed) {}

  void fill(std::byte* data, size_t bytes, RandomBits bits) {
    bits.seed = scrambled(seed_++);
    fill_random_bits(data, bytes, bits);
  }

  void fill_entries(const KvEntryFormat& format, int entries, std::byte* data, std::byte* scales) {
    const size_t nope = as_size(format.nope_dim);
    for (size_t i = 0; i < as_size(entries); ++i) {
      std::byte* row = data + i * format.data_bytes();
      fill(row, nope, kE4m3);
      fill(row + nope, format.data_bytes() - nope, kBf16);
    }
    fill(scales, as_size(entries) * format.scale_bytes(), kE8m0);
  }

 private:
  uint64_t seed_;
};

void fill_page(const CacheLayout& layout, std::byte* page, Filler& filler) {
  for (const LayerPagePart& part : layout.pages) {
    if (part.entries == 0) continue;
    filler.fill_entries(layout.entry, part.entries, page + part.data_offset,
                        page + part.scale_offset);
    if (part.key_scale_offset == 0) continue;
    const size_t entries = as_size(part.entries);
    filler.fill(page + part.key_offset, entries * layout.index_key.data_bytes(), kE2m1);
    filler.fill(page + part.key_scale_offset, entries * layout.index_key.scale_bytes(), kE8m0);
  }
}

// The running softmax of a group under way: maxima, sums of weights (positive), weighted sums.
void fill_softmax_state(float* state, size_t channels, Filler& filler) {
  std::fill_n(state, channels, 0.0F);
  std::fill_n(state + channels, channels, 1.0F);
  filler.fill(reinterpret_cast<std::byte*>(state + 2 * channels), channels * sizeof(float), kF32);
}

}  // namespace

void fill_synthetic_prefix(const ModelConfig& config, const CacheLayout& layout,
                           const CachePoolView& pool, int tokens, uint64_t seed,
                           SequenceCache& cache) {
  HADAL_CHECK(layout.entry.rope_storage == RopeStorage::kBf16);
  HADAL_CHECK(layout.pages_for(tokens) <= static_cast<int>(cache.pages.size()));
  HADAL_CHECK(static_cast<int>(cache.state_units.size()) == layout.state_units);
  Filler filler(seed);
  for (int page = 0; page < layout.pages_for(tokens); ++page) {
    fill_page(layout, pool.block(cache.pages[as_size(page)]), filler);
  }
  for (size_t layer = 0; layer < layout.state.size(); ++layer) {
    const LayerStatePart& part = layout.state[layer];
    std::byte* ring = pool.block(cache.state_units[as_size(part.ring_unit)]);
    filler.fill_entries(layout.entry, layout.window, ring + part.ring_data_offset,
                        ring + part.ring_scale_offset);
    const LayerKind kind =
        layer < config.layer_kinds.size() ? config.layer_kinds[layer] : LayerKind::kWindow;
    if (kind == LayerKind::kWindow) continue;
    std::byte* state =
        pool.block(cache.state_units[as_size(part.compressor_unit)]) + part.compressor_offset;
    if (kind == LayerKind::kCsa) {
      filler.fill(state, 2 * kCsaRatio * csa_state_row_floats(config) * sizeof(float), kF32);
    } else {
      fill_softmax_state(reinterpret_cast<float*>(state), as_size(config.head_dim), filler);
    }
  }
  cache.length = tokens;
  cache.drafter_rows = tokens;
}

}  // namespace hadal
