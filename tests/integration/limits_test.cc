// The limits that a process is put under, as the plans of inspect and serve name and obey them:
// control groups of both versions in a mount namespace, resource limits, affinity.
#include <gtest/gtest.h>
#include <regex>
#include <sched.h>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "program.h"
#include "support/source_dir.h"

namespace hadal::integration {
namespace {

using nlohmann::json;

// Runs `setup`, where "$1" is `argument`, and then hadal in the same process.
std::vector<std::string> after(const std::string& setup, const std::string& argument = "") {
  return {"/bin/sh", "-c", "set -e; " + setup + "; shift; exec \"$@\"", "sh", argument};
}

const std::vector<std::string> kInspect = {"inspect", test::source_path("models/nano").string(),
                                           "--json"};
// Plans, says so, and ends, since the address is no machine's own. The model has use for gigabytes
// of cache. One thread, so that the stacks of others need no memory.
std::vector<std::string> serve(const std::string& threads = "1") {
  static const Scratch models;
  static const std::string pico = [] {
    EXPECT_EQ(run_hadal({.words = {"synth", "pico", models.path("pico").string()}}).status, 0);
    return models.path("pico").string();
  }();
  return {"serve", "-m", pico, "--host", "203.0.113.1", "--port", "0", "-t", threads};
}

double planned_gib(const Outcome& outcome) {
  std::smatch match;
  const std::regex line("KV cache ([0-9.]+) GiB");
  EXPECT_TRUE(std::regex_search(outcome.err, match, line)) << outcome.err;
  return match.empty() ? -1 : std::stod(match[1]);
}

// Trees that stand in the places of /sys/fs/cgroup and, where there is one, of the process's file.
class MountedGroups : public testing::Test {
 protected:
  void SetUp() override {
    const int status = std::system("unshare -rm true >/dev/null 2>&1");
    if (status != 0) GTEST_SKIP() << "namespaces are not permitted here";
    write("groups/here", "");
  }
  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(scratch_.path(name).parent_path());
    write_bytes(scratch_.path(name), text);
  }
  Outcome run(const std::vector<std::string>& words) const {
    std::vector<std::string> wrapper = after(
        "mount --bind \"$1/groups\" /sys/fs/cgroup; "
        "if [ -f \"$1/self\" ]; then mount --bind \"$1/self\" /proc/$$/cgroup; fi",
        scratch_.path("").string());
    wrapper.insert(wrapper.begin(), {"/usr/bin/unshare", "-rm"});
    return run_hadal({.words = words, .emulator = wrapper});
  }

