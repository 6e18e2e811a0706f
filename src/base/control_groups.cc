#include "base/control_groups.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>

#include "base/system_files.h"

namespace hadal {
namespace {

// The kernel's longest path, and so the longest name of a group. Longer ones are followed that far.
constexpr size_t kMaxPath = 4096;
// A host with thousands of containers has megabytes of mounts.
constexpr size_t kMaxTable = size_t{16} << 20;

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::vector<std::string> names_of(std::string_view list) {
  std::vector<std::string> names;
  for (const std::string_view name : split(list, ',')) names.emplace_back(name);
  return names;
}

// The kernel writes blanks, tabs, line feeds and backslashes in mountinfo as \ooo.
std::string unescaped(std::string_view text) {
  std::string plain;
  const auto octal = [&](size_t at) { return text[at] >= '0' && text[at] <= '7'; };
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && octal(i + 1) && octal(i + 2) && octal(i + 3)) {
      const int code = (text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0');
      plain += static_cast<char>(code);
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

// A path without "//", "." and a slash at its end ("" for "/"). Nothing where it climbs with "..":
// then it leads out of what is seen here.
std::optional<std::string> normal_path(std::string_view path) {
  if (path.size() > kMaxPath) path = path.substr(0, path.rfind('/', kMaxPath));
  std::string normal;
  for (const std::string_view part : split(path, '/')) {
    if (part == "..") return std::nullopt;
    if (part.empty() || part == ".") continue;
    normal += '/';
    normal += part;
  }
  return normal;
}

// What of `group` lies below `top`, both normal: "" for top itself; nothing where it is elsewhere.
std::optional<std::string_view> below(std::string_view group, std::string_view top) {
  if (!group.starts_with(top)) return std::nullopt;
  group.remove_prefix(top.size());
  if (!group.empty() && group.front() != '/') return std::nullopt;
  return group;
}

// "36 35 0:30 /top /point rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct": any number of
// optional fields before the lone dash.
struct MountLine {
  std::string_view top, point, type, options;
};
std::optional<MountLine> parse_mount_line(std::string_view line) {
  const std::vector<std::string_view> fields = split(line, ' ');
  constexpr size_t kFirstOptional = 6;
  if (fields.size() < kFirstOptional) return std::nullopt;
  const auto dash = std::find(fields.begin() + kFirstOptional, fields.end(), "-");
  if (fields.end() - dash < 4) return std::nullopt;
  return MountLine{.top = fields[3], .point = fields[4], .type = dash[1], .options = dash[3]};
}

bool has(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

ControlGroups::ControlGroups(const std::filesystem::path& root)
    : root_(root == "/" ? "" : root.string()) {
  const std::string groups =
      read_system_file(root_ + "/proc/self/cgroup", kMaxTable).value_or(std::string());
  for (const std::string_view line : split(groups, '\n')) {  // "4:memory:/a/b", "0::/a:b"
    const size_t first = line.find(':');
    if (first == std::string_view::npos) continue;
    const size_t second = line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string_view list = line.substr(first + 1, second - first - 1);
    memberships_.push_back({.version = list.empty() ? 2 : 1,
                            .controllers = names_of(list),
                            .group = std::string(line.substr(second + 1))});
  }
  const std::string mounts =
      read_system_file(root_ + "/proc/self/mountinfo", kMaxTable).value_or(std::string());
  for (const std::string_view line : split(mounts, '\n')) {
    const std::optional<MountLine> mount = parse_mount_line(line);
    if (!mount || (mount->type != "cgroup" && mount->type != "cgroup2")) continue;
    mounts_.push_back({.version = mount->type == "cgroup2" ? 2 : 1,
                       .controllers = names_of(mount->options),
                       .top = unescaped(mount->top),
                       .point = unescaped(mount->point)});
  }
}

// Appends the group at `below_top` within a mount that shows `top`, then its parents up to the
// mount itself.
void ControlGroups::add_chain(const Mount& mount, std::string_view top, std::string_view below_top,
                              std::vector<ControlGroup>& groups) const {
  std::string inner(below_top);
  while (true) {
    const std::string name = std::string(top) + inner;
    groups.push_back({.folder = root_ + mount.point + inner,
                      .name = name.empty() ? "/" : name,
                      .version = mount.version});
    if (inner.empty()) return;
    inner.resize(inner.rfind('/'));
  }
}

std::vector<ControlGroup> ControlGroups::of(std::string_view controller) const {
  std::vector<ControlGroup> groups;
  for (const int version : {2, 1}) {
    const auto concerns = [&](int its_version, const std::vector<std::string>& controllers) {
      return its_version == version && (version == 2 || has(controllers, controller));
    };
    std::optional<std::string> group = "";
    for (const Membership& membership : memberships_) {
      if (!concerns(membership.version, membership.controllers)) continue;
      group = normal_path(membership.group);
      break;
    }

    std::vector<Mount> mounts;
    for (const Mount& mount : mounts_) {
      if (concerns(mount.version, mount.controllers)) mounts.push_back(mount);
    }
    // What mountinfo cannot tell, the usual places may.
    const std::string usual = "/sys/fs/cgroup";
    const std::array<std::string, 2> places =
        version == 2 ? std::array{usual, usual + "/unified"}
                     : std::array{usual + "/" + std::string(controller), usual + "/cpu,cpuacct"};
    for (const std::string& place : places) {
      const bool known = std::any_of(mounts.begin(), mounts.end(),
                                     [&](const Mount& mount) { return mount.point == place; });
      if (!known) mounts.push_back({.version = version, .top = "/", .point = place});
    }

    // A container that sees the host's names may have its own group alone mounted, and a namespace
    // shows "/" where the limit stands at the mount. Where the process's group is not below what a
    // mount shows, the mount is believed only if no other fits.
    bool fits = false;
    for (const Mount& mount : mounts) {
      const auto top = normal_path(mount.top);
      const auto inner = top && group ? below(*group, *top) : std::nullopt;
      if (!inner) continue;
      add_chain(mount, *top, *inner, groups);
      fits = fits || std::find_if(mounts_.begin(), mounts_.end(), [&](const Mount& known) {
                       return known.point == mount.point;
                     }) != mounts_.end();
    }
    if (fits) continue;
    for (const Mount& mount : mounts) add_chain(mount, "", group.value_or(""), groups);
  }
  std::set<std::pair<int, std::string_view>> seen;
  std::vector<ControlGroup> distinct;
  for (const ControlGroup& group : groups) {
    if (seen.emplace(group.version, group.folder).second) distinct.push_back(group);
  }
  return distinct;
}

}  // namespace hadal
