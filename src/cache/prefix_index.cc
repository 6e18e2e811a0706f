#include "cache/prefix_index.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace hadal {
namespace {

std::span<const int32_t> tokens_after(std::span<const int32_t> tokens, int pages, int page_tokens) {
  return tokens.subspan(static_cast<size_t>(pages) * static_cast<size_t>(page_tokens));
}

std::span<const int32_t> page_of(std::span<const int32_t> tokens, int index, int page_tokens) {
  return tokens_after(tokens, index, page_tokens).first(static_cast<size_t>(page_tokens));
}

}  // namespace

PrefixIndex::PrefixIndex(BlockPool& pool, const CacheGeometry& geometry)
    : pool_(pool), geometry_(geometry) {}

PrefixIndex::~PrefixIndex() {
  for (auto& [key, node] : nodes_) {
    for (auto& image : node->images) {
      for (const auto* blocks : {&image->state.state_units, &image->state.partial_page}) {
        for (const int32_t id : *blocks) pool_.set_indexed(id, false);
      }
      release_image(pool_, image->state);
    }
    if (node->block < 0) continue;
    pool_.set_indexed(node->block, false);
    pool_.release(node->block);
  }
}

PrefixIndex::Node* PrefixIndex::root(const PrefixChain& chain) const {
  const auto found = nodes_.find(chain.key(0));
  if (found == nodes_.end()) return nullptr;
  Node* node = found->second.get();
  return node->parent == nullptr && node->salt == chain.salt() ? node : nullptr;
}

PrefixIndex::Node* PrefixIndex::child(Node* parent, const PrefixChain& chain,
                                      std::span<const int32_t> tokens) const {
  const auto found = nodes_.find(chain.key(parent->pages + 1));
  if (found == nodes_.end() || found->second->parent != parent) return nullptr;
  const auto page = page_of(tokens, parent->pages, geometry_.page_tokens);
  return std::ranges::equal(found->second->tokens, page) ? found->second.get() : nullptr;
}

PrefixIndex::Image* PrefixIndex::image_with(Node& node, std::span<const int32_t> tail) {
  for (const auto& image : node.images) {
    if (std::ranges::equal(image->state.tail, tail)) return image.get();
  }
  return nullptr;
}

PrefixIndex::Place PrefixIndex::locate(const PrefixChain& chain, std::span<const int32_t> tokens,
                                       int limit) const {
  Place place{.deepest = root(chain)};
  if (place.deepest == nullptr) return place;
  HADAL_CHECK(limit >= 0 && static_cast<size_t>(limit) <= tokens.size());
  const int full_pages = limit / geometry_.page_tokens;
  HADAL_CHECK(chain.pages() >= full_pages);
  while (place.deepest->pages < full_pages) {
    Node* next = child(place.deepest, chain, tokens);
    if (next == nullptr) break;
    place.deepest = next;
  }
  const auto usable = tokens.first(static_cast<size_t>(limit));
  for (Node* node = place.deepest; node != nullptr && place.image == nullptr; node = node->parent) {
    const auto rest = tokens_after(usable, node->pages, geometry_.page_tokens);
    for (const auto& image : node->images) {
      const std::vector<int32_t>& tail = image->state.tail;
      if (tail.size() > rest.size() || !std::equal(tail.begin(), tail.end(), rest.begin())) {
        continue;
      }
      if (place.image == nullptr || image->state.length > place.image->state.length) {
        place.image = image.get();
      }
    }
  }
  return place;
}

PrefixMatch PrefixIndex::find(const PrefixChain& chain, std::span<const int32_t> tokens,
                              int limit) const {
  return match_at(locate(chain, tokens, limit));
}

PrefixMatch PrefixIndex::match_at(const Place& place) const {
  PrefixMatch match;
  if (place.image != nullptr) match.length = place.image->state.length;
  if (place.deepest != nullptr) match.known_length = place.deepest->pages * geometry_.page_tokens;
  match.known_length = std::max(match.known_length, match.length);
  return match;
}

