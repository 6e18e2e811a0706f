// The one list of commands, of the groups some of them belong to, and of their arguments. What a
// command does is the business of its own file; its options stand in options_table.h.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/option_keys.h"

namespace hadal {

// Bits, so that an option can name all commands it belongs to.
enum class Command : uint64_t {
  kRun = uint64_t{1} << 0,
  kServe = uint64_t{1} << 1,
  kInspect = uint64_t{1} << 2,
  kSynth = uint64_t{1} << 3,
  kScore = uint64_t{1} << 4,
  kTextTokenize = uint64_t{1} << 5,
  kTextDetokenize = uint64_t{1} << 6,
  kTextEncodeChat = uint64_t{1} << 7,
  kTextParseChat = uint64_t{1} << 8,
  kBenchKernels = uint64_t{1} << 9,
  kBenchDecode = uint64_t{1} << 10,
  kBenchPrefill = uint64_t{1} << 11,
  kBenchEngine = uint64_t{1} << 12,
  kBenchCache = uint64_t{1} << 13,
  kMeasureQuick = uint64_t{1} << 14,
  kMeasureRun = uint64_t{1} << 15,
  kMeasureVerify = uint64_t{1} << 16,
  kMeasureCompare = uint64_t{1} << 17,
  kMeasureSelftest = uint64_t{1} << 18,
  kMeasureCosts = uint64_t{1} << 19,
  kRunsList = uint64_t{1} << 20,
  kRunsShow = uint64_t{1} << 21,
  kRunsCompare = uint64_t{1} << 22,
  kRunsAnnotate = uint64_t{1} << 23,
  kRunsExport = uint64_t{1} << 24,
  kRunsImport = uint64_t{1} << 25,
  kRunsBundle = uint64_t{1} << 26,
  kRunsCheck = uint64_t{1} << 27,
  kBenchSpeculation = uint64_t{1} << 35,
  kDashboard = uint64_t{1} << 28,
  kMeasureSweep = uint64_t{1} << 29,
  kMeasureTrack = uint64_t{1} << 30,
  kMeasureRecommend = uint64_t{1} << 31,
  kPlanValidate = uint64_t{1} << 32,
  kPlanAsk = uint64_t{1} << 33,
  kPlanFleet = uint64_t{1} << 34,
};

class CommandSet {
 public:
  constexpr CommandSet() = default;
  constexpr CommandSet(Command command) : bits_(static_cast<uint64_t>(command)) {}

  constexpr bool contains(Command command) const {
    return (bits_ & static_cast<uint64_t>(command)) != 0;
  }
  friend constexpr CommandSet operator|(CommandSet a, CommandSet b) {
    a.bits_ |= b.bits_;
    return a;
  }

 private:
  uint64_t bits_ = 0;
};

constexpr CommandSet operator|(Command a, Command b) { return CommandSet(a) | CommandSet(b); }

struct ArgumentSpec {
  ArgumentKey key;
  std::string_view help;
  std::vector<std::string_view> choices = {};  // empty: any text
};

struct CommandSpec {
  Command id;
  std::string_view group = {};  // "bench" of "hadal bench decode"; empty: none
  std::string_view name;
  std::string_view summary;                  // one line
  std::string_view description;              // some sentences; may be empty in a group
  std::vector<ArgumentSpec> arguments = {};  // all required
  std::vector<std::string_view> examples = {};

  std::string full_name() const;  // with the group's, as it is typed after "hadal"
};

// Commands that are typed after one name. A name of two words ("measure runs") is a group within
// another.
struct GroupSpec {
  std::string_view name;
  std::string_view what;  // how its help calls a member, in capitals
  std::string_view summary;
  std::string_view description;
  std::string_view alone = {};  // the member that is meant where none is named; empty: one must be

  std::string_view last_name() const { return name.substr(name.rfind(' ') + 1); }
};

// In the order of the help; the members of a group stand together.
std::span<const CommandSpec> command_table();
std::span<const GroupSpec> group_table();

// By the full name; nullptr: there is none.
const CommandSpec* find_command(std::string_view full_name);
const GroupSpec* find_group(std::string_view name);
const CommandSpec& command_spec(Command command);
std::vector<const CommandSpec*> members_of(const GroupSpec& group);
// The groups that are typed after its name.
std::vector<const GroupSpec*> groups_of(const GroupSpec& group);

// The parts of the table: what needs an engine, and what does not.
const std::vector<CommandSpec>& engine_commands();
const std::vector<CommandSpec>& measure_commands();
const std::vector<CommandSpec>& plan_commands();

}  // namespace hadal
