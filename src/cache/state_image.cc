#include "cache/state_image.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace hadal {
namespace {

void copy_blocks(const CachePoolView& pool, std::span<const int32_t> from,
                 std::span<const int32_t> to) {
  HADAL_CHECK(from.size() == to.size());
  for (size_t i = 0; i < from.size(); ++i) {
    std::memcpy(pool.block(to[i]), pool.block(from[i]), pool.block_bytes);
  }
}

}  // namespace

int blocks_for_image(const CacheGeometry& geometry, int length) {
  return geometry.state_units + (length % geometry.page_tokens == 0 ? 0 : 1);
}

std::optional<StateImage> create_image(BlockPool& pool, const CacheGeometry& geometry,
                                       const SequenceCache& cache,
                                       std::span<const int32_t> tokens) {
  const int length = cache.length;
  HADAL_CHECK(length > 0 && static_cast<size_t>(length) <= tokens.size());
  HADAL_CHECK(static_cast<int>(cache.state_units.size()) == geometry.state_units);
  HADAL_CHECK(static_cast<int>(cache.pages.size()) >= geometry.pages_for(length));
  if (blocks_for_image(geometry, length) > pool.free_blocks()) return std::nullopt;

  StateImage image{.length = length, .drafter_rows = cache.drafter_rows};
  bool taken = pool.allocate(geometry.state_units, image.state_units, BlockKind::kImage);
  copy_blocks(pool.view(), cache.state_units, image.state_units);
  const int full_pages = length / geometry.page_tokens;
  if (const int tail = length % geometry.page_tokens; tail > 0) {
    taken = taken && pool.allocate(1, image.partial_page, BlockKind::kImage);
    copy_blocks(pool.view(), {&cache.pages[static_cast<size_t>(full_pages)], 1},
                image.partial_page);
    const auto rest = tokens.subspan(static_cast<size_t>(length - tail), static_cast<size_t>(tail));
    image.tail.assign(rest.begin(), rest.end());
  }
  HADAL_CHECK(taken);
  return image;
}

StateImage move_to_image(BlockPool& pool, const CacheGeometry& geometry, SequenceCache& cache,
                         std::span<const int32_t> tokens) {
  const int length = cache.length;
  HADAL_CHECK(length > 0 && static_cast<size_t>(length) <= tokens.size());
  StateImage image{.state_units = std::move(cache.state_units),
                   .length = length,
                   .drafter_rows = cache.drafter_rows};
  const auto full_pages = static_cast<size_t>(length / geometry.page_tokens);
  if (const int tail = length % geometry.page_tokens; tail > 0) {
    image.partial_page.push_back(cache.pages[full_pages]);
    cache.pages.erase(cache.pages.begin() + static_cast<std::ptrdiff_t>(full_pages));
    const auto rest = tokens.subspan(static_cast<size_t>(length - tail), static_cast<size_t>(tail));
    image.tail.assign(rest.begin(), rest.end());
  }
  for (const auto* blocks : {&image.state_units, &image.partial_page}) {
    for (const int32_t id : *blocks) {
      HADAL_CHECK(pool.references(id) == 1);
      pool.set_kind(id, BlockKind::kImage);
    }
  }
  cache.state_units.clear();
  release_sequence(pool, cache);
  return image;
}

void restore_image(const BlockPool& pool, const CacheGeometry& geometry, const StateImage& image,
                   SequenceCache& cache) {
  HADAL_CHECK(static_cast<int>(cache.pages.size()) >= geometry.pages_for(image.length));
  copy_blocks(pool.view(), image.state_units, cache.state_units);
  if (!image.partial_page.empty()) {
    const int32_t page = cache.pages[static_cast<size_t>(image.length / geometry.page_tokens)];
    HADAL_CHECK(pool.references(page) == 1);  // a shared page is never written
    copy_blocks(pool.view(), image.partial_page, {&page, 1});
  }
  cache.length = image.length;
  cache.drafter_rows = image.drafter_rows;
}

void release_image(BlockPool& pool, StateImage& image) {
  pool.release(image.state_units);
  pool.release(image.partial_page);
  image = {};
}

std::vector<int> image_positions(const ImagePositionArgs& args) {
  const int last_boundary = args.prompt_tokens / args.page_tokens * args.page_tokens;
  std::vector<int> wanted = {last_boundary - args.page_tokens, last_boundary, args.suffix_begin,
                             args.prompt_tokens - 1, args.known_length};
  std::sort(wanted.begin(), wanted.end());
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  std::erase_if(wanted, [&](int position) {
    return position <= args.computed || position >= args.prompt_tokens;
  });
  return wanted;
}

}  // namespace hadal
