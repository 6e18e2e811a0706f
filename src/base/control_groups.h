// The control groups of this process: where their files are, from its own group up through all of
// its parents that can be seen. Versions 1 and 2, both at once, namespaces and containers. Knows no
// limit (machine.h).
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace hadal {

struct ControlGroup {
  std::string folder;  // holds its files; may not exist
  std::string name;    // "/system.slice/hadal.service"; "/" where the mount begins
  int version = 2;
};

class ControlGroups {
 public:
  // Reads proc/self/cgroup and proc/self/mountinfo below `root` ("/" but for tests). Where they are
  // missing or say nothing of a hierarchy, it is looked for in the usual places.
  explicit ControlGroups(const std::filesystem::path& root);

  // The groups that bind this process as to `controller` ("memory", "cpu", "cpuset"), each before
  // its parents. Most of those listed have no file of that controller, some no folder.
  std::vector<ControlGroup> of(std::string_view controller) const;

 private:
  // One hierarchy as it is mounted somewhere.
  struct Mount {
    int version = 2;
    std::vector<std::string> controllers = {};  // of version 1
    std::string top;    // the group that is seen at `point`; begins with '/'
    std::string point;  // begins with '/'
  };
  struct Membership {
    int version = 2;
    std::vector<std::string> controllers;
    std::string group;  // begins with '/'
  };

  void add_chain(const Mount& mount, std::string_view top, std::string_view below_top,
                 std::vector<ControlGroup>& groups) const;

  std::string root_;
  std::vector<Mount> mounts_;
  std::vector<Membership> memberships_;
};

}  // namespace hadal
