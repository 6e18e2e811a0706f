// From the words of the command line to a command with checked values. Refuses what the table of
// options does not know, and says what was probably meant. Runs nothing and prints nothing.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/options_table.h"

namespace hadal {

enum class Request {
  kCommand,   // run `command`
  kHelp,      // print the help of `command`, or the overview when there is none
  kMarkdown,  // print docs/cli.md
  kVersion,
};

class ParsedLine {
 public:
  Request request = Request::kCommand;
  std::optional<Command> command = std::nullopt;

  // Values are checked against the table when the line is parsed; names must be in the table (an
  // option's name without dashes, an argument's in capitals). Absent and without fallback: nullopt.
  std::optional<std::string> text(std::string_view name) const;
  std::optional<int64_t> integer(std::string_view name) const;
  std::optional<double> number(std::string_view name) const;
  std::optional<uint64_t> size(std::string_view name) const;  // in bytes
  std::vector<std::string> list(std::string_view name) const;
  bool flag(std::string_view name) const;
  // The value of an option that the command cannot do without. Throws Error kInvalidArgument.
  std::string required_text(std::string_view name) const;

  void set(std::string_view name, std::string value);

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

// `words` without the program's name. Throws Error kInvalidArgument.
ParsedLine parse_command_line(std::span<const std::string> words);

}  // namespace hadal
