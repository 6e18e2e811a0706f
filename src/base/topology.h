// What the machine is made of, as far as placing threads goes: NUMA nodes, physical cores and the
// processors of them that this process may use, and how many threads are worth having. Read from
// the kernel's /sys; moves nothing by itself. The limits come from machine.h.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "base/machine.h"

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
  int cpu_quota = 0;            // processors' worth of time that control groups grant; 0: no limit
  size_t cache_bytes = 0;       // of the largest cache that one processor has; 0 when unknown

  int cpus() const;
  int cores() const;
};

// Reads the topology below `root` ("/" but for tests), restricted to what `limits` allow. Whatever
// is missing or unreadable degrades to one node, or to cores of one processor.
Topology read_topology(const std::filesystem::path& root, const CpuLimits& limits);

// The topology of this machine, read on first use, before any thread of ours is bound.
const Topology& system_topology();

// How many threads are worth computing with: one for each physical core this process may use (a
// second thread on a core competes for the same arithmetic and the same bandwidth), and no more
// than the quota grants. At least 1.
int worthwhile_threads(const Topology& topology);

// worthwhile_threads() and what decided it: "1 thread: CPU quota of 1.5, rounded down (cpu.max of
// /x)".
std::string describe_threads(const Topology& topology, const CpuLimits& limits);

struct ThreadPlace {
  int node = 0;  // index into Topology::nodes
  int cpu = -1;  // the processor that is this thread's own; -1 when all are taken
};

// Chooses a place for each of `threads` threads (>= 1). Nodes are filled in proportion to their
// cores, and physical cores before second hardware threads. Sorted by node, so that a node's
// threads have consecutive numbers; thread 0 is on the first node used.
std::vector<ThreadPlace> place_threads(const Topology& topology, int threads);

}  // namespace hadal
