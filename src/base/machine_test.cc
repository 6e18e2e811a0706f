#include "base/machine.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <sys/resource.h>
#include <sys/stat.h>
#include <vector>

#include "support/fake_machine.h"

namespace hadal {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;
constexpr int64_t kGiB = int64_t{1} << 30;

// 16 GiB, of which 12 are free, and 8 processors.
class MachineTest : public testing::Test {
 protected:
  MachineTest() : machine_(testing::UnitTest::GetInstance()->current_test_info()->name()) {
    machine_.write("proc/meminfo",
                   "MemTotal:       16777216 kB\nMemFree: 1 kB\n"
                   "MemAvailable:   12582912 kB\nCommitLimit: 4194304 kB\n"
                   "Committed_AS: 1048576 kB");
    machine_.write("proc/self/status",
                   "VmSize:\t  307200 kB\nRssAnon:\t   20480 kB\n"
                   "VmData:\t  102400 kB\nMems_allowed_list:\t0-1");
    machine_.write("sys/devices/system/cpu/online", "0-7");
  }

  MachineSource source() const {
    return {.root = machine_.root(), .affinity = {0, 1, 2, 3, 4, 5, 6, 7}, .physical_bytes = kGiB};
  }
  std::vector<MemoryBound> bounds() const { return read_memory_bounds(source()); }
  std::optional<MemoryBound> bound(const std::string& name) const {
    for (const MemoryBound& bound : bounds()) {
      if (bound.name == name) return bound;
    }
    return std::nullopt;
  }

