#include "base/topology.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace hadal {
namespace {

// A folder that looks like the root of a machine's file system, as far as the topology goes.
class FakeMachine {
 public:
  explicit FakeMachine(const std::string& name)
      : root_(std::filesystem::path(testing::TempDir()) / ("topology_" + name)) {
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_);
  }
  ~FakeMachine() { std::filesystem::remove_all(root_); }

  void write(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text << '\n';
  }
  // Nodes of `cores` cores each; the second hardware threads are numbered after all first ones.
  void add_nodes(int nodes, int cores, int threads_per_core) const {
    write("sys/devices/system/node/online", "0-" + std::to_string(nodes - 1));
    const int total = nodes * cores;
    for (int node = 0; node < nodes; ++node) {
      const std::string folder = "sys/devices/system/node/node" + std::to_string(node);
      std::string cpus;
      for (int turn = 0; turn < threads_per_core; ++turn) {
        const int first = turn * total + node * cores;
        cpus +=
            (turn > 0 ? "," : "") + std::to_string(first) + "-" + std::to_string(first + cores - 1);
      }
      write(folder + "/cpulist", cpus);
      write(folder + "/meminfo", "Node " + std::to_string(node) + " MemTotal:       1048576 kB");
    }
    for (int cpu = 0; cpu < total * threads_per_core; ++cpu) {
      const int core = cpu % total;
      write("sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list",
            threads_per_core == 1 ? std::to_string(core)
                                  : std::to_string(core) + "," + std::to_string(core + total));
    }
  }
  const std::filesystem::path& root() const { return root_; }

 private:
  std::filesystem::path root_;
};

std::vector<int> first_cpus(int count) {
  std::vector<int> cpus(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) cpus[static_cast<size_t>(i)] = i;
  return cpus;
}

TEST(TopologyTest, KnowsTheLargestCache) {
  const FakeMachine machine("caches");
  machine.add_nodes(1, 2, 1);
  EXPECT_EQ(read_topology(machine.root(), {1}).cache_bytes, 0U);
  const std::string folder = "sys/devices/system/cpu/cpu1/cache/index";
  for (const auto& [text, bytes] : std::vector<std::pair<std::string, size_t>>{
           {"32768K", size_t{32} << 20}, {"48", 0}, {"K", 0}, {"-1K", 0}, {"99999999999K", 0}}) {
    machine.write(folder + "0/size", "48K");
    machine.write(folder + "1/size", text);
    EXPECT_EQ(read_topology(machine.root(), {1}).cache_bytes, std::max(bytes, size_t{48} << 10))
        << text;
    EXPECT_EQ(read_topology(machine.root(), {0}).cache_bytes, 0U);
  }
}

TEST(CpuListTest, ParsesTheKernelsFormOnly) {
  EXPECT_EQ(parse_cpu_list("0-3,8,10-11"), (std::vector<int>{0, 1, 2, 3, 8, 10, 11}));
  EXPECT_EQ(parse_cpu_list("7"), std::vector<int>{7});
  for (const char* const text :
       {"", "a", "1-", "-1", "3-1", "1,,2", "1,", "2,1", "0-99999999", "0-1-2", "99999999999"}) {
    EXPECT_TRUE(parse_cpu_list(text).empty()) << text;
  }
}

TEST(TopologyTest, ReadsNodesCoresAndMemory) {
  const FakeMachine machine("two_nodes");
  machine.add_nodes(2, 4, 2);
  const Topology topology = read_topology(machine.root(), first_cpus(16));
  ASSERT_EQ(topology.nodes.size(), 2U);
  EXPECT_EQ(topology.nodes[1].id, 1);
  EXPECT_EQ(topology.nodes[1].memory_bytes, size_t{1} << 30);
  EXPECT_EQ(topology.nodes[1].cpus, (std::vector<int>{4, 5, 6, 7, 12, 13, 14, 15}));
  ASSERT_EQ(topology.nodes[1].cores.size(), 4U);
  EXPECT_EQ(topology.nodes[1].cores[0], (std::vector<int>{4, 12}));
  EXPECT_EQ(topology.cpus(), 16);
  EXPECT_EQ(topology.cores(), 8);
  EXPECT_EQ(topology.cpu_quota, 0);
  EXPECT_EQ(worthwhile_threads(topology), 8);
}

