#include "model/v4/cache_layout.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <utility>

#include "base/error.h"

namespace hadal {
namespace {

// The sizes of V4-Flash that the cache depends on.
ModelConfig flash() {
  ModelConfig config;
  config.layers = 43;
  config.head_dim = 512;
  config.rope_dim = 64;
  config.window = 128;
  config.index_head_dim = 128;
  for (int layer = 0; layer < 43; ++layer) {
    config.layer_kinds.push_back(layer < 2        ? LayerKind::kWindow
                                 : layer % 2 == 0 ? LayerKind::kCsa
                                                  : LayerKind::kHca);
  }
  config.drafter = DrafterKind::kMtp;
  config.drafter_stages = 1;
  return config;
}

using Range = std::pair<size_t, size_t>;

// Every part is 64-byte aligned, lies within the block and overlaps no other.
void expect_disjoint(std::vector<Range> ranges, size_t block_bytes) {
  std::sort(ranges.begin(), ranges.end());
  size_t end = 0;
  for (const Range& range : ranges) {
    EXPECT_EQ(range.first % 64, 0U);
    EXPECT_GE(range.first, end);
    end = range.first + range.second;
  }
  EXPECT_LE(end, block_bytes);
}

TEST(CacheLayout, AFlashPageHoldsNothingButItsEntries) {
  const CacheLayout layout = make_cache_layout(flash(), 256);
  std::vector<Range> ranges;
  size_t used = 0;
  for (const LayerPagePart& part : layout.pages) {
    const auto entries = static_cast<size_t>(part.entries);
    if (entries == 0) continue;
    ranges.emplace_back(part.data_offset, entries * 576);
    ranges.emplace_back(part.scale_offset, entries * 8);
    if (part.entries == 64) {
      ranges.emplace_back(part.key_offset, entries * 64);
      ranges.emplace_back(part.key_scale_offset, entries * 4);
    }
    used += entries * (part.entries == 64 ? 652 : 584);
  }
  expect_disjoint(ranges, layout.block_bytes);
  EXPECT_EQ(used, 21U * 64 * 652 + 20U * 2 * 584);
  // Alignment costs less than half a percent of the page.
  EXPECT_LT(static_cast<double>(layout.block_bytes - used), 0.005 * static_cast<double>(used));
  EXPECT_EQ(layout.pages.back().entries, 0) << "the MTP block keeps a window only";
}

TEST(CacheLayout, PiecesOfAStateSlotLieWholeInItsUnits) {
  for (const int page_tokens : {128, 256, 2048}) {
    const ModelConfig config = flash();
    const CacheLayout layout = make_cache_layout(config, page_tokens);
    std::vector<std::vector<Range>> units(static_cast<size_t>(layout.state_units));
    for (size_t layer = 0; layer < layout.state.size(); ++layer) {
      const LayerStatePart& part = layout.state[layer];
      auto& ring = units.at(static_cast<size_t>(part.ring_unit));
      ring.emplace_back(part.ring_data_offset, 128 * 576);
      ring.emplace_back(part.ring_scale_offset, 128 * 8);
      const LayerKind kind =
          layer < config.layer_kinds.size() ? config.layer_kinds[layer] : LayerKind::kWindow;
      if (kind == LayerKind::kWindow) continue;
      const size_t bytes = kind == LayerKind::kCsa ? 8 * (4 * 512 + 4 * 128) * 4 : 3 * 512 * 4;
      units.at(static_cast<size_t>(part.compressor_unit))
          .emplace_back(part.compressor_offset, bytes);
    }
    for (const auto& unit : units) expect_disjoint(unit, layout.block_bytes);
  }
}

TEST(CacheLayout, HoldsConfigsWhosePagesAreSmallerThanARing) {
  ModelConfig config = flash();
  config.layers = 1;
  config.layer_kinds = {LayerKind::kHca};
  const CacheLayout layout = make_cache_layout(config, 128);
  EXPECT_GE(layout.block_bytes, 128U * 584);
  EXPECT_GE(layout.state_units, 2);
}

TEST(CacheLayout, RefusesPagesThatSplitGroups) {
  for (const int page_tokens : {0, -128, 64, 200, 1 << 20}) {
    EXPECT_THROW(make_cache_layout(flash(), page_tokens), Error) << page_tokens;
  }
}

TEST(CacheLayout, LayoutsThatDifferHaveOtherDigests) {
  const ModelConfig config = flash();
  const CacheLayout layout = make_cache_layout(config);
  EXPECT_EQ(make_cache_layout(config).digest, layout.digest);
  EXPECT_NE(make_cache_layout(config, 2 * layout.page_tokens).digest, layout.digest);
  EXPECT_NE(make_cache_layout(config, layout.page_tokens, RopeStorage::kF32).digest, layout.digest);
  ModelConfig other = config;
  std::swap(other.layer_kinds[2], other.layer_kinds[3]);
  EXPECT_NE(make_cache_layout(other).digest, layout.digest);
}

}  // namespace
}  // namespace hadal
