#include "cli/command_line.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "base/check.h"
#include "base/error.h"
#include "cli/suggest.h"

namespace hadal {
namespace {

[[noreturn]] void refuse(std::string where, std::string what, std::string remedy) {
  throw Error({.code = ErrorCode::kInvalidArgument,
               .where = std::move(where),
               .what = std::move(what),
               .remedy = std::move(remedy)});
}

std::string joined(const std::vector<std::string_view>& words) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += words[i];
  }
  return text;
}

void check_choice(const std::string& where, const std::string& value,
                  const std::vector<std::string_view>& choices) {
  if (std::find(choices.begin(), choices.end(), value) != choices.end()) return;
  const std::vector<std::string> candidates(choices.begin(), choices.end());
  const std::string meant = nearest(value, candidates);
  refuse(where, "cannot be '" + printable(value) + "'",
         meant.empty() ? "use " + joined(choices) : "did you mean " + meant + "?");
}

template <typename T>
bool parses_whole(const std::string& value, T& number) {
  const char* end = value.data() + value.size();
  const auto result = std::from_chars(value.data(), end, number);
  return result.ec == std::errc() && result.ptr == end;
}

// "16G", "512M", "1.5T" or plain bytes.
std::optional<uint64_t> parse_size(std::string_view value) {
  constexpr std::string_view kUnits = "KMGT";
  constexpr double kStep = 1024;
  constexpr double kMost = 9e15;  // doubles tell apart all whole numbers below
  double factor = 1;
  if (!value.empty()) {
    const auto letter = static_cast<char>(std::toupper(static_cast<unsigned char>(value.back())));
    if (const size_t unit = kUnits.find(letter); unit != std::string_view::npos) {
      factor = std::pow(kStep, static_cast<double>(unit) + 1);
      value.remove_suffix(1);
    }
  }
  double number = 0;
  if (!parses_whole(std::string(value), number)) return std::nullopt;
  number *= factor;
  if (!(number >= 0 && number <= kMost)) return std::nullopt;
  return static_cast<uint64_t>(number);
}

void check_option(const OptionSpec& spec, const std::string& value) {
  const std::string where = "--" + std::string(spec.name);
  switch (spec.type) {
    case OptionType::kInteger: {
      int64_t number = 0;
      const bool parsed = parses_whole(value, number);
      if (!parsed || static_cast<double>(number) < spec.minimum ||
          static_cast<double>(number) > spec.maximum) {
        refuse(
            where, "cannot be '" + printable(value) + "'",
            fmt::format("give a whole number from {:.0f} to {:.0f}", spec.minimum, spec.maximum));
      }
      break;
    }
    case OptionType::kNumber: {
      double number = 0;
      const bool parsed = parses_whole(value, number) && std::isfinite(number);
      if (!parsed || number < spec.minimum || number > spec.maximum) {
        refuse(where, "cannot be '" + printable(value) + "'",
               fmt::format("give a number from {} to {}", spec.minimum, spec.maximum));
      }
      break;
    }
    case OptionType::kSize: {
      const std::optional<uint64_t> bytes = parse_size(value);
      if (!bytes || static_cast<double>(*bytes) < spec.minimum) {
        refuse(where, "cannot be '" + printable(value) + "'",
               "give a number of bytes with K, M, G or T behind it, such as 16G");
      }
      break;
    }
    case OptionType::kChoice:
      check_choice(where, value, spec.choices);
      break;
    case OptionType::kPath:
      if (value.empty()) refuse(where, "is empty", "name a file or directory");
      break;
    case OptionType::kName:
    case OptionType::kList:
      if (value.find_first_not_of(spec.type == OptionType::kList ? ", " : "") == std::string::npos)
        refuse(where, "is empty", "write " + where + " " + std::string(spec.value_name));
      if (printable(value, value.size() + 1) != value) {
        refuse(where, "cannot be '" + printable(value) + "'",
               "give UTF-8 without control characters");
      }
      break;
    case OptionType::kText:
    case OptionType::kFlag:
      break;
  }
}

[[noreturn]] void refuse_leftover(const CommandSpec& command, const std::string& word) {
  const std::string name = "hadal " + std::string(command.name);
  if (word.size() > 1 && word.front() == '-') {
    std::vector<std::string> known = {"--help"};
    for (const OptionSpec* spec : options_of(command.id)) {
      known.push_back("--" + std::string(spec->name));
    }
    const std::string given = word.substr(0, word.find('='));
    const std::string meant = nearest(given, known);
    refuse(printable(given), "is no option of " + name,
           meant.empty() ? name + " --help lists them" : "did you mean " + meant + "?");
  }
  refuse(printable(word), "is one argument more than " + name + " takes",
         "quote values that contain spaces; see " + name + " --help");
}

