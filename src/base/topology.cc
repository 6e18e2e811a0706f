#include "base/topology.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <sched.h>
#include <string>
#include <system_error>

#include "base/check.h"
#include "base/error.h"
#include "base/files.h"

namespace hadal {
namespace {

// More than any kernel is built for; bounds what a malformed list can make us allocate.
constexpr int kMaxCpus = 1 << 16;
constexpr size_t kMaxSystemFile = size_t{1} << 20;

// The contents without the trailing newline, or nothing when the file cannot be read.
std::optional<std::string> read_system_file(const std::filesystem::path& path) {
  try {
    std::string text = read_text_file(path, kMaxSystemFile);
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
    return text;
  } catch (const Error&) {
    return std::nullopt;
  }
}

template <typename Integer>
std::optional<Integer> parse_integer(std::string_view text) {
  Integer value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

// "Node 0 MemTotal:       12150996 kB" among other lines.
size_t memory_of_node(const std::filesystem::path& folder) {
  const std::string text = read_system_file(folder / "meminfo").value_or("");
  const std::string_view key = "MemTotal:";
  size_t at = text.find(key);
  if (at == std::string::npos) return 0;
  at = text.find_first_not_of(' ', at + key.size());
  if (at == std::string::npos) return 0;
  const size_t end = text.find(' ', at);
  const auto kib = parse_integer<uint64_t>(std::string_view(text).substr(at, end - at));
  return static_cast<size_t>(kib.value_or(0)) * 1024;
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

// The tightest limit of "cpu.max" on the way from the process's control group to the root, in
// processors rounded up. Knows version 2 of control groups only.
int read_cpu_quota(const std::filesystem::path& root) {
  const std::string groups = read_system_file(root / "proc/self/cgroup").value_or("");
  const size_t at = groups.starts_with("0::/") ? 0 : groups.find("\n0::/");
  if (at == std::string::npos) return 0;
  const size_t begin = groups.find("0::/", at) + 4;
  const auto mount = root / "sys/fs/cgroup";
  auto folder = std::filesystem::path(groups.substr(begin, groups.find('\n', begin) - begin));
  int tightest = 0;
  while (true) {
    const std::string text = read_system_file(mount / folder / "cpu.max").value_or("");
    const size_t space = std::min(text.find(' '), text.size());
    const auto quota = parse_integer<int64_t>(std::string_view(text).substr(0, space));
    const auto period =
        parse_integer<int64_t>(std::string_view(text).substr(std::min(space + 1, text.size())));
    if (quota && period && *quota > 0 && *period > 0) {  // "max" is no number
      const int64_t whole = *quota / *period + (*quota % *period != 0 ? 1 : 0);
      const int processors = static_cast<int>(std::min<int64_t>(whole, kMaxCpus));
      tightest = tightest == 0 ? processors : std::min(tightest, processors);
    }
    if (folder.empty()) return tightest;
    folder = folder.parent_path();
  }
}

// "32768K", as the kernel gives the size of a cache.
size_t parse_cache_size(std::string_view text) {
  if (!text.ends_with('K')) return 0;
  const auto kib = parse_integer<uint32_t>(text.substr(0, text.size() - 1));
  return size_t{kib.value_or(0)} * 1024;
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
    NumaNode node{.id = id, .memory_bytes = memory_of_node(node_folder), .cpus = {}, .cores = {}};
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

std::vector<int> allowed_cpus() {
  std::vector<int> cpus;
  // The kernel refuses sets that are smaller than its own.
  for (int capacity = 1024; capacity <= kMaxCpus; capacity *= 2) {
    cpu_set_t* const set = CPU_ALLOC(static_cast<size_t>(capacity));
    if (set == nullptr) break;
    const size_t bytes = CPU_ALLOC_SIZE(static_cast<size_t>(capacity));
    CPU_ZERO_S(bytes, set);
    const bool known = sched_getaffinity(0, bytes, set) == 0;
    for (int cpu = 0; known && cpu < capacity; ++cpu) {
      if (CPU_ISSET_S(static_cast<size_t>(cpu), bytes, set)) cpus.push_back(cpu);
    }
    CPU_FREE(set);
    if (known) break;
  }
  if (cpus.empty()) cpus.push_back(0);
  return cpus;
}

Topology read_topology(const std::filesystem::path& root, const std::vector<int>& allowed) {
  HADAL_CHECK(!allowed.empty() && std::is_sorted(allowed.begin(), allowed.end()));
  Topology topology{.nodes = read_nodes(root, allowed),
                    .cpu_quota = read_cpu_quota(root),
                    .cache_bytes = largest_cache(root, allowed.front())};
  if (topology.cpus() != static_cast<int>(allowed.size())) {
    topology.nodes = {{.id = 0, .memory_bytes = 0, .cpus = allowed, .cores = {}}};
  }
  for (NumaNode& node : topology.nodes) group_into_cores(root, node);
  return topology;
}

const Topology& system_topology() {
  static const Topology topology = read_topology("/", allowed_cpus());
  return topology;
}

int worthwhile_threads(const Topology& topology) {
  const int cores = std::max(1, topology.cores());
  return topology.cpu_quota > 0 ? std::min(cores, topology.cpu_quota) : cores;
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

std::vector<int> parse_cpu_list(std::string_view text) {
  std::vector<int> cpus;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    const std::string_view item = text.substr(0, comma);
    const size_t dash = std::min(item.find('-'), item.size());
    const auto first = parse_integer<int>(item.substr(0, dash));
    const auto last = dash == item.size() ? first : parse_integer<int>(item.substr(dash + 1));
    if (!first || !last || *first > *last || *last >= kMaxCpus) return {};
    if (!cpus.empty() && *first <= cpus.back()) return {};
    for (int cpu = *first; cpu <= *last; ++cpu) cpus.push_back(cpu);
    if (comma + 1 == text.size()) return {};
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return cpus;
}

}  // namespace hadal