std::optional<PrefixIndex::Started> PrefixIndex::start(const StartArgs& args,
                                                       SequenceCache& cache) {
  HADAL_CHECK(cache.pages.empty() && cache.state_units.empty());
  const Place place = locate(args.chain, args.tokens, args.limit);
  Started started{.match = match_at(place)};
  Image* image = place.image;
  const int length = started.match.length;
  const int reserve = std::max(args.reserve_tokens, length);
  const int shared = length / geometry_.page_tokens;
  if (image != nullptr) {
    for (Node* node = image->node; node->parent != nullptr; node = node->parent) {
      cache.pages.push_back(node->block);
      pool_.retain(node->block);
    }
    std::reverse(cache.pages.begin(), cache.pages.end());
    image->pinned = true;
    pinned_blocks_ += image->state.blocks();
  }
  const bool room = make_room(blocks_for_sequence(geometry_, reserve) - shared) &&
                    reserve_sequence(pool_, geometry_, reserve, cache);
  if (image != nullptr) {
    image->pinned = false;
    pinned_blocks_ -= image->state.blocks();
  }
  if (!room) {
    release_sequence(pool_, cache);
    return std::nullopt;
  }
  ++statistics_.lookups;
  statistics_.looked_up_tokens += args.limit;
  statistics_.lost_tokens += started.match.known_length - length;
  if (image == nullptr) return started;
  restore_image(pool_, geometry_, image->state, cache);
  ++image->starts;
  touch(*image);
  ++statistics_.hits;
  statistics_.hit_tokens += length;
  return started;
}

PrefixIndex::Node* PrefixIndex::ensure_root(const PrefixChain& chain) {
  if (Node* node = root(chain)) return node;
  const auto [place, added] = nodes_.try_emplace(chain.key(0), nullptr);
  if (!added) return nullptr;  // another prefix has this key
  place->second = std::make_unique<Node>();
  place->second->key = chain.key(0);
  place->second->salt = chain.salt();
  return place->second.get();
}

PrefixIndex::Node* PrefixIndex::add_node(Node* parent, const PrefixChain& chain,
                                         std::span<const int32_t> tokens, int32_t block) {
  const int index = parent->pages;
  const auto [place, added] = nodes_.try_emplace(chain.key(index + 1), nullptr);
  if (!added) return nullptr;
  const auto page = page_of(tokens, index, geometry_.page_tokens);
  place->second = std::make_unique<Node>();
  Node* node = place->second.get();
  node->key = chain.key(index + 1);
  node->parent = parent;
  node->pages = index + 1;
  node->block = block;
  node->tokens.assign(page.begin(), page.end());
  node->used = ++clock_;
  pool_.set_indexed(block, true);
  unlist_bare(*parent);
  ++parent->children;
  list_if_bare(*node);
  ++statistics_.pages;
  return node;
}

PrefixIndex::Node* PrefixIndex::node_at(const PrefixChain& chain, std::span<const int32_t> tokens,
                                        int pages) const {
  Node* node = root(chain);
  while (node != nullptr && node->pages < pages) node = child(node, chain, tokens);
  return node;
}

void PrefixIndex::add_pages(PrefixChain& chain, std::span<const int32_t> tokens,
                            SequenceCache& cache) {
  place_pages(chain, tokens, cache);
}

PrefixIndex::Node* PrefixIndex::place_pages(PrefixChain& chain, std::span<const int32_t> tokens,
                                            SequenceCache& cache) {
  const int full_pages = cache.length / geometry_.page_tokens;
  HADAL_CHECK(static_cast<size_t>(cache.length) <= tokens.size());
  if (full_pages == 0) return nullptr;
  chain.cover(tokens.first(static_cast<size_t>(cache.length)));
  // Pages are added in order and stay while a sequence holds them, so the last one that is there
  // with this very block shows that those before it are.
  int from = full_pages;
  Node* node = nullptr;
  for (; from > 0; --from) {
    const auto found = nodes_.find(chain.key(from));
    if (found == nodes_.end()) continue;
    if (found->second->block == cache.pages[static_cast<size_t>(from - 1)]) {
      node = found->second.get();
    }
    break;
  }
  if (node == nullptr) {
    from = 0;
    node = ensure_root(chain);
  }
  for (int i = from; i < full_pages && node != nullptr; ++i) {
    int32_t& block = cache.pages[static_cast<size_t>(i)];
    Node* next = child(node, chain, tokens);
    if (next == nullptr) {
      next = add_node(node, chain, tokens, block);
      if (next != nullptr) pool_.retain(block);
    } else if (next->block != block) {
      pool_.retain(next->block);
      pool_.release(block);
      block = next->block;
      ++statistics_.shared_pages;
    }
    node = next;
  }
  if (Node* salt = root(chain); salt != nullptr && salt->bare()) {
    drop_node(*salt);
    return nullptr;
  }
  return node;
}