// CLI11 takes the next word as the value of "--name=", and any word as that of "--switch=word".
void refuse_wrong_assignments(const std::vector<const OptionSpec*>& options,
                              std::span<const std::string> words) {
  for (const std::string& word : words) {
    if (word == "--") return;
    for (const OptionSpec* spec : options) {
      const std::string name = "--" + std::string(spec->name);
      if (spec->type == OptionType::kFlag) {
        if (word.starts_with(name + "=")) refuse(name, "takes no value", "write " + name);
      } else if (word == name + "=") {
        refuse(name, "has no value after =", "write " + name + " " + std::string(spec->value_name));
      }
    }
  }
}

// The first command that has the option "--threads", "--threads=2" or "-t"; nullptr: none has.
const CommandSpec* command_with_option(std::string_view word) {
  const std::string_view given = word.substr(0, word.find('='));
  for (const CommandSpec& command : command_table()) {
    for (const OptionSpec* spec : options_of(command.id)) {
      const bool short_form = spec->letter != 0 && given == std::string{'-', spec->letter};
      if (short_form || given == "--" + std::string(spec->name)) return &command;
    }
  }
  return nullptr;
}

ParsedLine parse_command(const CommandSpec& command, std::span<const std::string> words) {
  ParsedLine line;
  line.command = command.id;
  const std::vector<const OptionSpec*> options = options_of(command.id);
  refuse_wrong_assignments(options, words);

  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  bool help = false;
  app.add_flag("-h,--help", help);
  bool version = false;
  app.add_flag("-V,--version", version);

  std::vector<std::string> option_values(options.size());
  std::vector<CLI::Option*> parsed_options;
  for (size_t i = 0; i < options.size(); ++i) {
    const OptionSpec& spec = *options[i];
    std::string names = "--" + std::string(spec.name);
    if (spec.letter != 0) names = std::string("-") + spec.letter + "," + names;
    CLI::Option* option = spec.type == OptionType::kFlag ? app.add_flag(names)
                                                         : app.add_option(names, option_values[i]);
    if (spec.type != OptionType::kFlag) {
      option->multi_option_policy(spec.type == OptionType::kList
                                      ? CLI::MultiOptionPolicy::Join
                                      : CLI::MultiOptionPolicy::TakeLast);
      // CLI11 would take the text "[a,b]" for a list and keep one part of it.
      option->allow_extra_args(false);
    }
    parsed_options.push_back(option);
  }
  std::vector<std::string> argument_values(command.arguments.size());
  std::vector<CLI::Option*> parsed_arguments;
  for (size_t i = 0; i < command.arguments.size(); ++i) {
    parsed_arguments.push_back(
        app.add_option(std::string(command.arguments[i].name), argument_values[i]));
    parsed_arguments.back()->allow_extra_args(false);
  }

  try {
    app.parse(std::vector<std::string>(words.rbegin(), words.rend()));
  } catch (const CLI::ArgumentMismatch& error) {
    // The last word is an option without its value: every other mismatch is found in the table.
    refuse(printable(words.back()), "needs a value",
           "see hadal " + std::string(command.name) + " --help");
  } catch (const CLI::ParseError& error) {
    refuse("hadal " + std::string(command.name), error.what(),
           "see hadal " + std::string(command.name) + " --help");
  }
  if (help || version) {
    line.request = help ? Request::kHelp : Request::kVersion;
    return line;
  }
  for (size_t i = 0; i < options.size(); ++i) {
    if (options[i]->type == OptionType::kList && parsed_options[i]->count() > 0) {
      option_values[i] = fmt::format("{}", fmt::join(parsed_options[i]->results(), ","));
    }
  }
  // Before the words left over: a number that an option's name was taken for leaves one behind.
  for (size_t i = 0; i < options.size(); ++i) {
    if (options[i]->type != OptionType::kFlag && parsed_options[i]->count() > 0) {
      check_option(*options[i], option_values[i]);
    }
  }
  std::vector<std::string> rest = app.remaining();
  std::erase(rest, "--");
  if (!rest.empty()) {
    const auto option = std::find_if(rest.begin(), rest.end(),
                                     [](const std::string& word) { return word.starts_with('-'); });
    refuse_leftover(command, option == rest.end() ? rest.front() : *option);
  }

  for (size_t i = 0; i < command.arguments.size(); ++i) {
    const ArgumentSpec& spec = command.arguments[i];
    const std::string name(spec.name);
    if (parsed_arguments[i]->count() == 0 || argument_values[i].empty()) {
      refuse("hadal " + std::string(command.name), "needs " + name,
             spec.choices.empty() ? "see hadal " + std::string(command.name) + " --help"
                                  : "give " + joined(spec.choices));
    }
    if (!spec.choices.empty()) check_choice(name, argument_values[i], spec.choices);
    line.set(name, argument_values[i]);
  }
  for (size_t i = 0; i < options.size(); ++i) {
    const OptionSpec& spec = *options[i];
    if (parsed_options[i]->count() > 0) {
      line.set(spec.name, spec.type == OptionType::kFlag ? "1" : option_values[i]);
    } else if (!spec.fallback.empty()) {
      line.set(spec.name, std::string(spec.fallback));
    }
  }
  return line;
}

}  // namespace