  Scratch scratch_;
};

TEST_F(MountedGroups, AServiceOfVersionTwo) {
  write("self", "0::/system.slice/hadal.service\n");
  write("groups/system.slice/hadal.service/memory.max", "268435456\n");
  write("groups/system.slice/hadal.service/memory.current", "20000000\n");
  write("groups/system.slice/cpu.max", "150000 100000\n");
  const Outcome inspected = run(kInspect);
  ASSERT_EQ(inspected.status, 0) << inspected.err;
  const json plan = json::parse(inspected.out);
  EXPECT_EQ(plan["memory_plan"]["limited_by"], "memory.max of /system.slice/hadal.service");
  EXPECT_EQ(plan["memory_plan"]["machine_bytes"], 268435456);
  EXPECT_EQ(plan["memory_plan"]["fit"], "fits");
  const Outcome served = run(serve());
  EXPECT_LT(planned_gib(served), 0.25);
  EXPECT_NE(served.err.find("within 256 MiB: memory.max of /system.slice/hadal.service"),
            std::string::npos)
      << served.err;
  EXPECT_TRUE(plan["threads"].get<std::string>().starts_with("1 thread: ")) << plan["threads"];
  EXPECT_NE(run(serve("2")).err.find("more than the CPU quota of 1.5 (cpu.max of /system.slice)"),
            std::string::npos);
}

TEST_F(MountedGroups, AContainerOfVersionOne) {
  write("groups/memory/memory.limit_in_bytes", "268435456\n");
  write("groups/memory/memory.usage_in_bytes", "20000000\n");
  const Outcome served = run(serve());
  EXPECT_LT(planned_gib(served), 0.25);
  EXPECT_NE(served.err.find("within 256 MiB: memory.limit_in_bytes"), std::string::npos)
      << served.err;
}

TEST_F(MountedGroups, ALimitThatHoldsNoModel) {
  for (const char* const limit : {"0", "4096", "20971520"}) {
    write("self", "0::/a/b\n");
    write("groups/a/memory.max", limit);
    write("groups/a/memory.current", "10000000\n");
    const Outcome served = run(serve());
    EXPECT_EQ(served.status, 2) << served.err;
    EXPECT_NE(served.err.find("hadal: error: memory.max of /a: leaves "), std::string::npos)
        << served.err;
    EXPECT_NE(served.err.find("MemoryMax="), std::string::npos) << served.err;
    EXPECT_NE(run(kInspect).out.find("too_small"), std::string::npos) << limit;
  }
}

TEST_F(MountedGroups, OddFilesAreNoLimits) {
  write("self", "garbage\n0::\n4:memory:relative\n::::\n");
  write("groups/memory.max", "plenty\n");
  write("groups/memory.high", "9223372036854771712\n");
  write("groups/cpu.max", "much more\n");
  write("groups/cpuset.cpus.effective", "all\n");
  write("groups/memory/memory.limit_in_bytes", "-1\n");
  const Outcome inspected = run(kInspect);
  ASSERT_EQ(inspected.status, 0) << inspected.err;
  EXPECT_EQ(json::parse(inspected.out)["memory_plan"]["limited_by"],
            json::parse(run_hadal({.words = kInspect}).out)["memory_plan"]["limited_by"]);
}

TEST(ResourceLimits, AreNamedAndObeyed) {
  const Outcome addresses = run_hadal({.words = kInspect, .emulator = after("ulimit -v 1000000")});
  EXPECT_NE(addresses.out.find("ulimit -v"), std::string::npos) << addresses.out << addresses.err;
  const Outcome data = run_hadal({.words = serve(), .emulator = after("ulimit -d 240000")});
  EXPECT_LT(planned_gib(data), 0.24);
  EXPECT_NE(data.err.find("within 234 MiB: ulimit -d"), std::string::npos) << data.err;
}

TEST(ResourceLimits, TooLowOnesAreRefusedWithARemedy) {
  for (const char* const option : {"-v", "-d"}) {
    const Outcome outcome = run_hadal(
        {.words = serve(), .emulator = after("ulimit " + std::string(option) + " 50000")});
    EXPECT_EQ(outcome.status, 2) << outcome.err;
    EXPECT_NE(outcome.err.find("ulimit " + std::string(option)), std::string::npos) << outcome.err;
    EXPECT_NE(outcome.err.find("raise "), std::string::npos) << outcome.err;
    EXPECT_EQ(outcome.err.find("internal"), std::string::npos) << outcome.err;
  }
}

TEST(ResourceLimits, FewOpenFilesMeanFewConnections) {
  const Outcome outcome = run_hadal({.words = serve(), .emulator = after("ulimit -n 40")});
  EXPECT_NE(outcome.err.find("8 connections at once: ulimit -n is 40"), std::string::npos)
      << outcome.err;
}

TEST(Affinity, DecidesTheNumberOfThreads) {
  cpu_set_t allowed;
  ASSERT_EQ(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
  int last = CPU_SETSIZE - 1;
  while (last > 0 && !CPU_ISSET(static_cast<size_t>(last), &allowed)) --last;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(static_cast<size_t>(last), &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
  const Outcome outcome = run_hadal({.words = kInspect});
  ASSERT_EQ(sched_setaffinity(0, sizeof(allowed), &allowed), 0);
  const std::string threads = json::parse(outcome.out)["threads"];
  EXPECT_TRUE(threads.starts_with("1 thread: one for each physical core")) << threads;
}

TEST(Affinity, MoreThreadsThanProcessorsAreSaidToBe) {
  cpu_set_t allowed;
  ASSERT_EQ(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
  const std::string threads = std::to_string(CPU_COUNT(&allowed) + 1);
  const Outcome outcome = run_hadal({.words = serve(threads)});
  EXPECT_NE(outcome.err.find(threads + " threads: --threads; more than "), std::string::npos)
      << outcome.err;
}

}  // namespace
}  // namespace hadal::integration
