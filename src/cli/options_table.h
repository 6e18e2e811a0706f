// The one list of commands, arguments and options: parsing, --help and docs/cli.md are made from
// it. Says what a value must look like; what it does is the commands' business.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace hadal {

// Bits, so that an option can name all commands it belongs to.
enum class Command : unsigned {
  kRun = 1,
  kServe = 2,
  kInspect = 4,
  kSynth = 8,
  kScore = 16,
  kText = 32,
  kBench = 64,
};

constexpr unsigned operator|(Command a, Command b) {
  return static_cast<unsigned>(a) | static_cast<unsigned>(b);
}
constexpr unsigned operator|(unsigned a, Command b) { return a | static_cast<unsigned>(b); }

enum class OptionType {
  kText,  // anything
  kName,  // text of one line, not empty
  kPath,  // not empty
  kInteger,
  kNumber,
  kSize,
  kFlag,
  kChoice,
  kList,  // names as kName with commas between them; repeating the option adds to them
};

struct OptionSpec {
  std::string_view name;  // without dashes
  char letter = 0;        // a short form, or 0
  OptionType type = OptionType::kText;
  std::string_view value_name = {};     // how the help calls the value
  std::string_view fallback = {};       // the value when the option is absent; empty: none
  std::string_view fallback_note = {};  // for the help, when the fallback cannot be written down
  std::string_view help = {};
  unsigned commands = 0;  // of Command
  // kInteger and kNumber: the least and greatest value allowed; kSize: the least, in bytes.
  double minimum = 0;
  double maximum = 0;
  std::vector<std::string_view> choices = {};  // kChoice
};

struct ArgumentSpec {
  std::string_view name;  // in capitals; the key of the parsed value
  std::string_view help;
  std::vector<std::string_view> choices = {};  // empty: any text
};

struct CommandSpec {
  Command id;
  std::string_view name;
  std::string_view summary;                  // one line
  std::string_view description;              // some sentences
  std::vector<ArgumentSpec> arguments = {};  // all required
  std::vector<std::string_view> examples = {};
};

std::span<const CommandSpec> command_table();
std::span<const OptionSpec> option_table();

const CommandSpec* find_command(std::string_view name);
const CommandSpec& command_spec(Command command);

// The options of one command in the order of the table.
std::vector<const OptionSpec*> options_of(Command command);

}  // namespace hadal
