// What of the prefix index goes when memory is short, and in which order.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "cache/prefix_index.h"

namespace hadal {

// Calls use(earlier) for the images that `image` goes on from, the nearest first.
template <typename Use>
void PrefixIndex::for_each_before(const Image& image, Use use) {
  const std::vector<int32_t>* below = &image.state.tail;
  for (const Node* node = image.node; node != nullptr; node = node->parent) {
    for (const auto& other : node->images) {
      const std::vector<int32_t>& tail = other->state.tail;
      if (other.get() == &image || tail.size() > below->size()) continue;
      if (std::equal(tail.begin(), tail.end(), below->begin())) use(*other);
    }
    below = &node->tokens;
  }
}

void PrefixIndex::extend_those_before(const Image& image) {
  for_each_before(image, [&](Image& earlier) {
    if (earlier.extended++ == 0) reprioritise(earlier);
  });
}

// Whether the only sequence that came this way has left a later image, from which its next turn
// will resume. Beginnings that several share are resumed from again, or lead to several pages.
bool PrefixIndex::is_left_behind(const Image& image) {
  return image.extended > 0 && image.starts <= 1 && image.node->children <= 1;
}

// Tokens that would have to be computed again without the image, over the blocks that would be
// free: its own, and the pages that then lead nowhere; times kScale. What is left behind serves
// answers that are asked for again and questions put otherwise, which are rarer than next turns: it
// counts for one part in kRarer. Of 2, 16, 64 and 256 the simulation of docs/planning.md, "Fleets",
// hit most with 64.
int64_t PrefixIndex::value_of(const Image& image) const {
  constexpr int64_t kScale = 1024;
  constexpr int64_t kRarer = 64;
  const int64_t scale = is_left_behind(image) ? kScale / kRarer : kScale;
  int freed = image.state.blocks();
  int saved = image.state.length;
  bool alone = true;
  const std::vector<int32_t>* below = &image.state.tail;  // the tokens that follow `node`
  for (const Node* node = image.node; node != nullptr; node = node->parent) {
    int resume = 0;
    for (const auto& other : node->images) {
      if (other.get() == &image) continue;
      alone = false;
      const std::vector<int32_t>& tail = other->state.tail;
      if (tail.size() <= below->size() && std::equal(tail.begin(), tail.end(), below->begin())) {
        resume = std::max(resume, other->state.length);
      }
    }
    below = &node->tokens;
    alone = alone && node->children <= (node == image.node ? 0 : 1);
    if (alone && node->block >= 0) ++freed;
    if (resume > 0) {
      saved -= resume;
      break;
    }
  }
  return saved * scale / freed;
}

void PrefixIndex::touch(Image& image) {
  by_priority_.erase({image.priority, image.used, &image});
  image.used = ++clock_;
  image.age = age_;
  reprioritise(image);
}

void PrefixIndex::reprioritise(Image& image) {
  by_priority_.erase({image.priority, image.used, &image});
  image.priority = image.age + value_of(image);
  by_priority_.emplace(image.priority, image.used, &image);
}

void PrefixIndex::unlist_bare(Node& node) { bare_.erase({node.used, &node}); }

void PrefixIndex::list_if_bare(Node& node) {
  if (node.block >= 0 && node.bare()) bare_.emplace(node.used, &node);
}

void PrefixIndex::drop_node(Node& node) {
  HADAL_CHECK(node.bare());
  unlist_bare(node);
  if (node.block >= 0) {
    pool_.set_indexed(node.block, false);
    pool_.release(node.block);
    --statistics_.pages;
  }
  Node* parent = node.parent;
  nodes_.erase(Hash128(node.key));
  if (parent == nullptr) return;
  --parent->children;
  if (parent->parent != nullptr) {
    list_if_bare(*parent);
  } else if (parent->bare()) {
    drop_node(*parent);
  }
}

void PrefixIndex::drop_image(Image& image) {
  Node& node = *image.node;
  by_priority_.erase({image.priority, image.used, &image});
  --statistics_.images;
  statistics_.image_blocks -= image.state.blocks();
  for (const auto* blocks : {&image.state.state_units, &image.state.partial_page}) {
    for (const int32_t id : *blocks) pool_.set_indexed(id, false);
  }
  // One that came between others knows nothing of those that were there before it.
  for_each_before(image,
                  [](Image& earlier) { earlier.extended = std::max(0, earlier.extended - 1); });
  release_image(pool_, image.state);
  std::erase_if(node.images, [&](const auto& entry) { return entry.get() == &image; });
  if (node.parent != nullptr) {
    list_if_bare(node);
  } else if (node.bare()) {
    drop_node(node);
  }
}

bool PrefixIndex::evict_bare_page() {
  // Those in use are at most as many as there are running sequences.
  for (const auto& [used, node] : bare_) {
    if (pool_.references(node->block) > 1) continue;
    drop_node(*node);
    ++statistics_.evicted_pages;
    return true;
  }
  return false;
}

bool PrefixIndex::evict_image() {
  auto next = by_priority_.begin();
  while (next != by_priority_.end()) {
    Image& image = *std::get<Image*>(*next);
    if (image.pinned) {
      ++next;
      continue;
    }
    // Its value has changed if images above it came or went.
    if (image.age + value_of(image) > image.priority) {
      reprioritise(image);
      next = by_priority_.begin();
      continue;
    }
    age_ = std::max(age_, image.priority);
    drop_image(image);
    ++statistics_.evicted_images;
    return true;
  }
  return false;
}

bool PrefixIndex::make_room(int blocks) {
  if (blocks > pool_.free_blocks() + pool_.statistics().idle - pinned_blocks_) return false;
  while (pool_.free_blocks() < blocks) {
    if (!evict_bare_page() && !evict_image()) return false;
  }
  return true;
}

void PrefixIndex::clear() {
  while (evict_bare_page() || evict_image()) {
  }
}

}  // namespace hadal
