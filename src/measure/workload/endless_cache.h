// A prefix cache that never forgets: how much of each prompt was the beginning of an earlier one.
// The most that any server's cache can give, and what its hit rate is compared with.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "measure/workload/trace.h"

namespace hadal {

class EndlessCache {
 public:
  EndlessCache() : nodes_(1) {}

  // How many of the prompt's first blocks some earlier prompt began with; then remembers this one.
  // Takes time by runs, not by blocks.
  int64_t insert(const std::vector<BlockRun>& blocks);

 private:
  // A tree of runs; the root has none. A run with a branch inside is cut there.
  struct Edge {
    int node;
    int64_t first_block;  // that the child's run begins with
    bool operator==(const Edge&) const = default;
  };
  struct EdgeHash {
    size_t operator()(const Edge& edge) const;
  };
  int append(int parent, BlockRun run);

  std::vector<BlockRun> nodes_;
  std::unordered_map<Edge, int, EdgeHash> children_;
};

}  // namespace hadal
