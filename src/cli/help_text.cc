#include "cli/help_text.h"

#include <algorithm>
#include <fmt/format.h>
#include <utility>
#include <vector>

#include "cli/options_table.h"

namespace hadal {
namespace {

constexpr size_t kLineWidth = 96;

// Breaks `text` between words; lines after the first begin with `indent` spaces, and the first is
// taken to start there already.
std::string wrapped(std::string_view text, size_t indent) {
  std::string out;
  size_t column = indent;
  while (!text.empty()) {
    const size_t length = std::min(text.find(' '), text.size());
    if (column > indent && column + 1 + length > kLineWidth) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      out += ' ';
      ++column;
    }
    out += text.substr(0, length);
    column += length;
    text.remove_prefix(std::min(length + 1, text.size()));
  }
  return out;
}

std::string usage(const CommandSpec& command) {
  std::string line = "hadal " + command.full_name();
  for (const ArgumentSpec& argument : command.arguments)
    line += fmt::format(" {}", argument.key.name);
  return line + " [options]";
}

std::string choices_text(const std::vector<std::string_view>& choices) {
  return fmt::format("{}", fmt::join(choices, ", "));
}

// "--think MODE" with its letter, as written on a command line.
std::string form(const OptionSpec& option) {
  std::string text = option.letter != 0 ? fmt::format("-{}, ", option.letter) : "";
  text += fmt::format("--{}", option.key.name);
  if (!option.value_name.empty()) text += fmt::format(" {}", option.value_name);
  return text;
}

std::string default_text(const OptionSpec& option) {
  return option.fallback.empty() ? std::string(option.fallback_note) : option.fallback;
}

std::string option_explanation(const OptionSpec& option) {
  std::string text(option.help);
  if (!option.choices.empty()) text += fmt::format(" ({})", choices_text(option.choices));
  if (const std::string value = default_text(option); !value.empty()) {
    text += fmt::format(" [default: {}]", value);
  }
  return text;
}

std::string type_text(const OptionSpec& option) {
  switch (option.key.type) {
    case OptionType::kText:
    case OptionType::kName:
      return "text";
    case OptionType::kList:
      return "texts with commas between them";
    case OptionType::kRepeat:
      return "text; can be repeated";
    case OptionType::kPath:
      return "path";
    case OptionType::kInteger:
      return fmt::format("whole number, {:.0f} to {:.0f}", option.minimum, option.maximum);
    case OptionType::kNumber:
      return fmt::format("number, {} to {}", option.minimum, option.maximum);
    case OptionType::kSize:
      return "size, such as 512M or 16G";
    case OptionType::kFlag:
      return "switch";
    case OptionType::kChoice:
      return choices_text(option.choices);
  }
  return "";
}

std::string rows(const std::vector<std::pair<std::string, std::string>>& entries) {
  size_t width = 0;
  for (const auto& [left, right] : entries) width = std::max(width, left.size());
  std::string out;
  for (const auto& [left, right] : entries) {
    out += fmt::format("  {:<{}}  {}\n", left, width, wrapped(right, width + 4));
  }
  return out;
}

// What docs/cli.md says of a command.
std::string command_section(const CommandSpec& command) {
  std::string out =
      fmt::format("\n{} hadal {}\n\n{}.\n\n    {}\n\n{}\n", command.group.empty() ? "##" : "###",
                  command.full_name(), command.summary, usage(command), command.description);
  if (!command.arguments.empty()) {
    out += "\n| argument | meaning |\n|---|---|\n";
    for (const ArgumentSpec& argument : command.arguments) {
      out += fmt::format(
          "| `{}` | {}{} |\n", argument.key.name, argument.help,
          argument.choices.empty() ? "" : fmt::format(" ({})", choices_text(argument.choices)));
    }
  }
  if (const auto options = options_of(command.id); !options.empty()) {
    out += "\n| option | value | default | meaning |\n|---|---|---|---|\n";
    for (const OptionSpec* option : options) {
      out += fmt::format("| `{}` | {} | {} | {} |\n", form(*option), type_text(*option),
                         default_text(*option), option->help);
    }
  }
  if (!command.examples.empty()) {
    out += "\n";
    for (const std::string_view example : command.examples) {
      out += fmt::format("    {}\n", example);
    }
  }
  return out;
}

// With what its group says of all members.
std::string description(const CommandSpec& command) {
  std::string text(command.description);
  if (!command.group.empty()) text += " " + std::string(find_group(command.group)->description);
  return text;
}

}  // namespace

