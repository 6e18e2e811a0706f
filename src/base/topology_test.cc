#include "base/topology.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "support/fake_machine.h"

namespace hadal {
namespace {

std::vector<int> first_cpus(int count) {
  std::vector<int> cpus(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) cpus[static_cast<size_t>(i)] = i;
  return cpus;
}

TEST(TopologyTest, KnowsTheLargestCache) {
  const FakeMachine machine("caches");
  machine.add_nodes(1, 2, 1);
  EXPECT_EQ(read_topology(machine.root(), {.cpus = {1}}).cache_bytes, 0U);
  const std::string folder = "sys/devices/system/cpu/cpu1/cache/index";
  for (const auto& [text, bytes] : std::vector<std::pair<std::string, size_t>>{
           {"32768K", size_t{32} << 20}, {"48", 0}, {"K", 0}, {"-1K", 0}, {"99999999999K", 0}}) {
    machine.write(folder + "0/size", "48K");
    machine.write(folder + "1/size", text);
    EXPECT_EQ(read_topology(machine.root(), {.cpus = {1}}).cache_bytes,
              std::max(bytes, size_t{48} << 10))
        << text;
    EXPECT_EQ(read_topology(machine.root(), {.cpus = {0}}).cache_bytes, 0U);
  }
}

TEST(TopologyTest, ReadsNodesCoresAndMemory) {
  const FakeMachine machine("two_nodes");
  machine.add_nodes(2, 4, 2);
  const Topology topology = read_topology(machine.root(), {.cpus = first_cpus(16)});
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
  const Topology topology = read_topology(machine.root(), {.cpus = {2, 3, 18, 31}});
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
    const Topology topology = read_topology(machine->root(), {.cpus = first_cpus(4)});
    ASSERT_EQ(topology.nodes.size(), 1U);
    EXPECT_EQ(topology.nodes[0].cpus, first_cpus(4));
    EXPECT_EQ(topology.cores(), 4);
  }
}

TEST(TopologyTest, NoMoreThreadsThanTheQuotaGrants) {
  const FakeMachine machine("quota");
  machine.add_nodes(1, 8, 1);
  const auto with_quota = [&](double quota) {
    return read_topology(machine.root(), {.cpus = first_cpus(8), .quota = quota});
  };
  EXPECT_EQ(with_quota(0).cpu_quota, 0);
  EXPECT_EQ(worthwhile_threads(with_quota(0)), 8);
  EXPECT_EQ(worthwhile_threads(with_quota(2.999)), 2);
  EXPECT_EQ(worthwhile_threads(with_quota(0.5)), 1);
  EXPECT_EQ(worthwhile_threads(with_quota(1e30)), 8);
}

TEST(TopologyTest, SaysWhatSetTheNumberOfThreads) {
  const FakeMachine machine("reasons");
  machine.add_nodes(1, 4, 2);
  const auto reason = [&](const CpuLimits& limits) {
    return describe_threads(read_topology(machine.root(), limits), limits);
  };
  EXPECT_EQ(reason({.cpus = first_cpus(8)}), "4 threads: one for each physical core");
  EXPECT_EQ(
      reason({.cpus = {0, 4}, .cpus_name = "the affinity of this process"}),
      "1 thread: one for each physical core of the 2 processors allowed (the affinity of this "
      "process)");
  EXPECT_EQ(reason({.cpus = first_cpus(8), .quota = 1.5, .quota_name = "cpu.max of /a"}),
            "1 thread: CPU quota of 1.5, rounded down (cpu.max of /a)");
  EXPECT_EQ(reason({.cpus = first_cpus(8), .quota = 3, .quota_name = "cpu.max of /a"}),
            "3 threads: CPU quota of 3 (cpu.max of /a)");
  EXPECT_EQ(reason({.cpus = first_cpus(8), .quota = 0.25, .quota_name = "cpu.max of /a"}),
            "1 thread: CPU quota of 0.25 (cpu.max of /a)");
  EXPECT_EQ(reason({.cpus = first_cpus(8), .quota = 4.5, .quota_name = "cpu.max of /a"}),
            "4 threads: one for each physical core");
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
  const Topology topology = read_topology(machine.root(), {.cpus = first_cpus(16)});
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
