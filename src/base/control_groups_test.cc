#include "base/control_groups.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "support/fake_machine.h"

namespace hadal {
namespace {

// "folder name version" of each group, the folder without the machine's root.
std::vector<std::string> groups_of(const FakeMachine& machine, const char* controller) {
  std::vector<std::string> lines;
  for (const ControlGroup& group : ControlGroups(machine.root()).of(controller)) {
    lines.push_back(group.folder.substr(machine.root().string().size()) + " " + group.name + " " +
                    std::to_string(group.version));
  }
  return lines;
}

bool lists(const std::vector<std::string>& lines, const std::string& line) {
  return std::find(lines.begin(), lines.end(), line) != lines.end();
}

TEST(ControlGroupsTest, WalksUpFromTheProcessToTheMount) {
  const FakeMachine machine("unified");
  machine.write("proc/self/cgroup", "0::/a.slice/b.service");
  machine.write("proc/self/mountinfo",
                "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
                "30 22 0:26 / /sys/fs/cgroup rw,nosuid shared:4 master:1 - cgroup2 cgroup2 rw");
  const std::vector<std::string> groups = groups_of(machine, "memory");
  ASSERT_GE(groups.size(), 3U);
  EXPECT_EQ(groups[0], "/sys/fs/cgroup/a.slice/b.service /a.slice/b.service 2");
  EXPECT_EQ(groups[1], "/sys/fs/cgroup/a.slice /a.slice 2");
  EXPECT_EQ(groups[2], "/sys/fs/cgroup / 2");
}

TEST(ControlGroupsTest, FindsControllersOfVersionOneWhereverTheyAreMounted) {
  const FakeMachine machine("hybrid");
  machine.write("proc/self/cgroup",
                "9:name=systemd:/s\n4:memory:/m/own\n3:cpuacct,cpu:/c\n2:cpuset:/\n0::/u");
  machine.write("proc/self/mountinfo",
                "31 30 0:28 / /cg/cpuacct,cpu rw - cgroup cgroup rw,cpuacct,cpu\n"
                "33 30 0:30 / /cg/mem\\040ory rw - cgroup cgroup rw,memory\n"
                "34 30 0:31 / /cg/unified rw - cgroup2 none rw,nsdelegate");
  const auto memory = groups_of(machine, "memory");
  EXPECT_TRUE(lists(memory, "/cg/mem ory/m/own /m/own 1"));
  EXPECT_TRUE(lists(memory, "/cg/mem ory/m /m 1"));
  EXPECT_TRUE(lists(memory, "/cg/unified/u /u 2"));
  EXPECT_TRUE(lists(groups_of(machine, "cpu"), "/cg/cpuacct,cpu/c /c 1"));
  EXPECT_FALSE(lists(memory, "/cg/cpuacct,cpu/c /c 1"));
}

// A container that sees the host's names but has only its own group mounted.
TEST(ControlGroupsTest, TakesAwayWhatStandsAboveTheMount) {
  const FakeMachine machine("container");
  machine.write("proc/self/cgroup", "4:memory:/docker/abc/inner");
  machine.write("proc/self/mountinfo",
                "33 30 0:30 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"
                "34 30 0:30 /docker/other /else rw - cgroup cgroup rw,memory");
  const auto groups = groups_of(machine, "memory");
  EXPECT_TRUE(lists(groups, "/sys/fs/cgroup/memory/inner /docker/abc/inner 1"));
  EXPECT_TRUE(lists(groups, "/sys/fs/cgroup/memory /docker/abc 1"));
  for (const std::string& group : groups) EXPECT_EQ(group.find("/else"), std::string::npos);
}

// A namespace shows "/", or a way out of it, where the limit stands at the mount itself.
TEST(ControlGroupsTest, BelievesTheMountWhereTheNamesDoNotFit) {
  for (const char* const own : {"/", "/../sibling", "/docker/abc/../../x", "/elsewhere"}) {
    const FakeMachine machine("namespace");
    machine.write("proc/self/cgroup", "0::" + std::string(own));
    machine.write("proc/self/mountinfo",
                  "33 30 0:30 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw");
    const auto groups = groups_of(machine, "memory");
    EXPECT_TRUE(lists(groups, "/sys/fs/cgroup / 2")) << own;
    for (const std::string& group : groups) {
      EXPECT_EQ(group.find(".."), std::string::npos) << group;
    }
  }
}

TEST(ControlGroupsTest, LooksInTheUsualPlacesWithoutMountinfo) {
  const FakeMachine machine("usual");
  EXPECT_TRUE(lists(groups_of(machine, "memory"), "/sys/fs/cgroup / 2"));
  EXPECT_TRUE(lists(groups_of(machine, "memory"), "/sys/fs/cgroup/memory / 1"));
  EXPECT_TRUE(lists(groups_of(machine, "cpu"), "/sys/fs/cgroup/cpu,cpuacct / 1"));
  machine.write("proc/self/cgroup", "0::/a/b");
  EXPECT_TRUE(lists(groups_of(machine, "memory"), "/sys/fs/cgroup/a/b /a/b 2"));
}

TEST(ControlGroupsTest, KeepsColonsAndBlanksOfNames) {
  const FakeMachine machine("names");
  machine.write("proc/self/cgroup", "0::/a: b/c\\040d//./e/");
  machine.write("proc/self/mountinfo",
                "33 30 0:30 /a:\\040b /sys/fs/c\\134g rw - cgroup2 cgroup rw");
  const auto groups = groups_of(machine, "memory");
  EXPECT_TRUE(lists(groups, "/sys/fs/c\\g/c\\040d/e /a: b/c\\040d/e 2"));
  EXPECT_TRUE(lists(groups, "/sys/fs/c\\g /a: b 2"));
}

TEST(ControlGroupsTest, SurvivesLinesOfNoForm) {
  const FakeMachine machine("garbage");
  for (const std::string& groups :
       {std::string("nonsense"), std::string("0:"), std::string(":::::"), std::string("0::"),
        std::string(1 << 17, ':'), "0::/" + std::string(1 << 17, 'x'), std::string("0::/a\0b", 7),
        std::string("\xff\xfe\n\n\n")}) {
    for (const std::string& mounts :
         {std::string("- - - - -"), std::string("1 2 3 4 5 6 - cgroup2"),
          std::string("1 2 3 \\04 /sys\\9 6 - cgroup2 x rw"),
          std::string("1 2 3 a b 6 - cgroup x ,"), std::string(1 << 17, ' '),
          std::string("33 30 0:30 /../.. /cg rw - cgroup2 c rw")}) {
      machine.write("proc/self/cgroup", groups);
      machine.write("proc/self/mountinfo", mounts);
      EXPECT_LE(groups_of(machine, "memory").size(), 10U);
    }
  }
}

// As far as the kernel's longest path, whatever the file says.
TEST(ControlGroupsTest, FollowsDeepNamesToTheirTop) {
  const FakeMachine machine("deep");
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "/d";
  machine.write("proc/self/cgroup", "0::" + deep);
  const auto groups = groups_of(machine, "memory");
  EXPECT_LE(groups.size(), 4200U);
  EXPECT_TRUE(lists(groups, "/sys/fs/cgroup/d/d /d/d 2"));
  EXPECT_TRUE(lists(groups, "/sys/fs/cgroup / 2"));
}

}  // namespace
}  // namespace hadal
