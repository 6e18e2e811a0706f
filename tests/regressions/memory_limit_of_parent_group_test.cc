// serve planned a cache for the whole machine under a limit of 512 MiB: it read memory.max at the
// mount of version 2 alone, while systemd puts the limit on a nested group, and version 1 has
// another file.
#include <gtest/gtest.h>

#include "base/machine.h"
#include "cache/kv_memory.h"
#include "support/fake_machine.h"

namespace hadal {
namespace {

constexpr size_t kLimit = 512 << 20;

KvMemoryPlan plan_on(const FakeMachine& machine) {
  CacheGeometry geometry;
  geometry.page_tokens = 256;
  geometry.block_bytes = size_t{1} << 20;
  geometry.state_units = 1;
  machine.write("proc/meminfo", "MemTotal: 16777216 kB\nMemAvailable: 16000000 kB");
  return plan_kv_memory({.geometry = geometry,
                         .bounds = read_memory_bounds({.root = machine.root(), .affinity = {0}})});
}

TEST(MemoryLimitOfParentGroup, HoldsForTheGroupsBelow) {
  for (const char* const own : {"", "/system.slice/hadal.service", "/system.slice"}) {
    const FakeMachine machine("parent_group");
    machine.write("proc/self/cgroup", "0::/system.slice/hadal.service/worker");
    machine.write("proc/self/mountinfo", "30 22 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw");
    machine.write("sys/fs/cgroup" + std::string(own) + "/memory.max", std::to_string(kLimit));
    EXPECT_LT(plan_on(machine).bytes, kLimit) << own;
  }
}

TEST(MemoryLimitOfParentGroup, HoldsInVersionOne) {
  for (const char* const own : {"", "/docker/abc", "/docker"}) {
    const FakeMachine machine("parent_group_v1");
    machine.write("proc/self/cgroup", "4:memory:/docker/abc\n0::/");
    machine.write("proc/self/mountinfo",
                  "33 30 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
                  "34 30 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw");
    machine.write("sys/fs/cgroup/memory" + std::string(own) + "/memory.limit_in_bytes",
                  std::to_string(kLimit));
    EXPECT_LT(plan_on(machine).bytes, kLimit) << own;
  }
}

}  // namespace
}  // namespace hadal
