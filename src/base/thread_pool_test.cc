#include "base/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sched.h>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/check.h"
#include "base/topology.h"

namespace hadal {
namespace {

// Nodes of two cores each, which this machine need not have.
Topology machine_of(int nodes) {
  Topology topology;
  for (int n = 0; n < nodes; ++n) {
    topology.nodes.push_back(
        {.id = n, .cpus = {2 * n, 2 * n + 1}, .cores = {{2 * n}, {2 * n + 1}}});
  }
  return topology;
}

void expect_covers_once(ThreadPool& pool, int items, int grain) {
  std::vector<std::atomic<int>> hits(static_cast<size_t>(items));
  pool.parallel_for(items, grain, [&](int begin, int end, int thread) {
    EXPECT_TRUE(thread >= 0 && thread < pool.threads());
    EXPECT_TRUE(begin < end && end - begin <= grain);
    for (int i = begin; i < end; ++i) ++hits[static_cast<size_t>(i)];
  });
  for (const auto& hit : hits) ASSERT_EQ(hit.load(), 1);
}

TEST(ThreadPoolTest, CoversEveryItemOnce) {
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    for (const int grain : {1, 3, 1000}) {
      for (const int items : {0, 1, 2, 7, 101}) expect_covers_once(pool, items, grain);
    }
  }
}

TEST(ThreadPoolTest, CoversEveryItemOnceOnSeveralNodes) {
  for (const int nodes : {2, 8}) {
    for (const int threads : {1, 2, 3, 16, 20}) {
      ThreadPool pool(threads, machine_of(nodes));
      for (const int grain : {1, 3, 64}) {
        for (const int items : {1, 2, 7, 9, 300}) expect_covers_once(pool, items, grain);
      }
    }
  }
}

TEST(ThreadPoolTest, LoopsFollowEachOtherWithoutLosingItems) {
  ThreadPool pool(3);
  int64_t sum = 0;
  for (int loop = 0; loop < 3000; ++loop) {
    std::vector<int> values(8, 0);  // written by threads, read by the caller without atomics
    pool.parallel_for(
        8, 1, [&](int begin, int, int) { values[static_cast<size_t>(begin)] = begin + loop; });
    for (const int value : values) sum += value;
  }
  EXPECT_EQ(sum, 3000LL * 28 + 8LL * 2999 * 3000 / 2);
}

TEST(ThreadPoolTest, AllThreadsTakePart) {
  for (const bool asleep : {false, true}) {
    ThreadPool pool(3);
    if (asleep) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    std::atomic<int> begun{0};
    std::vector<std::atomic<int>> items_of(3);
    pool.parallel_for(3, 1, [&](int, int, int thread) {
      ++items_of[static_cast<size_t>(thread)];
      ++begun;
      while (begun.load() < 3) std::this_thread::yield();
    });
    for (const auto& items : items_of) EXPECT_EQ(items.load(), 1);
  }
}

// No node's share is begun by another's threads when the node's own are there, and nobody takes
// from a share that was begun: the first item of each share waits for all the others.
TEST(ThreadPoolTest, NodesKeepTheirRows) {
  constexpr int kItems = 97;
  for (const int nodes : {2, 8}) {
    ThreadPool pool(2 * nodes, machine_of(nodes));
    std::vector<std::vector<int>> node_of_item(2, std::vector<int>(kItems, -1));
    for (std::vector<int>& node_of : node_of_item) {
      std::vector<std::atomic<bool>> begun(static_cast<size_t>(nodes));
      pool.parallel_for(kItems, 2, [&](int begin, int end, int thread) {
        const int node = pool.node_of_thread(thread);
        begun[static_cast<size_t>(node)] = true;
        for (const auto& flag : begun) {
          while (!flag) std::this_thread::yield();
        }
        for (int i = begin; i < end; ++i) node_of[static_cast<size_t>(i)] = node;
      });
    }
    EXPECT_EQ(node_of_item[0], node_of_item[1]);
    const std::vector<int>& node_of = node_of_item[0];
    EXPECT_TRUE(std::is_sorted(node_of.begin(), node_of.end()));
    for (int node = 0; node < nodes; ++node) {
      const auto share = std::count(node_of.begin(), node_of.end(), node);
      EXPECT_NEAR(static_cast<double>(share), static_cast<double>(kItems) / nodes, 4.0);
    }
  }
}

TEST(ThreadPoolTest, RethrowsAndSurvives) {
  for (const int nodes : {1, 2}) {
    ThreadPool pool(3, machine_of(nodes));
    EXPECT_THROW(pool.parallel_for(50, 1,
                                   [](int begin, int, int) {
                                     if (begin == 17) throw std::runtime_error("seventeen");
                                   }),
                 std::runtime_error);
    std::atomic<int> sum{0};
    pool.parallel_for(10, 1, [&](int begin, int, int) { sum += begin; });
    EXPECT_EQ(sum.load(), 45);
  }
}

TEST(ThreadPoolTest, RefusesLoopsWithinLoops) {
  ThreadPool pool(2);
  std::atomic<bool> caller_began{false};
  EXPECT_THROW(pool.parallel_for(2, 1,
                                 [&](int, int, int thread) {
                                   if (thread == 0) caller_began = true;
                                   while (!caller_began) std::this_thread::yield();
                                   if (thread == 0) pool.parallel_for(2, 1, [](int, int, int) {});
                                 }),
               InvariantError);
}

TEST(ThreadPoolTest, ManyPoolsComeAndGo) {
  std::vector<std::thread> callers;
  std::atomic<int> sum{0};
  for (int c = 0; c < 3; ++c) {
    callers.emplace_back([&] {
      for (int round = 0; round < 20; ++round) {
        ThreadPool unused(3);
        ThreadPool pool(3);
        pool.parallel_for(10, 1, [&](int begin, int, int) { sum += begin; });
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(sum.load(), 3 * 20 * 45);
}

// Threads of this process that sleep in the kernel, by its account.
int sleeping_threads() {
  int sleeping = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream stat(task.path() / "stat");
    std::string text;
    std::getline(stat, text);
    const size_t name_end = text.rfind(") ");
    if (name_end != std::string::npos && text.compare(name_end + 2, 1, "S") == 0) ++sleeping;
  }
  return sleeping;
}

TEST(ThreadPoolTest, IdleWorkersSleep) {
  ThreadPool pool(3);
  pool.parallel_for(10, 1, [](int, int, int) {});
  while (sleeping_threads() < 2) std::this_thread::yield();  // for ever if they spun on
  expect_covers_once(pool, 10, 1);
}

TEST(ThreadPoolTest, PinningKeepsResultsAndPlacesThreads) {
  const int threads = system_topology().cores();
  std::thread([&] {  // stays bound, so not the test's own thread
    ThreadPool pool(threads);
    const int bound = pool.pin();
    EXPECT_TRUE(bound >= 0 && bound <= threads);
    expect_covers_once(pool, 1000, 3);
    if (bound < threads) return;  // the system refused
    std::vector<int> cpu_of(static_cast<size_t>(threads), -1);
    std::atomic<int> begun{0};
    pool.parallel_for(threads, 1, [&](int, int, int thread) {
      ++begun;
      while (begun.load() < threads) std::this_thread::yield();
      cpu_of[static_cast<size_t>(thread)] = sched_getcpu();
    });
    if (threads <= 1) return;
    EXPECT_EQ(std::set<int>(cpu_of.begin(), cpu_of.end()).size(), static_cast<size_t>(threads));
  })
      .join();
}

TEST(ThreadPoolTest, PoolsStartedByABoundThreadAreNotConfinedWithIt) {
  std::thread([] {
    ThreadPool(system_topology().cores()).pin();
    ThreadPool pool(2);
    int cpus_of_worker = 0;
    std::atomic<int> begun{0};
    pool.parallel_for(2, 1, [&](int, int, int thread) {
      ++begun;
      while (begun.load() < 2) std::this_thread::yield();
      if (thread == 1) cpus_of_worker = static_cast<int>(allowed_cpus().size());
    });
    const auto& nodes = system_topology().nodes;
    const int node = pool.node_of_thread(1);
    EXPECT_EQ(cpus_of_worker, static_cast<int>(nodes[static_cast<size_t>(node)].cpus.size()));
  }).join();
}

TEST(ThreadPoolTest, FailureToPinIsHarmless) {
  std::thread([] {
    Topology topology = machine_of(2);
    for (NumaNode& node : topology.nodes) {
      for (int& cpu : node.cpus) cpu += 5000;
      for (std::vector<int>& core : node.cores) core[0] += 5000;
    }
    ThreadPool pool(4, topology);
    EXPECT_EQ(pool.pin(), 0);
    expect_covers_once(pool, 100, 1);
  }).join();
}

}  // namespace
}  // namespace hadal
