#include "base/machine.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <pthread.h>
#include <sched.h>
#include <string_view>
#include <sys/resource.h>
#include <unistd.h>

#include "base/control_groups.h"
#include "base/error.h"
#include "base/system_files.h"

namespace hadal {
namespace {

constexpr int64_t kKiB = 1024;
// From here on a number is a way to write "no limit".
constexpr int64_t kNoLimit = int64_t{1} << 60;

std::string text_of(const std::string& path) {
  return read_system_file(path).value_or(std::string());
}

std::string at_group(std::string_view file, const ControlGroup& group) {
  // A group at the top of its hierarchy has limits only where that is not the host's.
  if (group.name == "/") return std::string(file) + " of the container";
  return std::string(file) + " of " + printable(group.name);
}

std::optional<int64_t> as_limit(std::string_view text) {
  const std::optional<int64_t> limit = parse_number(text);
  return limit && *limit < kNoLimit ? limit : std::nullopt;
}

int64_t kilobytes(std::string_view text, std::string_view key) {
  const int64_t value = number_of_line(text, key).value_or(0);
  return value < kNoLimit / kKiB ? value * kKiB : 0;
}

// Free memory as /proc/meminfo or a node's has it, with the files that can be dropped.
int64_t free_with_files(std::string_view meminfo, const std::string& prefix) {
  return kilobytes(meminfo, prefix + "MemFree:") + kilobytes(meminfo, prefix + "Active(file):") +
         kilobytes(meminfo, prefix + "Inactive(file):");
}

void add_machine(const MachineSource& source, std::vector<MemoryBound>& bounds) {
  const std::string meminfo = text_of(source.root / "proc/meminfo");
  int64_t total = kilobytes(meminfo, "MemTotal:");
  int64_t free = kilobytes(meminfo, "MemAvailable:");
  if (free == 0) free = free_with_files(meminfo, "");  // before Linux 3.14
  if (total == 0) total = source.physical_bytes;
  if (free == 0) free = total;
  if (total == 0) return;
  bounds.push_back(
      {.name = "the machine's memory", .limit_bytes = total, .free_bytes = std::min(free, total)});

  // Where memory is promised only as far as it exists, promises count and not pages.
  if (text_of(source.root / "proc/sys/vm/overcommit_memory") == "2") {
    const int64_t limit = kilobytes(meminfo, "CommitLimit:");
    const int64_t promised = kilobytes(meminfo, "Committed_AS:");
    if (limit > 0) {
      bounds.push_back({.name = "the commit limit (vm.overcommit_memory is 2)",
                        .limit_bytes = limit,
                        .free_bytes = std::max<int64_t>(0, limit - promised),
                        .kind = MemoryKind::kPrivate});
    }
  }
}

// The memory of some NUMA nodes only, as a cpuset allows.
void add_nodes(const MachineSource& source, std::vector<MemoryBound>& bounds) {
  const std::string status = text_of(source.root / "proc/self/status");
  const auto list = rest_of_line(status, "Mems_allowed_list:");
  if (!list) return;
  const auto folder = source.root / "sys/devices/system/node";
  const std::vector<int> allowed = parse_cpu_list(*list);
  const std::vector<int> online = parse_cpu_list(text_of(folder / "online"));
  std::vector<int> usable;
  std::set_intersection(allowed.begin(), allowed.end(), online.begin(), online.end(),
                        std::back_inserter(usable));
  if (usable.empty() || usable.size() == online.size()) return;
  MemoryBound bound{.name = "the memory of NUMA nodes " + std::string(*list) + " (cpuset.mems)"};
  for (const int node : usable) {
    const std::string number = std::to_string(node);
    const std::string meminfo = text_of(folder / ("node" + number) / "meminfo");
    const std::string prefix = "Node " + number + " ";
    bound.limit_bytes += kilobytes(meminfo, prefix + "MemTotal:");
    bound.free_bytes += free_with_files(meminfo, prefix);
  }
  if (bound.limit_bytes > 0) bounds.push_back(std::move(bound));
}

// Files in memory that leave it when room is needed. Active ones count: mapped weights become
// active, and plans that leave room for the weights would leave it twice.
int64_t droppable(std::string_view stat, const std::string& prefix) {
  int64_t bytes = 0;
  for (const char* const list : {"inactive_file ", "active_file "}) {
    const int64_t files = number_of_line(stat, prefix + list).value_or(0);
    if (files < kNoLimit) bytes += files;
  }
  return bytes;
}

struct GroupUse {
  std::optional<int64_t> used;
  int64_t droppable = 0;
};

void add_group_bound(std::string name, std::optional<int64_t> limit, const GroupUse& use,
                     int64_t own_use, std::vector<MemoryBound>& bounds) {
  if (!limit) return;
  const int64_t used = use.used ? std::max<int64_t>(0, *use.used - use.droppable) : own_use;
  bounds.push_back({.name = std::move(name),
                    .limit_bytes = *limit,
                    .free_bytes = std::max<int64_t>(0, *limit - used),
                    .origin = BoundOrigin::kControlGroup});
}

void add_groups(const MachineSource& source, std::vector<MemoryBound>& bounds) {
  const std::string status = text_of(source.root / "proc/self/status");
  const int64_t own_use = kilobytes(status, "RssAnon:");
  // What groups above grant that a container does not see. Their use is not seen either.
  std::optional<int64_t> granted;
  GroupUse own_group_use;
  std::string own_group;
  int64_t least = kNoLimit;
  for (const ControlGroup& group : ControlGroups(source.root).of("memory")) {
    const auto number = [&](const char* file) {
      return as_limit(text_of(group.folder + "/" + file));
    };
    if (group.version == 2) {
      const auto most = number("memory.max");
      const auto high = number("memory.high");
      if (!most && !high) continue;
      const std::string stat = text_of(group.folder + "/memory.stat");
      const GroupUse use{.used = number("memory.current"), .droppable = droppable(stat, "")};
      add_group_bound(at_group("memory.max", group), most, use, own_use, bounds);
      add_group_bound(at_group("memory.high", group), high, use, own_use, bounds);
      continue;
    }
    const std::string stat = text_of(group.folder + "/memory.stat");
    int64_t files = droppable(stat, "total_");  // with the groups below
    if (files == 0) files = droppable(stat, "");
    const GroupUse use{.used = number("memory.usage_in_bytes"), .droppable = files};
    const auto most = number("memory.limit_in_bytes");
    least = std::min(least, most.value_or(kNoLimit));
    add_group_bound(at_group("memory.limit_in_bytes", group), most, use, own_use, bounds);
    if (!granted) {
      granted = number_of_line(stat, "hierarchical_memory_limit ");
      own_group_use = use;
      own_group = group.name;
    }
  }
  if (granted && *granted < least) {
    add_group_bound("memory.limit_in_bytes of a group above " + printable(own_group), granted,
                    own_group_use, own_use, bounds);
  }
}

void add_resource_limits(const MachineSource& source, std::vector<MemoryBound>& bounds) {
  if (!source.address_space_limit && !source.data_limit) return;
  const std::string status = text_of(source.root / "proc/self/status");
  const auto add = [&](std::optional<int64_t> limit, const char* name, const char* use,
                       MemoryKind kind) {
    if (!limit || *limit >= kNoLimit) return;
    bounds.push_back({.name = name,
                      .limit_bytes = *limit,
                      .free_bytes = std::max<int64_t>(0, *limit - kilobytes(status, use)),
                      .kind = kind,
                      .origin = BoundOrigin::kResourceLimit});
  };
  add(source.address_space_limit, "ulimit -v", "VmSize:", MemoryKind::kAddressSpace);
  add(source.data_limit, "ulimit -d", "VmData:", MemoryKind::kPrivate);
}

// A group's processors' worth of time; nothing where it has no limit.
std::optional<double> quota_of(const ControlGroup& group) {
  std::optional<int64_t> quota;
  std::optional<int64_t> period;
  if (group.version == 2) {  // "150000 100000", "max 100000"
    const std::string text = text_of(group.folder + "/cpu.max");
    const size_t blank = std::min(text.find(' '), text.size());
    quota = parse_number(std::string_view(text).substr(0, blank));
    period = parse_number(std::string_view(text).substr(std::min(blank + 1, text.size())));
  } else {  // -1 for none
    quota = parse_number(text_of(group.folder + "/cpu.cfs_quota_us"));
    period = parse_number(text_of(group.folder + "/cpu.cfs_period_us"));
  }
  // The kernel grants no group less than a millisecond, so 0 is no quota of its making.
  if (!quota || !period || *quota == 0 || *period == 0) return std::nullopt;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

std::optional<int64_t> resource_limit(__rlimit_resource_t resource) {
  rlimit limit = {};
  if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return std::nullopt;
  return static_cast<int64_t>(std::min<rlim_t>(limit.rlim_cur, kNoLimit));
}

}  // namespace

MachineSource MachineSource::here() {
  const int64_t pages = sysconf(_SC_PHYS_PAGES);
  const int64_t page = sysconf(_SC_PAGESIZE);
  return {.affinity = allowed_cpus(),
          .physical_bytes = pages > 0 && page > 0 ? pages * page : 0,
          .address_space_limit = resource_limit(RLIMIT_AS),
          .data_limit = resource_limit(RLIMIT_DATA)};
}

std::vector<MemoryBound> read_memory_bounds(const MachineSource& source) {
  std::vector<MemoryBound> bounds;
  add_machine(source, bounds);
  add_nodes(source, bounds);
  add_groups(source, bounds);
  add_resource_limits(source, bounds);
  return bounds;
}

std::vector<MemoryBound> memory_bounds() { return read_memory_bounds(MachineSource::here()); }

MemoryBound least_memory(const std::vector<MemoryBound>& bounds) {
  const auto least =
      std::min_element(bounds.begin(), bounds.end(),
                       [](const auto& a, const auto& b) { return a.limit_bytes < b.limit_bytes; });
  if (least != bounds.end()) return *least;
  return {.name = "nothing known", .limit_bytes = kNoLimit, .free_bytes = kNoLimit};
}

std::string short_size(int64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 1000 && unit + 1 < std::size(kUnits); ++unit) value /= 1024;
  char text[32];
  std::snprintf(text, sizeof(text), "%.3g %s", value, kUnits[unit]);
  return text;
}

std::string describe(const MemoryBound& bound) {
  return short_size(bound.limit_bytes) + ": " + bound.name;
}

std::string how_to_raise(const MemoryBound& bound) {
  switch (bound.origin) {
    case BoundOrigin::kMachine:
      return "use a machine with more memory";
    case BoundOrigin::kControlGroup:
      return "raise it (MemoryMax= and MemoryHigh= of a service, --memory of a container)";
    case BoundOrigin::kResourceLimit:
      return "raise it (" + bound.name + " of the shell, " +
             (bound.kind == MemoryKind::kAddressSpace ? "LimitAS=" : "LimitDATA=") +
             " of a service)";
  }
  return "";
}

std::string memory_limit_note() {
  std::vector<MemoryBound> bounds = memory_bounds();
  std::erase_if(bounds, [](const auto& bound) { return bound.kind == MemoryKind::kPages; });
  if (bounds.empty()) return "";
  return " (" +
         describe(*std::min_element(
             bounds.begin(), bounds.end(),
             [](const auto& a, const auto& b) { return a.free_bytes < b.free_bytes; })) +
         ")";
}

int CpuLimits::whole_quota() const {
  if (quota <= 0) return 0;
  return static_cast<int>(std::clamp(std::floor(quota), 1.0, static_cast<double>(kMaxCpus)));
}

CpuLimits read_cpu_limits(const MachineSource& source) {
  CpuLimits limits{.cpus = source.affinity};
  const ControlGroups groups(source.root);
  const std::vector<int> online =
      parse_cpu_list(text_of(source.root / "sys/devices/system/cpu/online"));
  if (limits.cpus.size() < online.size()) limits.cpus_name = "the affinity of this process";
  for (const ControlGroup& group : groups.of("cpuset")) {
    std::string file = group.version == 2 ? "cpuset.cpus.effective" : "cpuset.effective_cpus";
    std::vector<int> cpus = parse_cpu_list(text_of(group.folder + "/" + file));
    if (cpus.empty() && group.version == 1) {
      file = "cpuset.cpus";
      cpus = parse_cpu_list(text_of(group.folder + "/" + file));
    }
    std::vector<int> common;
    std::set_intersection(cpus.begin(), cpus.end(), limits.cpus.begin(), limits.cpus.end(),
                          std::back_inserter(common));
    // The kernel has already left out of the affinity what a cpuset forbids; the cpuset is the
    // reason where nothing but it is missing. Of equal ones the topmost is.
    if (common.empty() || (!online.empty() && cpus.size() >= online.size())) continue;
    if (cpus.size() > limits.cpus.size()) continue;
    limits.cpus = std::move(common);
    limits.cpus_name = at_group(file, group);
  }
  for (const ControlGroup& group : groups.of("cpu")) {
    const std::optional<double> quota = quota_of(group);
    if (!quota || (limits.quota > 0 && *quota >= limits.quota)) continue;
    limits.quota = *quota;
    limits.quota_name = at_group(group.version == 2 ? "cpu.max" : "cpu.cfs_quota_us", group);
  }
  return limits;
}

const CpuLimits& cpu_limits() {
  static const CpuLimits limits = read_cpu_limits(MachineSource::here());
  return limits;
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

int64_t thread_stack_bytes() {
  size_t bytes = 0;
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return 0;
  if (pthread_attr_getstacksize(&attributes, &bytes) != 0) bytes = 0;
  pthread_attr_destroy(&attributes);
  return static_cast<int64_t>(std::min<size_t>(bytes, size_t{1} << 40));
}

int64_t open_files_limit() {
  return resource_limit(RLIMIT_NOFILE).value_or(std::numeric_limits<int32_t>::max());
}

}  // namespace hadal