  FakeMachine machine_;
};

TEST_F(MachineTest, KnowsTheMachinesMemory) {
  ASSERT_EQ(bounds().size(), 1U);
  EXPECT_EQ(bounds()[0].limit_bytes, 16 * kGiB);
  EXPECT_EQ(bounds()[0].free_bytes, 12 * kGiB);
  EXPECT_EQ(describe(bounds()[0]), "16 GiB: the machine's memory");
}

TEST_F(MachineTest, DoesWithoutProcAndSys) {
  for (const char* const missing : {"proc/meminfo", "proc", "sys"}) {
    machine_.remove(missing);
    ASSERT_EQ(bounds().size(), 1U) << missing;
    EXPECT_EQ(bounds()[0].limit_bytes, kGiB);  // what the system call says
    EXPECT_EQ(read_cpu_limits(source()).cpus.size(), 8U);
  }
  MachineSource unknown = source();
  unknown.physical_bytes = 0;
  EXPECT_TRUE(read_memory_bounds(unknown).empty());
  EXPECT_GT(least_memory({}).limit_bytes, 1000 * kGiB);
}

TEST_F(MachineTest, AddsUpFreeMemoryForOldKernels) {
  machine_.write("proc/meminfo",
                 "MemTotal: 16777216 kB\nMemFree: 1048576 kB\n"
                 "Active(file): 1048576 kB\nInactive(file): 2097152 kB");
  EXPECT_EQ(bounds()[0].free_bytes, 4 * kGiB);
  machine_.write("proc/meminfo", "MemTotal: 99999999999999999999 kB\nMemAvailable: garbage");
  EXPECT_EQ(bounds()[0].limit_bytes, kGiB);
}

TEST_F(MachineTest, ObeysEveryGroupOnTheWayUp) {
  machine_.write("proc/self/cgroup", "0::/system.slice/hadal.service");
  const std::string top = "sys/fs/cgroup";
  machine_.write(top + "/system.slice/hadal.service/memory.max", "536870912");
  machine_.write(top + "/system.slice/hadal.service/memory.high", "402653184");
  machine_.write(top + "/system.slice/hadal.service/memory.current", "167772160");
  machine_.write(top + "/system.slice/hadal.service/memory.stat",
                 "anon 1\nfile 999999999\ninactive_file 31457280\nactive_file 31457280");
  machine_.write(top + "/system.slice/memory.max", "1073741824");
  machine_.write(top + "/system.slice/memory.current", "943718400");
  const auto most = bound("memory.max of /system.slice/hadal.service");
  ASSERT_TRUE(most.has_value());
  EXPECT_EQ(most->limit_bytes, 512 * kMiB);
  EXPECT_EQ(most->free_bytes, (512 - 160 + 60) * kMiB);
  EXPECT_EQ(most->origin, BoundOrigin::kControlGroup);
  EXPECT_EQ(describe(*most), "512 MiB: memory.max of /system.slice/hadal.service");
  EXPECT_EQ(bound("memory.high of /system.slice/hadal.service")->free_bytes,
            (384 - 160 + 60) * kMiB);
  EXPECT_EQ(bound("memory.max of /system.slice")->free_bytes, (1024 - 900) * kMiB);
  EXPECT_EQ(least_memory(bounds()).name, "memory.high of /system.slice/hadal.service");
}

TEST_F(MachineTest, ObeysTheMountOfANamespace) {
  machine_.write("proc/self/cgroup", "0::/");
  machine_.write("sys/fs/cgroup/memory.max", "1073741824");
  machine_.write("sys/fs/cgroup/memory.current", "garbage");
  const auto limit = bound("memory.max of the container");
  ASSERT_TRUE(limit.has_value());
  EXPECT_EQ(limit->free_bytes, kGiB - 20 * kMiB);  // what the process itself uses
}

TEST_F(MachineTest, ObeysVersionOne) {
  machine_.write("proc/self/cgroup", "4:memory:/a/b\n0::/");
  const std::string own = "sys/fs/cgroup/memory/a/b/";
  machine_.write(own + "memory.limit_in_bytes", "9223372036854771712");
  machine_.write(own + "memory.usage_in_bytes", "104857600");
  machine_.write(own + "memory.stat",
                 "inactive_file 1\ntotal_inactive_file 20971520\n"
                 "total_active_file 0\n"
                 "hierarchical_memory_limit 268435456");
  machine_.write("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "536870912");
  EXPECT_EQ(bounds().size(), 3U);
  EXPECT_EQ(bound("memory.limit_in_bytes of /a")->limit_bytes, 512 * kMiB);
  const auto above = bound("memory.limit_in_bytes of a group above /a/b");
  ASSERT_TRUE(above.has_value());
  EXPECT_EQ(above->free_bytes, (256 - 100 + 20) * kMiB);
  // Where the group that sets it is seen, it is named.
  machine_.write("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "268435456");
  EXPECT_EQ(bounds().size(), 2U);
}

TEST_F(MachineTest, LimitsThatAreNone) {
  machine_.write("proc/self/cgroup", "0::/a");
  for (const std::string& text :
       {std::string("max"), std::string("9223372036854771712"), std::string("9223372036854710272"),
        std::string("18446744073709551615"), std::string("-1"), std::string("512M"),
        std::string(""), std::string("\n\n"), std::string("1 2"), std::string(1 << 21, '9')}) {
    machine_.write("sys/fs/cgroup/a/memory.max", text);
    machine_.write("sys/fs/cgroup/memory/memory.limit_in_bytes", text);
    machine_.write("sys/fs/cgroup/a/cpu.max", text + " 100000");
    EXPECT_EQ(bounds().size(), 1U) << text.substr(0, 40);
  }
  machine_.write("sys/fs/cgroup/a/memory.max", "0");
  EXPECT_EQ(bound("memory.max of /a")->free_bytes, 0);
  // Larger than the machine: it does not bind, whoever looks for the least.
  machine_.write("sys/fs/cgroup/a/memory.max", "1099511627776");
  EXPECT_EQ(least_memory(bounds()).name, "the machine's memory");
}

TEST_F(MachineTest, FilesThatCannotBeRead) {
  machine_.write("proc/self/cgroup", "0::/a");
  machine_.write("sys/fs/cgroup/a/x", "");
  ASSERT_EQ(::mkfifo((machine_.root() / "sys/fs/cgroup/a/memory.max").c_str(), 0600), 0);
  std::filesystem::create_directories(machine_.root() / "sys/fs/cgroup/a/cpu.max");
  EXPECT_EQ(bounds().size(), 1U);
  EXPECT_EQ(read_cpu_limits(source()).quota, 0);
}

TEST_F(MachineTest, NamesOfGroupsArePrintable) {
  machine_.write("proc/self/cgroup", "0::/a b:c\x1b[31m");
  machine_.write("sys/fs/cgroup/a b:c\x1b[31m/memory.max", "1048576");
  EXPECT_TRUE(bound("memory.max of /a b:c\\x1b[31m").has_value());
}

TEST_F(MachineTest, ObeysResourceLimits) {
  MachineSource limited = source();
  limited.address_space_limit = kGiB;
  limited.data_limit = 512 * kMiB;
  const std::vector<MemoryBound> bounds = read_memory_bounds(limited);
  ASSERT_EQ(bounds.size(), 3U);
  EXPECT_EQ(describe(bounds[1]), "1 GiB: ulimit -v");
  EXPECT_EQ(bounds[1].free_bytes, kGiB - 300 * kMiB);
  EXPECT_EQ(bounds[1].kind, MemoryKind::kAddressSpace);
  EXPECT_EQ(describe(bounds[2]), "512 MiB: ulimit -d");
  EXPECT_EQ(bounds[2].free_bytes, 412 * kMiB);
  EXPECT_EQ(bounds[2].kind, MemoryKind::kPrivate);
}

TEST_F(MachineTest, ObeysTheCommitLimitWhereItBinds) {
  machine_.write("proc/sys/vm/overcommit_memory", "1");
  EXPECT_EQ(bounds().size(), 1U);
  machine_.write("proc/sys/vm/overcommit_memory", "2");
  ASSERT_EQ(bounds().size(), 2U);
  EXPECT_EQ(bounds()[1].limit_bytes, 4 * kGiB);
  EXPECT_EQ(bounds()[1].free_bytes, 3 * kGiB);
}

TEST_F(MachineTest, CountsTheNodesOfACpusetOnly) {
  for (const char* const node : {"0", "1", "2"}) {
    const std::string line = "Node " + std::string(node) + " ";
    machine_.write("sys/devices/system/node/node" + std::string(node) + "/meminfo",
                   line + "MemTotal: 1048576 kB\n" + line + "MemFree: 524288 kB\n" + line +
                       "Active(file): 0 kB\n" + line + "Inactive(file): 131072 kB");
  }
  machine_.write("sys/devices/system/node/online", "0-1");
  EXPECT_EQ(bounds().size(), 1U);
  machine_.write("sys/devices/system/node/online", "0-2");
  const auto nodes = bound("the memory of NUMA nodes 0-1 (cpuset.mems)");
  ASSERT_TRUE(nodes.has_value());
  EXPECT_EQ(nodes->limit_bytes, 2 * kGiB);
  EXPECT_EQ(nodes->free_bytes, 2 * 640 * kMiB);
}

TEST_F(MachineTest, QuotaIsTheTightestOnTheWayUp) {
  machine_.write("proc/self/cgroup", "1:cpu:/old\n0::/slice/service");
  machine_.write("sys/fs/cgroup/slice/service/cpu.max", "max 100000");
  EXPECT_EQ(read_cpu_limits(source()).quota, 0);
  EXPECT_EQ(read_cpu_limits(source()).whole_quota(), 0);
  machine_.write("sys/fs/cgroup/slice/cpu.max", "250000 100000");
  machine_.write("sys/fs/cgroup/cpu.max", "400000 100000");
  CpuLimits limits = read_cpu_limits(source());
  EXPECT_EQ(limits.quota, 2.5);
  EXPECT_EQ(limits.whole_quota(), 2);
  EXPECT_EQ(limits.quota_name, "cpu.max of /slice");
  machine_.write("sys/fs/cgroup/cpu/old/cpu.cfs_quota_us", "50000");
  machine_.write("sys/fs/cgroup/cpu/old/cpu.cfs_period_us", "100000");
  limits = read_cpu_limits(source());
  EXPECT_EQ(limits.quota, 0.5);
  EXPECT_EQ(limits.whole_quota(), 1);
  EXPECT_EQ(limits.quota_name, "cpu.cfs_quota_us of /old");
}

TEST_F(MachineTest, QuotasThatAreNone) {
  machine_.write("proc/self/cgroup", "1:cpu:/\n0::/a");
  machine_.write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000");
  for (const char* const text : {"max 100000", "0 0", "0 100000", "100000 0", "100000", "-1 100000",
                                 "", " ", "100000 x", "99999999999999999999 1"}) {
    machine_.write("sys/fs/cgroup/a/cpu.max", text);
    machine_.write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1");
    EXPECT_EQ(read_cpu_limits(source()).quota, 0) << text;
  }
  machine_.write("sys/fs/cgroup/a/cpu.max", "9223372036854775807 1");
  EXPECT_GE(read_cpu_limits(source()).whole_quota(), 1000);
}

TEST_F(MachineTest, NamesWhatLeavesProcessorsOut) {
  EXPECT_EQ(read_cpu_limits(source()).cpus_name, "");
  MachineSource bound = source();
  bound.affinity = {1, 2};
  EXPECT_EQ(read_cpu_limits(bound).cpus_name, "the affinity of this process");
  machine_.write("proc/self/cgroup", "2:cpuset:/v1\n0::/a/b");
  machine_.write("sys/fs/cgroup/cpuset.cpus.effective", "0-7");
  machine_.write("sys/fs/cgroup/a/cpuset.cpus.effective", "1-2");
  machine_.write("sys/fs/cgroup/a/b/cpuset.cpus.effective", "1-2");
  EXPECT_EQ(read_cpu_limits(bound).cpus_name, "cpuset.cpus.effective of /a");
  bound.affinity = {2};
  EXPECT_EQ(read_cpu_limits(bound).cpus_name, "the affinity of this process");
  EXPECT_EQ(read_cpu_limits(source()).cpus, (std::vector<int>{1, 2}));
  machine_.write("sys/fs/cgroup/cpuset/v1/cpuset.cpus", "2");
  EXPECT_EQ(read_cpu_limits(source()).cpus, std::vector<int>{2});
  // A set that has nothing in common with what the system call says is not this process's.
  machine_.write("sys/fs/cgroup/cpuset/v1/cpuset.cpus", "9-10");
  EXPECT_EQ(read_cpu_limits(source()).cpus, (std::vector<int>{1, 2}));
}

TEST(ThisMachineTest, HasMemoryAndProcessors) {
  ASSERT_FALSE(memory_bounds().empty());
  for (const MemoryBound& bound : memory_bounds()) {
    EXPECT_LE(bound.free_bytes, bound.limit_bytes) << bound.name;
    EXPECT_FALSE(how_to_raise(bound).empty());
  }
  EXPECT_GT(least_memory(memory_bounds()).limit_bytes, 0);
  EXPECT_FALSE(cpu_limits().cpus.empty());
  EXPECT_GT(open_files_limit(), 0);
}

// Lowers what the process may map, far above what it uses even with the memory that a sanitizer
// reserves, and takes it back.
TEST(ThisMachineTest, ReadsItsOwnResourceLimits) {
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_DATA, &before), 0);
  rlimit lowered = before;
  lowered.rlim_cur = std::min<rlim_t>(before.rlim_max, rlim_t{1} << 46);
  ASSERT_EQ(setrlimit(RLIMIT_DATA, &lowered), 0);
  const std::string note = memory_limit_note();
  const std::vector<MemoryBound> bounds = memory_bounds();
  ASSERT_EQ(setrlimit(RLIMIT_DATA, &before), 0);
  EXPECT_NE(note.find("ulimit -d"), std::string::npos) << note;
  const auto data = std::find_if(bounds.begin(), bounds.end(),
                                 [](const auto& bound) { return bound.name == "ulimit -d"; });
  ASSERT_NE(data, bounds.end());
  EXPECT_LT(data->free_bytes, data->limit_bytes);
}

TEST(ShortSizeTest, HasThreeDigits) {
  EXPECT_EQ(short_size(0), "0 B");
  EXPECT_EQ(short_size(512 * kMiB), "512 MiB");
  EXPECT_EQ(short_size(1000 * kMiB), "0.977 GiB");
  EXPECT_EQ(short_size(3 * kGiB / 2), "1.5 GiB");
  EXPECT_EQ(short_size(int64_t{1} << 62), "4 EiB");
}

}  // namespace
}  // namespace hadal