TEST(TopologyTest, CountsOnlyWhatTheProcessMayUse) {
  const FakeMachine machine("restricted");
  machine.add_nodes(8, 2, 2);
  // Both threads of core 2, one of core 3 (node 1), and one of core 15 (node 7).
  const Topology topology = read_topology(machine.root(), {2, 3, 18, 31});
  ASSERT_EQ(topology.nodes.size(), 2U);
  EXPECT_EQ(topology.nodes[0].id, 1);
  EXPECT_EQ(topology.nodes[0].cores, (std::vector<std::vector<int>>{{2, 18}, {3}}));
  EXPECT_EQ(topology.nodes[1].id, 7);
  EXPECT_EQ(topology.nodes[1].cores, (std::vector<std::vector<int>>{{31}}));
}

TEST(TopologyTest, DegradesToOneNode) {
  const FakeMachine nothing("nothing");
  const FakeMachine partial("partial");
  partial.add_nodes(2, 2, 1);
  partial.write("sys/devices/system/node/node1/cpulist", "nonsense");
  for (const FakeMachine* machine : {&nothing, &partial}) {
    const Topology topology = read_topology(machine->root(), first_cpus(4));
    ASSERT_EQ(topology.nodes.size(), 1U);
    EXPECT_EQ(topology.nodes[0].cpus, first_cpus(4));
    EXPECT_EQ(topology.cores(), 4);
  }
}

TEST(TopologyTest, QuotaIsTheTightestOnTheWayUp) {
  const FakeMachine machine("quota");
  machine.add_nodes(1, 8, 1);
  machine.write("proc/self/cgroup", "1:cpu:/old\n0::/slice/service");
  machine.write("sys/fs/cgroup/slice/service/cpu.max", "max 100000");
  EXPECT_EQ(read_topology(machine.root(), first_cpus(8)).cpu_quota, 0);
  machine.write("sys/fs/cgroup/slice/cpu.max", "250000 100000");
  machine.write("sys/fs/cgroup/cpu.max", "400000 100000");
  const Topology topology = read_topology(machine.root(), first_cpus(8));
  EXPECT_EQ(topology.cpu_quota, 3);
  EXPECT_EQ(worthwhile_threads(topology), 3);
  machine.write("sys/fs/cgroup/slice/cpu.max", "0 0");
  EXPECT_EQ(read_topology(machine.root(), first_cpus(8)).cpu_quota, 4);
}

TEST(TopologyTest, ThisMachineHasWhatItsAffinitySays) {
  const Topology& topology = system_topology();
  EXPECT_EQ(topology.cpus(), static_cast<int>(allowed_cpus().size()));
  EXPECT_GE(worthwhile_threads(topology), 1);
  EXPECT_LE(topology.cores(), topology.cpus());
}

TEST(PlaceThreadsTest, CoresBeforeHardwareThreadsAndNodesInBalance) {
  const FakeMachine machine("place");
  machine.add_nodes(2, 4, 2);
  const Topology topology = read_topology(machine.root(), first_cpus(16));
  for (const int threads : {1, 2, 5, 8, 13, 16, 40}) {
    const std::vector<ThreadPlace> places = place_threads(topology, threads);
    ASSERT_EQ(places.size(), static_cast<size_t>(threads));
    EXPECT_EQ(places[0].node, 0);
    std::vector<int> of_node(2, 0);
    std::set<int> cpus;
    std::set<int> cores;
    for (const ThreadPlace& place : places) {
      ++of_node[static_cast<size_t>(place.node)];
      if (place.cpu < 0) continue;
      EXPECT_TRUE(cpus.insert(place.cpu).second);
      cores.insert(place.cpu % 8);
      const std::vector<int>& usable = topology.nodes[static_cast<size_t>(place.node)].cpus;
      EXPECT_TRUE(std::binary_search(usable.begin(), usable.end(), place.cpu));
    }
    EXPECT_LE(std::abs(of_node[0] - of_node[1]), 1);
    EXPECT_EQ(cpus.size(), static_cast<size_t>(std::min(threads, 16)));
    EXPECT_EQ(cores.size(), static_cast<size_t>(std::min(threads, 8)));
    EXPECT_TRUE(std::is_sorted(places.begin(), places.end(),
                               [](const auto& a, const auto& b) { return a.node < b.node; }));
  }
}

TEST(PlaceThreadsTest, UnequalNodesAreFilledInProportion) {
  const Topology topology{
      .nodes = {{.id = 0, .cpus = {0, 1, 2, 3, 4, 5}, .cores = {{0}, {1}, {2}, {3}, {4}, {5}}},
                {.id = 3, .cpus = {8, 9}, .cores = {{8}, {9}}}}};
  const std::vector<ThreadPlace> places = place_threads(topology, 4);
  EXPECT_EQ(std::count_if(places.begin(), places.end(), [](auto& p) { return p.node == 0; }), 3);
}

}  // namespace
}  // namespace hadal
