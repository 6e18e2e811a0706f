// From the words of the command line to a command with checked values. Refuses what the tables of
// commands and options do not know, and says what was probably meant. Runs nothing and prints
// nothing.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command_table.h"
#include "cli/options_table.h"

namespace hadal {

enum class Request {
  kCommand,   // run `command`
  kHelp,      // print the help of `command` or `group`, or the overview when there is neither
  kMarkdown,  // print docs/cli.md
  kVersion,
};

// Reads a value that the table has accepted.
template <typename Value>
Value read_value(const OptionKey& key, const std::string& text) = delete;
template <>
std::string read_value(const OptionKey& key, const std::string& text);
template <>
int read_value(const OptionKey& key, const std::string& text);
template <>
double read_value(const OptionKey& key, const std::string& text);
template <>
uint64_t read_value(const OptionKey& key, const std::string& text);
template <>
std::vector<std::string> read_value(const OptionKey& key, const std::string& text);

class ParsedLine {
 public:
  Request request = Request::kCommand;
  std::optional<Command> command = std::nullopt;
  const GroupSpec* group = nullptr;

  // Values were checked against the table when the line was parsed. Of an option that the table
  // does not give to this command nothing may be asked: InvariantError.

  // Absent and without fallback: nullopt.
  template <OptionType kType, typename Value>
  std::optional<Value> get(const TypedKey<kType, Value>& key) const {
    const std::string* text = find(key);
    if (text == nullptr) return std::nullopt;
    return read_value<Value>(key, *text);
  }
  // Of an option that has a fallback or that the command cannot do without. Throws Error
  // kInvalidArgument where it is missing.
  template <OptionType kType, typename Value>
  Value value(const TypedKey<kType, Value>& key) const {
    return read_value<Value>(key, required(key));
  }
  bool has(const OptionKey& key) const { return find(key) != nullptr; }
  std::vector<std::string> list(const ListKey& key) const {
    return get(key).value_or(std::vector<std::string>());
  }
  std::vector<std::string> list(const RepeatKey& key) const {
    return get(key).value_or(std::vector<std::string>());
  }
  const std::string& argument(const ArgumentKey& key) const;

  void set(const OptionSpec& spec, std::string value);
  void set(const ArgumentSpec& spec, std::string value);

 private:
  const std::string* find(const OptionKey& key) const;
  const std::string& required(const OptionKey& key) const;

  std::map<std::string, std::string, std::less<>> values_;
  std::map<std::string, std::string, std::less<>> arguments_;
};

// `words` without the program's name. Throws Error kInvalidArgument.
ParsedLine parse_command_line(std::span<const std::string> words);

}  // namespace hadal
