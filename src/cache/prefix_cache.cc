#include "cache/prefix_cache.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace hadal {
namespace {

CacheFileName page_name(const PrefixChain& chain, int index) {
  return {.kind = CacheFileKind::kPage, .key = chain.key(index + 1)};
}

std::span<const int32_t> range(std::span<const int32_t> tokens, int begin, int end) {
  return tokens.subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
}

}  // namespace

PrefixCache::PrefixCache(BlockPool& pool, const CacheGeometry& geometry, DiskTier* disk)
    : pool_(pool),
      geometry_(geometry),
      disk_(disk),
      secret_(disk != nullptr ? disk->secret() : random_secret()),
      index_(pool, geometry) {}

PrefixHandle PrefixCache::handle(std::string_view salt) const {
  return {.chain = PrefixChain(secret_, salt, geometry_.page_tokens)};
}

// The longest image on disk that goes beyond `match`, where memory and disk together have all the
// pages before it. `tokens` ends at the limit.
std::optional<PrefixCache::DiskFind> PrefixCache::find_on_disk(const PrefixChain& chain,
                                                               std::span<const int32_t> tokens,
                                                               const PrefixMatch& match) const {
  const int page = geometry_.page_tokens;
  const auto limit = static_cast<int>(tokens.size());
  int pages = match.known_length / page;
  while (pages < limit / page && disk_->has(page_name(chain, pages))) ++pages;
  for (; pages >= 0 && (pages + 1) * page > match.length; --pages) {
    for (const DiskCatalogue::Image& image : disk_->images_on(chain.key(pages))) {
      if (image.length <= match.length || image.length > limit) continue;
      if (image.length != pages * page + image.tail || image.tail >= page) continue;
      if (image.blocks != blocks_for_image(geometry_, image.length)) continue;
      if (chain.image_key(pages, range(tokens, pages * page, image.length)) == image.name.key) {
        return DiskFind{.pages = pages, .image = image};
      }
    }
  }
  return std::nullopt;
}

std::unique_ptr<PrefixCache::Promotion> PrefixCache::begin_promotion(
    PrefixHandle& handle, std::span<const int32_t> tokens, int limit) {
  if (disk_ == nullptr) return nullptr;
  handle.chain.cover(tokens);
  const PrefixMatch match = index_.find(handle.chain, tokens, limit);
  const auto found = find_on_disk(handle.chain, tokens.first(static_cast<size_t>(limit)), match);
  if (!found) return nullptr;

  const int page = geometry_.page_tokens;
  auto promotion = std::make_unique<Promotion>();
  Promotion& p = *promotion;
  p.handle = &handle;
  const auto needed_tokens = range(tokens, 0, found->image.length);
  p.tokens.assign(needed_tokens.begin(), needed_tokens.end());
  p.first_page = std::min(match.known_length / page, found->pages);
  index_.hold_pages(handle.chain, tokens, p.first_page, p.held);
  const int pages = found->pages - p.first_page;
  const int image_blocks = found->image.blocks;
  if (!index_.make_room(pages + image_blocks)) {
    pool_.release(p.held);
    return nullptr;
  }
  const bool taken =
      pool_.allocate(pages, p.pages, BlockKind::kPage) &&
      pool_.allocate(geometry_.state_units, p.state_units, BlockKind::kImage) &&
      pool_.allocate(image_blocks - geometry_.state_units, p.partial_page, BlockKind::kImage);
  HADAL_CHECK(taken);

  const auto item = [&](const CacheFileName& name, int after_pages, int end) {
    const auto own = range(tokens, after_pages * page, end);
    return DiskReadItem{.name = name,
                        .parent = handle.chain.key(after_pages),
                        .tokens = {own.begin(), own.end()},
                        .blocks = {}};
  };
  std::vector<DiskReadItem> items;
  for (int i = 0; i < pages; ++i) {
    const int index = p.first_page + i;
    items.push_back(item(page_name(handle.chain, index), index, (index + 1) * page));
    items.back().blocks.push_back(pool_.view().block(p.pages[static_cast<size_t>(i)]));
  }
  items.push_back(item(found->image.name, found->pages, found->image.length));
  for (const auto* blocks : {&p.state_units, &p.partial_page}) {
    for (const int32_t id : *blocks) items.back().blocks.push_back(pool_.view().block(id));
  }
  p.read = disk_->read(std::move(items));
  return promotion;
}

