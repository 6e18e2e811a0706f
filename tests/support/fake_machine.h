// For tests: a folder that looks like the root of a machine's file system, as far as its make and
// its limits go.
#pragma once

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <string>

namespace hadal {

// A folder that looks like the root of a machine's file system, as far as the topology goes.
class FakeMachine {
 public:
  explicit FakeMachine(const std::string& name)
      : root_(std::filesystem::path(testing::TempDir()) / ("machine_" + name)) {
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
  void remove(const std::string& path) const { std::filesystem::remove_all(root_ / path); }
  const std::filesystem::path& root() const { return root_; }

 private:
  std::filesystem::path root_;
};

}  // namespace hadal
