// The limits that this process lives within, wherever they come from: the machine, its control
// groups (versions 1 and 2, all parents included), resource limits, affinity. The one place that
// reads them. What they mean for threads is topology.h, for the cache cache/kv_memory.h.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace hadal {

// Where limits are read: files of the kernel below `root`, and what system calls tell. Tests have
// machines of their own.
struct MachineSource {
  std::filesystem::path root = "/";                 // proc/ and sys/ below it
  std::vector<int> affinity = {};                   // sched_getaffinity; ascending, never empty
  int64_t physical_bytes = 0;                       // where /proc/meminfo does not tell; 0: unknown
  std::optional<int64_t> address_space_limit = {};  // RLIMIT_AS; none: no limit
  std::optional<int64_t> data_limit = {};           // RLIMIT_DATA

  static MachineSource here();
};

// What a bound on memory counts.
enum class MemoryKind {
  kPages,         // pages in memory. Those of mapped files count too, and leave when room is needed
  kAddressSpace,  // all that is mapped, touched or not, files included
  kPrivate,       // what is this process's own and no file's
};

enum class BoundOrigin { kMachine, kControlGroup, kResourceLimit };

struct MemoryBound {
  std::string name = {};    // "memory.max of /system.slice/hadal.service"
  int64_t limit_bytes = 0;  // in all
  int64_t free_bytes = 0;   // of it still unused; cached files that can be dropped count as unused
  MemoryKind kind = MemoryKind::kPages;
  BoundOrigin origin = BoundOrigin::kMachine;
};

// The machine's own memory first, then everything that limits it further; unlimited ones are left
// out. Empty only where nothing is known at all. A limit of 0 stands; one that is no number, or so
// large that it means none (version 1 writes 2^63 - 4096), does not.
std::vector<MemoryBound> read_memory_bounds(const MachineSource& source);
// Of this process, now.
std::vector<MemoryBound> memory_bounds();

// The least limit_bytes among `bounds`, with a huge one where nothing is known.
MemoryBound least_memory(const std::vector<MemoryBound>& bounds);

// "512 MiB", "1.5 GiB": three digits at most.
std::string short_size(int64_t bytes);
// "512 MiB: memory.max of /system.slice/hadal.service"
std::string describe(const MemoryBound& bound);
// How to raise a bound, for an Error's remedy.
std::string how_to_raise(const MemoryBound& bound);
// " (64 MiB: ulimit -v)" for messages of memory that the system refuses: the bound that makes it
// refuse, and not a control group's, which ends processes instead. Empty where there is none.
std::string memory_limit_note();

struct CpuLimits {
  std::vector<int> cpus = {};  // the processors that may be used; ascending, never empty
  std::string cpus_name = {};  // what leaves others out; empty where all of the machine may be used
  double quota = 0;            // processors' worth of time; 0: no limit
  std::string quota_name = {};  // "cpu.max of /system.slice/hadal.service"

  // The quota in whole processors; 0: no limit. Rounded down, and at least 1: threads of a loop
  // wait for each other, and when the quota of a period is used up, all of them stand still until
  // the next one (usually 100 ms), in the middle of a step.
  int whole_quota() const;
};

CpuLimits read_cpu_limits(const MachineSource& source);
// Of this process, read on first use: before any thread of ours is bound.
const CpuLimits& cpu_limits();

// The processors the calling thread may run on, ascending and never empty.
std::vector<int> allowed_cpus();

// What the stack of a new thread takes of addresses and of private memory; of pages, only what it
// uses.
int64_t thread_stack_bytes();

// Files and connections that this process may have open together; a large number for no limit.
int64_t open_files_limit();

}  // namespace hadal
