#include "measure/workload/endless_cache.h"

#include <algorithm>

#include "base/as_size.h"
#include "measure/workload/random_stream.h"

namespace hadal {

size_t EndlessCache::EdgeHash::operator()(const Edge& edge) const {
  return stream_key({static_cast<uint64_t>(edge.node), static_cast<uint64_t>(edge.first_block)});
}

int EndlessCache::append(int parent, BlockRun run) {
  const auto node = static_cast<int>(nodes_.size());
  nodes_.push_back(run);
  children_[{parent, run.first}] = node;
  return node;
}

int64_t EndlessCache::insert(const std::vector<BlockRun>& blocks) {
  int64_t hits = 0;
  int node = 0;
  for (size_t i = 0; i < blocks.size(); ++i) {
    BlockRun rest = blocks[i];
    while (rest.count > 0) {
      const auto found = children_.find({node, rest.first});
      if (found == children_.end()) {
        node = append(node, rest);
        break;
      }
      const int child = found->second;
      const BlockRun run = nodes_[as_size(child)];
      const int64_t common = std::min(run.count, rest.count);
      hits += common;
      rest.first += common;
      rest.count -= common;
      if (common == run.count) {
        node = child;
        continue;
      }
      if (rest.count == 0 && i + 1 == blocks.size()) break;  // ends within the run
      // The prompt leaves the run here: its head becomes a node of its own.
      const BlockRun tail{.first = run.first + common, .count = run.count - common};
      const int head = append(node, {.first = run.first, .count = common});
      nodes_[as_size(child)] = tail;
      children_[{head, tail.first}] = child;
      node = head;
    }
  }
  return hits;
}

}  // namespace hadal
