// What the machine is made of, as far as placing threads goes: NUMA nodes, physical cores and the
// processors this process may use. Read from the kernel's /sys and /proc; moves nothing by itself.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>
#include <vector>

namespace hadal {

// A processor here is what the kernel numbers and schedules on: a hardware thread of a core.
struct NumaNode {
  int id = 0;                           // the kernel's number of the node
  size_t memory_bytes = 0;              // installed at the node; 0 when unknown
  std::vector<int> cpus;                // processors of the node that may be used, ascending
  std::vector<std::vector<int>> cores;  // the same, grouped by physical core; each ascending
};

struct Topology {
  std::vector<NumaNode> nodes;  // those with at least one usable processor, by id; never empty
  int cpu_quota = 0;            // processors' worth of time the control group grants; 0: no limit
  size_t cache_bytes = 0;       // of the largest cache that one processor has; 0 when unknown

  int cpus() const;
  int cores() const;
};

// The processors this process may run on, ascending and never empty.
std::vector<int> allowed_cpus();

// Reads the topology below `root` ("/" but for tests), restricted to `allowed`. Whatever is missing
// or unreadable degrades to one node, to cores of one processor, or to no quota.
Topology read_topology(const std::filesystem::path& root, const std::vector<int>& allowed);

// The topology of this machine, read on first use, before any thread of ours is bound.
const Topology& system_topology();

// How many threads are worth computing with: one for each physical core this process may use (a
// second thread on a core competes for the same arithmetic and the same bandwidth), and no more
// than the quota grants. At least 1.
int worthwhile_threads(const Topology& topology);

struct ThreadPlace {
  int node = 0;  // index into Topology::nodes
  int cpu = -1;  // the processor that is this thread's own; -1 when all are taken
};

// Chooses a place for each of `threads` threads (>= 1). Nodes are filled in proportion to their
// cores, and physical cores before second hardware threads. Sorted by node, so that a node's
// threads have consecutive numbers; thread 0 is on the first node used.
std::vector<ThreadPlace> place_threads(const Topology& topology, int threads);

// Parses a list as the kernel writes it, "0-3,8,10-11", into ascending numbers. Anything malformed
// gives an empty list.
std::vector<int> parse_cpu_list(std::string_view text);

}  // namespace hadal