std::string version_text() { return "hadal " HADAL_VERSION "\n"; }

std::string overview_help() {
  std::vector<std::pair<std::string, std::string>> entries;
  std::string_view group;
  for (const CommandSpec& command : command_table()) {
    if (command.group.empty()) {
      entries.emplace_back(command.name, command.summary);
    } else if (command.group != group && command.group.find(' ') == std::string_view::npos) {
      entries.emplace_back(command.group, find_group(command.group)->summary);
    }
    group = command.group;
  }
  return "hadal serves DeepSeek V4 on machines of your own, and measures any server of it.\n\n"
         "Usage: hadal COMMAND [options]\n\nCommands:\n" +
         rows(entries) +
         "\nhadal COMMAND --help explains a command; hadal --version prints the version.\n";
}

std::string group_help(const GroupSpec& group) {
  std::vector<std::pair<std::string, std::string>> entries;
  for (const CommandSpec* member : members_of(group)) {
    entries.emplace_back(member->name, member->summary);
  }
  for (const GroupSpec* below : groups_of(group)) {
    entries.emplace_back(below->last_name(), below->summary);
  }
  return fmt::format(
      "{}.\n\nUsage: hadal {} {} [options]\n\n{}\n\n{}:\n{}\nhadal {} {} --help explains one of "
      "them.\n",
      group.summary, group.name, group.what, wrapped(group.description, 0), group.what,
      rows(entries), group.name, group.what);
}

std::string command_help(const CommandSpec& command) {
  std::string out = fmt::format("{}.\n\nUsage: {}\n\n{}\n", command.summary, usage(command),
                                wrapped(description(command), 0));
  if (!command.arguments.empty()) {
    std::vector<std::pair<std::string, std::string>> entries;
    for (const ArgumentSpec& argument : command.arguments) {
      std::string text(argument.help);
      if (!argument.choices.empty()) text += fmt::format(" ({})", choices_text(argument.choices));
      entries.emplace_back(argument.key.name, text);
    }
    out += "\nArguments:\n" + rows(entries);
  }
  std::vector<std::pair<std::string, std::string>> entries;
  for (const OptionSpec* option : options_of(command.id)) {
    entries.emplace_back(form(*option), option_explanation(*option));
  }
  entries.emplace_back("-h, --help", "Print this");
  out += "\nOptions:\n" + rows(entries);
  if (!command.examples.empty()) {
    out += "\nExamples:\n";
    for (const std::string_view example : command.examples) out += fmt::format("  {}\n", example);
  }
  return out;
}

std::string markdown_reference() {
  std::string out =
      "# The command line\n\n"
      "Made from the table of options by `make docs`; do not edit by hand.\n\n"
      "Every command takes `--help`. Errors are one line on standard error, "
      "`hadal: error: where: what; remedy`. Exit status: 0 success, 2 something that you can mend "
      "(an option, a file, a port), 1 a fault of hadal's own, 130 interrupted, 141 "
      "nobody reads the output any more.\n";
  std::string_view group;
  for (const CommandSpec& command : command_table()) {
    if (!command.group.empty() && command.group != group) {
      const GroupSpec& spec = *find_group(command.group);
      out += fmt::format("\n## hadal {}\n\n{}.\n\n    hadal {} {} [options]\n\n{}\n", spec.name,
                         spec.summary, spec.name, spec.what, spec.description);
    }
    group = command.group;
    out += command_section(command);
  }
  return out;
}

}  // namespace hadal
