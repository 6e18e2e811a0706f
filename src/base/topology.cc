#include "base/topology.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/system_files.h"

namespace hadal {
namespace {

// "Node 0 MemTotal:       12150996 kB" among other lines.
size_t memory_of_node(const std::filesystem::path& folder, int node) {
  const std::string text = read_system_file(folder / "meminfo").value_or("");
  const auto kib = number_of_line(text, "Node " + std::to_string(node) + " MemTotal:").value_or(0);
  return kib < (int64_t{1} << 50) ? static_cast<size_t>(kib) * 1024 : 0;
}

// The processors of one core that may be used; at least `cpu` itself.
std::vector<int> siblings_of(const std::filesystem::path& root, int cpu,
                             const std::vector<int>& usable) {
  const auto path = root / "sys/devices/system/cpu" / ("cpu" + std::to_string(cpu)) /
                    "topology/thread_siblings_list";
  std::vector<int> siblings;
  for (const int sibling : parse_cpu_list(read_system_file(path).value_or(""))) {
    if (std::binary_search(usable.begin(), usable.end(), sibling)) siblings.push_back(sibling);
  }
  if (!std::binary_search(siblings.begin(), siblings.end(), cpu)) siblings = {cpu};
  return siblings;
}

void group_into_cores(const std::filesystem::path& root, NumaNode& node) {
  std::vector<int> left = node.cpus;
  while (!left.empty()) {
    const std::vector<int> core = siblings_of(root, left.front(), left);
    std::erase_if(left, [&](int cpu) { return std::binary_search(core.begin(), core.end(), cpu); });
    node.cores.push_back(core);
  }
}

// "32768K", as the kernel gives the size of a cache.
size_t parse_cache_size(std::string_view text) {
  if (!text.ends_with('K')) return 0;
  const int64_t kib = parse_number(text.substr(0, text.size() - 1)).value_or(0);
  return kib < (int64_t{1} << 32) ? static_cast<size_t>(kib) * 1024 : 0;
}

size_t largest_cache(const std::filesystem::path& root, int cpu) {
  constexpr int kMostCaches = 16;
  const auto folder = root / "sys/devices/system/cpu" / ("cpu" + std::to_string(cpu)) / "cache";
  size_t largest = 0;
  for (int i = 0; i < kMostCaches; ++i) {
    const auto text = read_system_file(folder / ("index" + std::to_string(i)) / "size");
    if (!text.has_value()) break;
    largest = std::max(largest, parse_cache_size(*text));
  }
  return largest;
}

std::vector<NumaNode> read_nodes(const std::filesystem::path& root,
                                 const std::vector<int>& allowed) {
  std::vector<NumaNode> nodes;
  const auto folder = root / "sys/devices/system/node";
  for (const int id : parse_cpu_list(read_system_file(folder / "online").value_or(""))) {
    const auto node_folder = folder / ("node" + std::to_string(id));
    NumaNode node{
        .id = id, .memory_bytes = memory_of_node(node_folder, id), .cpus = {}, .cores = {}};
    for (const int cpu : parse_cpu_list(read_system_file(node_folder / "cpulist").value_or(""))) {
      const bool usable = std::binary_search(allowed.begin(), allowed.end(), cpu);
      const bool seen = std::any_of(nodes.begin(), nodes.end(), [&](const NumaNode& other) {
        return std::binary_search(other.cpus.begin(), other.cpus.end(), cpu);
      });
      if (usable && !seen) node.cpus.push_back(cpu);
    }
    if (!node.cpus.empty()) nodes.push_back(std::move(node));
  }
  return nodes;
}

// How many of `threads` each node gets, one after the other to the node that is least filled in
// proportion to its cores, then to its processors, then beyond them.
std::vector<int> threads_of_nodes(const Topology& topology, int threads) {
  std::vector<int> used(topology.nodes.size(), 0);
  for (int thread = 0; thread < threads; ++thread) {
    const bool cores_left = thread < topology.cores();
    const bool cpus_left = thread < topology.cpus();
    size_t best = used.size();
    int64_t best_size = 1;
    for (size_t n = 0; n < used.size(); ++n) {
      const NumaNode& node = topology.nodes[n];
      const auto size = static_cast<int64_t>(cores_left ? node.cores.size() : node.cpus.size());
      if (cpus_left && used[n] >= size) continue;
      if (best == used.size() || used[n] * best_size < used[best] * size) {
        best = n;
        best_size = size;
      }
    }
    ++used[best];
  }
  return used;
}

// The processors of a node in the order they are given out: the first of each core, the second ...
std::vector<int> cores_first(const NumaNode& node) {
  std::vector<int> order;
  for (size_t turn = 0; order.size() < node.cpus.size(); ++turn) {
    for (const std::vector<int>& core : node.cores) {
      if (turn < core.size()) order.push_back(core[turn]);
    }
  }
  return order;
}

}  // namespace

int Topology::cpus() const {
  size_t count = 0;
  for (const NumaNode& node : nodes) count += node.cpus.size();
  return static_cast<int>(count);
}

int Topology::cores() const {
  size_t count = 0;
  for (const NumaNode& node : nodes) count += node.cores.size();
  return static_cast<int>(count);
}

Topology read_topology(const std::filesystem::path& root, const CpuLimits& limits) {
  const std::vector<int>& allowed = limits.cpus;
  HADAL_CHECK(!allowed.empty() && std::is_sorted(allowed.begin(), allowed.end()));
  Topology topology{.nodes = read_nodes(root, allowed),
                    .cpu_quota = limits.whole_quota(),
                    .cache_bytes = largest_cache(root, allowed.front())};
  if (topology.cpus() != static_cast<int>(allowed.size())) {
    topology.nodes = {{.id = 0, .memory_bytes = 0, .cpus = allowed, .cores = {}}};
  }
  for (NumaNode& node : topology.nodes) group_into_cores(root, node);
  return topology;
}

const Topology& system_topology() {
  static const Topology topology = read_topology("/", cpu_limits());
  return topology;
}

int worthwhile_threads(const Topology& topology) {
  const int cores = std::max(1, topology.cores());
  return topology.cpu_quota > 0 ? std::min(cores, topology.cpu_quota) : cores;
}

std::string describe_threads(const Topology& topology, const CpuLimits& limits) {
  const int threads = worthwhile_threads(topology);
  std::string text = std::to_string(threads) + (threads == 1 ? " thread: " : " threads: ");
  if (limits.quota > 0 && limits.whole_quota() < topology.cores()) {
    char quota[32];
    std::snprintf(quota, sizeof(quota), "%.3g", limits.quota);
    return text + "CPU quota of " + quota + (limits.quota > threads ? ", rounded down" : "") +
           " (" + limits.quota_name + ")";
  }
  text += "one for each physical core";
  if (limits.cpus_name.empty()) return text;
  const size_t cpus = limits.cpus.size();
  return text + " of the " + std::to_string(cpus) + (cpus == 1 ? " processor" : " processors") +
         " allowed (" + limits.cpus_name + ")";
}

std::vector<ThreadPlace> place_threads(const Topology& topology, int threads) {
  HADAL_CHECK(threads >= 1 && !topology.nodes.empty());
  const std::vector<int> used = threads_of_nodes(topology, threads);
  std::vector<ThreadPlace> places;
  for (size_t n = 0; n < used.size(); ++n) {
    const std::vector<int> order = cores_first(topology.nodes[n]);
    for (int i = 0; i < used[n]; ++i) {
      const auto at = static_cast<size_t>(i);
      places.push_back({.node = static_cast<int>(n), .cpu = at < order.size() ? order[at] : -1});
    }
  }
  return places;
}

}  // namespace hadal