void ParsedLine::set(std::string_view name, std::string value) {
  values_.insert_or_assign(std::string(name), std::move(value));
}

std::optional<std::string> ParsedLine::text(std::string_view name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return std::nullopt;
  return found->second;
}

std::optional<int64_t> ParsedLine::integer(std::string_view name) const {
  const std::optional<std::string> value = text(name);
  if (!value) return std::nullopt;
  int64_t number = 0;
  HADAL_CHECK(parses_whole(*value, number));
  return number;
}

std::optional<double> ParsedLine::number(std::string_view name) const {
  const std::optional<std::string> value = text(name);
  if (!value) return std::nullopt;
  double number = 0;
  HADAL_CHECK(parses_whole(*value, number));
  return number;
}

std::optional<uint64_t> ParsedLine::size(std::string_view name) const {
  const std::optional<std::string> value = text(name);
  if (!value) return std::nullopt;
  const std::optional<uint64_t> bytes = parse_size(*value);
  HADAL_CHECK(bytes.has_value());
  return bytes;
}

std::vector<std::string> ParsedLine::list(std::string_view name) const {
  const std::string value = text(name).value_or("");
  std::vector<std::string> members;
  for (size_t begin = 0; begin < value.size();) {
    const size_t end = std::min(value.find(',', begin), value.size());
    if (end > begin) members.push_back(value.substr(begin, end - begin));
    begin = end + 1;
  }
  return members;
}

bool ParsedLine::flag(std::string_view name) const { return values_.contains(name); }

std::string ParsedLine::required_text(std::string_view name) const {
  std::optional<std::string> value = text(name);
  if (!value) {
    const std::string owner(command_spec(command.value()).name);
    refuse("--" + std::string(name), "is missing", "see hadal " + owner + " --help");
  }
  return *std::move(value);
}

ParsedLine parse_command_line(std::span<const std::string> words) {
  ParsedLine line;
  if (words.empty()) {
    line.request = Request::kHelp;
    return line;
  }
  const std::string& first = words.front();
  const std::span<const std::string> rest = words.subspan(1);
  if (first == "--version" || first == "-V" || first == "version") {
    line.request = Request::kVersion;
    return line;
  }
  if (first == "--help" || first == "-h" || first == "help") {
    line.request = Request::kHelp;
    if (rest.empty()) return line;
    if (rest.front() == "--markdown") {
      line.request = Request::kMarkdown;
      return line;
    }
    if (const CommandSpec* command = find_command(rest.front())) {
      line.command = command->id;
      return line;
    }
  }
  if (const CommandSpec* command = find_command(first)) return parse_command(*command, rest);

  const std::string& unknown = line.request == Request::kHelp ? rest.front() : first;
  if (const CommandSpec* command = command_with_option(unknown)) {
    refuse(printable(unknown), "stands where a command is expected",
           "write it after the command, as in hadal " + std::string(command->name) + " " +
               printable(unknown));
  }
  std::vector<std::string> known = {"help", "--help", "--version"};
  for (const CommandSpec& command : command_table()) known.emplace_back(command.name);
  const std::string meant = nearest(unknown, known);
  refuse(printable(unknown), "is no command of hadal",
         meant.empty() ? "hadal --help lists them" : "did you mean " + meant + "?");
}

}  // namespace hadal