bool PrefixCache::finish_promotion(std::unique_ptr<Promotion> promotion) {
  Promotion& p = *promotion;
  p.read->wait();
  const std::vector<DiskReadItem>& items = p.read->items;
  size_t good = 0;
  while (good < p.pages.size() && items[good].good &&
         items[good].length ==
             (p.first_page + static_cast<int>(good) + 1) * geometry_.page_tokens) {
    ++good;
  }
  std::vector<int32_t> useless(p.pages.begin() + static_cast<std::ptrdiff_t>(good), p.pages.end());
  p.pages.resize(good);
  const int pages_there = index_.adopt_pages(p.handle->chain, p.tokens, p.first_page, p.pages);
  pool_.release(useless);

  const DiskReadItem& image = items.back();
  const auto length = static_cast<int>(p.tokens.size());
  const bool usable =
      image.good && image.length == length && pages_there == length / geometry_.page_tokens;
  if (usable) {
    StateImage state{.state_units = std::move(p.state_units),
                     .partial_page = std::move(p.partial_page),
                     .tail = image.tokens,
                     .length = image.length,
                     .drafter_rows = image.drafter_rows};
    index_.adopt_image(p.handle->chain, p.tokens, std::move(state));
  } else {
    pool_.release(p.state_units);
    pool_.release(p.partial_page);
  }
  pool_.release(p.held);
  return usable;
}

std::optional<PrefixIndex::Started> PrefixCache::start(PrefixHandle& handle, const StartArgs& args,
                                                       SequenceCache& cache) {
  handle.chain.cover(args.tokens);
  auto started = index_.start({.chain = handle.chain,
                               .tokens = args.tokens,
                               .limit = args.limit,
                               .reserve_tokens = args.reserve_tokens},
                              cache);
  if (started && started->match.length > 0) {
    touch_on_disk(handle.chain, args.tokens, started->match.length);
  }
  return started;
}

// Also the image at `length`, if there is one.
void PrefixCache::touch_on_disk(const PrefixChain& chain, std::span<const int32_t> tokens,
                                int length) {
  if (disk_ == nullptr) return;
  const int pages = length / geometry_.page_tokens;
  std::vector<CacheFileName> names;
  for (int i = 0; i < pages; ++i) names.push_back(page_name(chain, i));
  names.push_back(
      {.kind = CacheFileKind::kImage,
       .key = chain.image_key(pages, range(tokens, pages * geometry_.page_tokens, length))});
  disk_->touch(std::move(names));
}

void PrefixCache::add_pages(PrefixHandle& handle, std::span<const int32_t> tokens,
                            SequenceCache& cache) {
  index_.add_pages(handle.chain, tokens, cache);
  if (disk_ == nullptr) return;
  const int page = geometry_.page_tokens;
  for (; handle.offered_pages < cache.length / page; ++handle.offered_pages) {
    const int index = handle.offered_pages;
    const std::byte* const block = pool_.view().block(cache.pages[static_cast<size_t>(index)]);
    disk_->store({.name = page_name(handle.chain, index),
                  .parent = handle.chain.key(index),
                  .length = (index + 1) * page,
                  .tokens = range(tokens, index * page, (index + 1) * page),
                  .blocks = {&block, 1}});
  }
}

bool PrefixCache::add_image(PrefixHandle& handle, std::span<const int32_t> tokens,
                            SequenceCache& cache) {
  const bool in_memory = index_.add_image(handle.chain, tokens, cache);
  store_image(handle, tokens, cache);
  return in_memory;
}

void PrefixCache::keep(PrefixHandle& handle, std::span<const int32_t> tokens,
                       SequenceCache& cache) {
  store_image(handle, tokens, cache);
  index_.keep(handle.chain, tokens, cache);
}

bool PrefixCache::store_image(PrefixHandle& handle, std::span<const int32_t> tokens,
                              SequenceCache& cache) {
  add_pages(handle, tokens, cache);
  if (disk_ == nullptr) return false;
  const int pages = cache.length / geometry_.page_tokens;
  const auto tail = range(tokens, pages * geometry_.page_tokens, cache.length);
  std::vector<const std::byte*> blocks;
  for (const int32_t id : cache.state_units) blocks.push_back(pool_.view().block(id));
  if (!tail.empty()) {
    blocks.push_back(pool_.view().block(cache.pages[static_cast<size_t>(pages)]));
  }
  const bool stored = disk_->store(
      {.name = {.kind = CacheFileKind::kImage, .key = handle.chain.image_key(pages, tail)},
       .parent = handle.chain.key(pages),
       .length = cache.length,
       .drafter_rows = cache.drafter_rows,
       .tokens = tail,
       .blocks = blocks});
  touch_on_disk(handle.chain, tokens, cache.length);
  return stored;
}

}  // namespace hadal