bool PrefixIndex::add_image(PrefixChain& chain, std::span<const int32_t> tokens,
                            SequenceCache& cache) {
  HADAL_CHECK(cache.length > 0);
  Node* node = place_pages(chain, tokens, cache);
  const int full_pages = cache.length / geometry_.page_tokens;
  if (full_pages == 0) node = root(chain);
  const auto tail = tokens_after(tokens.first(static_cast<size_t>(cache.length)), full_pages,
                                 geometry_.page_tokens);
  if (Image* image = node == nullptr ? nullptr : image_with(*node, tail)) {
    touch(*image);
    return true;
  }
  // The sequence holds the pages that the image builds on; only a root may go meanwhile.
  if (!make_room(blocks_for_image(geometry_, cache.length))) return false;
  std::optional<StateImage> image = create_image(pool_, geometry_, cache, tokens);
  HADAL_CHECK(image);
  return hang_image(full_pages == 0 ? ensure_root(chain) : node, std::move(*image));
}

void PrefixIndex::keep(PrefixChain& chain, std::span<const int32_t> tokens, SequenceCache& cache) {
  HADAL_CHECK(cache.length > 0);
  Node* const node = place_pages(chain, tokens, cache);
  const bool has_pages = cache.length >= geometry_.page_tokens;
  StateImage image = move_to_image(pool_, geometry_, cache, tokens);
  hang_image(has_pages ? node : ensure_root(chain), std::move(image));
}

int PrefixIndex::adopt_pages(PrefixChain& chain, std::span<const int32_t> tokens, int first,
                             std::span<const int32_t> blocks) {
  chain.cover(tokens);
  HADAL_CHECK(first + static_cast<int>(blocks.size()) <= chain.pages());
  Node* node = first == 0 && !blocks.empty() ? ensure_root(chain) : node_at(chain, tokens, first);
  for (const int32_t block : blocks) {
    Node* next = node == nullptr ? nullptr : child(node, chain, tokens);
    if (node != nullptr && next == nullptr) {
      next = add_node(node, chain, tokens, block);
      if (next == nullptr) pool_.release(block);
    } else {
      pool_.release(block);
    }
    if (next == nullptr && node != nullptr && node->parent == nullptr && node->bare()) {
      drop_node(*node);
    }
    node = next;
  }
  return node == nullptr ? 0 : node->pages;
}

void PrefixIndex::hold_pages(const PrefixChain& chain, std::span<const int32_t> tokens, int pages,
                             std::vector<int32_t>& blocks) {
  if (pages == 0) return;
  const Node* node = node_at(chain, tokens, pages);
  HADAL_CHECK(node != nullptr);
  std::vector<int32_t> upwards;
  for (; node->parent != nullptr; node = node->parent) {
    pool_.retain(node->block);
    upwards.push_back(node->block);
  }
  blocks.insert(blocks.end(), upwards.rbegin(), upwards.rend());
}

bool PrefixIndex::adopt_image(PrefixChain& chain, std::span<const int32_t> tokens,
                              StateImage image) {
  const int full_pages = image.length / geometry_.page_tokens;
  return hang_image(full_pages == 0 ? ensure_root(chain) : node_at(chain, tokens, full_pages),
                    std::move(image));
}

bool PrefixIndex::hang_image(Node* node, StateImage image) {
  if (node == nullptr || image_with(*node, image.tail) != nullptr) {
    release_image(pool_, image);
    return false;
  }
  auto entry = std::make_unique<Image>();
  entry->state = std::move(image);
  entry->node = node;
  for (const auto* blocks : {&entry->state.state_units, &entry->state.partial_page}) {
    for (const int32_t id : *blocks) pool_.set_indexed(id, true);
  }
  unlist_bare(*node);
  ++statistics_.images;
  statistics_.image_blocks += entry->state.blocks();
  node->images.push_back(std::move(entry));
  Image& added = *node->images.back();
  touch(added);
  extend_those_before(added);
  return true;
}

}  // namespace hadal
