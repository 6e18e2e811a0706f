// The one list of commands, of the groups some of them belong to, and of their arguments. What a
// command does is the business of its own file; its options stand in options_table.h.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/option_keys.h"

namespace hadal {

// Bits, so that an option can name all commands it belongs to.
enum class Command : unsigned {
  kRun = 1U << 0,
  kServe = 1U << 1,
  kInspect = 1U << 2,
  kSynth = 1U << 3,
  kScore = 1U << 4,
  kTextTokenize = 1U << 5,
  kTextDetokenize = 1U << 6,
  kTextEncodeChat = 1U << 7,
  kTextParseChat = 1U << 8,
  kBenchKernels = 1U << 9,
  kBenchDecode = 1U << 10,
  kBenchPrefill = 1U << 11,
  kBenchEngine = 1U << 12,
  kBenchCache = 1U << 13,
};

class CommandSet {
 public:
  constexpr CommandSet() = default;
  constexpr CommandSet(Command command) : bits_(static_cast<unsigned>(command)) {}

  constexpr bool contains(Command command) const {
    return (bits_ & static_cast<unsigned>(command)) != 0;
  }
  friend constexpr CommandSet operator|(CommandSet a, CommandSet b) {
    a.bits_ |= b.bits_;
    return a;
  }

 private:
  unsigned bits_ = 0;
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

// Commands that are typed after one name.
struct GroupSpec {
  std::string_view name;
  std::string_view what;  // how its help calls a member, in capitals
  std::string_view summary;
  std::string_view description;
};

// In the order of the help; the members of a group stand together.
std::span<const CommandSpec> command_table();
std::span<const GroupSpec> group_table();

// By the full name; nullptr: there is none.
const CommandSpec* find_command(std::string_view full_name);
const GroupSpec* find_group(std::string_view name);
const CommandSpec& command_spec(Command command);
std::vector<const CommandSpec*> members_of(const GroupSpec& group);

}  // namespace hadal
