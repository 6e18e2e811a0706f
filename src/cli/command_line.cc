#include "cli/command_line.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <fmt/format.h>
#include <map>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "base/suggest.h"

namespace hadal {
namespace {

Error refusal(std::string where, std::string what, std::string remedy) {
  return Error({.code = ErrorCode::kInvalidArgument,
                .where = std::move(where),
                .what = std::move(what),
                .remedy = std::move(remedy)});
}

[[noreturn]] void refuse(std::string where, std::string what, std::string remedy) {
  throw refusal(std::move(where), std::move(what), std::move(remedy));
}

std::string joined(const std::vector<std::string_view>& words, std::string_view last = " or ") {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? last : ", ";
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

// Whether nothing stands before, between or behind the commas of a list.
bool has_empty_part(std::string_view list) {
  while (true) {
    const size_t end = std::min(list.find(','), list.size());
    if (list.substr(0, end).find_first_not_of(' ') == std::string_view::npos) return true;
    if (end == list.size()) return false;
    list.remove_prefix(end + 1);
  }
}

void check_option(const OptionSpec& spec, const std::string& value) {
  const std::string where = "--" + std::string(spec.key.name);
  switch (spec.key.type) {
    case OptionType::kInteger: {
      int64_t number = 0;
      const bool parsed = parses_whole(value, number);
      // As whole numbers: doubles do not tell the greatest seed from the next.
      if (!parsed || number < static_cast<int64_t>(spec.minimum) ||
          number > static_cast<int64_t>(spec.maximum)) {
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
      if (!bytes) {
        refuse(where, "cannot be '" + printable(value) + "'",
               "give a number of bytes with K, M, G or T behind it, such as 16G");
      }
      if (static_cast<double>(*bytes) < spec.minimum) {
        refuse(where, "cannot be '" + printable(value) + "'",
               fmt::format("give at least {:.0f} byte{}, such as 16G", spec.minimum,
                           spec.minimum == 1 ? "" : "s"));
      }
      if (spec.maximum > 0 && static_cast<double>(*bytes) > spec.maximum) {
        refuse(where, "cannot be '" + printable(value) + "'",
               fmt::format("give at most {:.0f} bytes", spec.maximum));
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
    case OptionType::kRepeat:
      if (value.find_first_not_of(spec.key.type == OptionType::kList ? ", " : "") ==
          std::string::npos)
        refuse(where, "is empty", "write " + where + " " + std::string(spec.value_name));
      if (spec.key.type == OptionType::kList && has_empty_part(value)) {
        refuse(where, "cannot be '" + printable(value) + "'",
               "a value is missing before or behind a comma");
      }
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

// What stands between the values of an option that takes several; empty: it takes one.
std::string_view separator_of(const OptionKey& key) {
  if (key.type == OptionType::kList) return ",";
  // No value of one line holds it.
  return key.type == OptionType::kRepeat ? "\n" : "";
}

std::string option_name(const OptionSpec& spec) { return "--" + std::string(spec.key.name); }

// "hadal bench decode"
std::string typed_name(const CommandSpec& command) { return "hadal " + command.full_name(); }

// One word that begins with a dash, taken apart.
struct OptionWord {
  const OptionSpec* spec = nullptr;  // nullptr: none of the options
  std::string name;                  // as it was given, without "=value"
  std::optional<std::string> value;  // that stands in the same word

  bool takes_next() const {
    return spec != nullptr && spec->key.type != OptionType::kFlag && !value.has_value();
  }
};

bool begins_option(std::string_view word) { return word.size() > 1 && word.front() == '-'; }

OptionWord take_apart(const std::string& word, const std::vector<const OptionSpec*>& options) {
  OptionWord found;
  if (word.starts_with("--")) {
    const size_t equals = word.find('=');
    found.name = word.substr(0, equals);
    if (equals != std::string::npos) found.value = word.substr(equals + 1);
    for (const OptionSpec* spec : options) {
      if (found.name == option_name(*spec)) found.spec = spec;
    }
    return found;
  }
  for (const OptionSpec* spec : options) {
    const bool is_flag = spec->key.type == OptionType::kFlag;
    if (spec->letter != word[1] || (is_flag && word.size() > 2)) continue;
    found.spec = spec;
    found.name = word.substr(0, 2);
    if (word.size() > 2) found.value = word.substr(2);
    return found;
  }
  found.name = word.substr(0, word.find('='));
  return found;
}

// The words of one command, sorted.
struct SortedWords {
  bool help = false;
  bool version = false;
  std::vector<std::pair<const OptionSpec*, std::string>> options = {};  // as often as they came
  std::vector<std::string> arguments = {};
  std::vector<std::string> unknown = {};      // options that the command does not have
  std::optional<Error> fault = std::nullopt;  // the first of a known option without a usable value
};

SortedWords sort_words(const CommandSpec& command, const std::vector<const OptionSpec*>& options,
                       std::span<const std::string> words) {
  SortedWords sorted;
  const auto note = [&](Error error) {
    if (!sorted.fault) sorted.fault = std::move(error);
  };
  bool options_ended = false;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (options_ended || !begins_option(word)) {
      sorted.arguments.push_back(word);
      continue;
    }
    if (word == "--") {
      options_ended = true;
      continue;
    }
    if (word == "--help" || word == "-h") sorted.help = true;
    if (word == "--version" || word == "-V") sorted.version = true;
    if (word == "--help" || word == "-h" || word == "--version" || word == "-V") continue;
    OptionWord option = take_apart(word, options);
    if (option.spec == nullptr) {
      sorted.unknown.push_back(option.name);
    } else if (option.spec->key.type == OptionType::kFlag) {
      if (option.value) note(refusal(option.name, "takes no value", "write " + option.name));
      sorted.options.emplace_back(option.spec, "1");
    } else if (option.value == "") {
      note(refusal(option.name, "has no value after =",
                   "write " + option.name + " " + std::string(option.spec->value_name)));
    } else if (option.value) {
      sorted.options.emplace_back(option.spec, *std::move(option.value));
    } else if (i + 1 < words.size()) {
      // Whatever it looks like: a prompt may begin with a dash.
      sorted.options.emplace_back(option.spec, words[++i]);
    } else {
      note(refusal(printable(word), "needs a value", "see " + typed_name(command) + " --help"));
    }
  }
  return sorted;
}

[[noreturn]] void refuse_unknown_option(const CommandSpec& command, const std::string& given) {
  std::vector<std::string> owners;
  for (const CommandSpec& other : command_table()) {
    for (const OptionSpec* spec : options_of(other.id)) {
      if (option_name(*spec) == given) owners.push_back(typed_name(other));
    }
  }
  const std::string name = typed_name(command);
  if (!owners.empty()) {
    const std::vector<std::string_view> views(owners.begin(), owners.end());
    refuse(given, "is no option of " + name, "it belongs to " + joined(views, " and "));
  }
  std::vector<std::string> known = {"--help"};
  for (const OptionSpec* spec : options_of(command.id)) known.push_back(option_name(*spec));
  const std::string meant = nearest(given, known);
  refuse(printable(given), "is no option of " + name,
         meant.empty() ? name + " --help lists them" : "did you mean " + meant + "?");
}

// The first command that has the option "--threads", "--threads=2" or "-t"; nullptr: none has.
const CommandSpec* command_with_option(const std::string& word) {
  if (!begins_option(word) || word == "--") return nullptr;
  for (const CommandSpec& command : command_table()) {
    if (take_apart(word, options_of(command.id)).spec != nullptr) return &command;
  }
  return nullptr;
}

ParsedLine parse_command(const CommandSpec& command, std::span<const std::string> words) {
  ParsedLine line;
  line.command = command.id;
  const std::vector<const OptionSpec*> options = options_of(command.id);
  const SortedWords sorted = sort_words(command, options, words);
  if (sorted.help || sorted.version) {
    line.request = sorted.help ? Request::kHelp : Request::kVersion;
    return line;
  }
  if (sorted.fault) throw Error(*sorted.fault);

  std::map<const OptionSpec*, std::string> given;
  for (const auto& [spec, value] : sorted.options) {
    if (spec->key.type == OptionType::kRepeat) check_option(*spec, value);
    const auto [place, first] = given.try_emplace(spec, value);
    if (first) continue;
    const std::string_view separator = separator_of(spec->key);
    place->second = separator.empty() ? value : place->second + std::string(separator) + value;
  }
  // Before the words left over: a number that an option's name was taken for leaves one behind.
  for (const OptionSpec* spec : options) {
    if (const auto found = given.find(spec); found != given.end()) {
      if (spec->key.type != OptionType::kRepeat) check_option(*spec, found->second);
      line.set(*spec, found->second);
    } else if (!spec->fallback.empty()) {
      line.set(*spec, spec->fallback);
    }
  }
  if (!sorted.unknown.empty()) refuse_unknown_option(command, sorted.unknown.front());
  for (const auto& [spec, value] : given) {
    const std::string needed(spec->needs.name);
    if (!needed.empty() && !line.has(spec->needs)) {
      refuse(option_name(*spec), "does nothing without --" + needed,
             "add --" + needed + " or leave it out");
    }
    const std::string excluded(spec->excludes.name);
    const auto is_excluded = [&](const auto& other) { return other.first->key.name == excluded; };
    if (!excluded.empty() && std::any_of(given.begin(), given.end(), is_excluded)) {
      refuse(option_name(*spec), "cannot stand beside --" + excluded, "leave one of them out");
    }
  }
  if (sorted.arguments.size() > command.arguments.size()) {
    refuse(printable(sorted.arguments[command.arguments.size()]),
           "is one argument more than " + typed_name(command) + " takes",
           "quote values that contain spaces; see " + typed_name(command) + " --help");
  }

  for (size_t i = 0; i < command.arguments.size(); ++i) {
    const ArgumentSpec& spec = command.arguments[i];
    const std::string name(spec.key.name);
    if (i >= sorted.arguments.size() || sorted.arguments[i].empty()) {
      refuse(typed_name(command), "needs " + name,
             spec.choices.empty() ? "see " + typed_name(command) + " --help"
                                  : "give " + joined(spec.choices));
    }
    if (!spec.choices.empty()) check_choice(name, sorted.arguments[i], spec.choices);
    line.set(spec, sorted.arguments[i]);
  }
  return line;
}

// Of a group's members and of the groups below it.
std::vector<const OptionSpec*> options_below(const GroupSpec& group) {
  std::vector<const OptionSpec*> options;
  for (const CommandSpec* member : members_of(group)) {
    const auto of_member = options_of(member->id);
    options.insert(options.end(), of_member.begin(), of_member.end());
  }
  for (const GroupSpec* below : groups_of(group)) {
    const auto of_group = options_below(*below);
    options.insert(options.end(), of_group.begin(), of_group.end());
  }
  return options;
}

// The member's name is the first word that is neither an option nor the value of one.
ParsedLine parse_member(const GroupSpec& group, std::span<const std::string> words) {
  const std::vector<const OptionSpec*> options = options_below(group);
  std::vector<std::string_view> names;
  for (const CommandSpec* member : members_of(group)) names.push_back(member->name);
  for (const GroupSpec* below : groups_of(group)) names.push_back(below->last_name());
  ParsedLine line;
  line.group = &group;
  const std::string typed = "hadal " + std::string(group.name);
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    const std::string full_name = std::string(group.name) + " " + word;
    if (word == "--help" || word == "-h" || word == "--version" || word == "-V") {
      line.request = word == "--help" || word == "-h" ? Request::kHelp : Request::kVersion;
      continue;
    }
    if (begins_option(word)) {
      if (take_apart(word, options).takes_next()) ++i;
      continue;
    }
    std::vector<std::string> rest(words.begin(), words.end());
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(i));
    if (const CommandSpec* found = find_command(full_name)) return parse_command(*found, rest);
    if (const GroupSpec* found = find_group(full_name)) return parse_member(*found, rest);
    // After an option that nobody has, a word is more likely its value.
    if (!group.alone.empty() && i > 0) break;
    if (line.request == Request::kCommand) check_choice(std::string(group.what), word, names);
  }
  if (line.request == Request::kCommand && !group.alone.empty()) {
    return parse_command(*find_command(std::string(group.name) + " " + std::string(group.alone)),
                         words);
  }
  if (line.request == Request::kCommand) {
    refuse(typed, "needs " + std::string(group.what), "give " + joined(names));
  }
  return line;
}

[[noreturn]] void refuse_command(const std::string& word) {
  if (const CommandSpec* command = command_with_option(word)) {
    refuse(printable(word), "stands where a command is expected",
           "write it after the command, as in " + typed_name(*command) + " " + printable(word));
  }
  std::vector<std::string> known = {"help", "--help", "--version"};
  for (const CommandSpec& command : command_table()) {
    const std::string name = command.full_name();
    known.push_back(name.substr(0, name.find(' ')));
  }
  const std::string meant = nearest(word, known);
  refuse(printable(word), "is no command of hadal",
         meant.empty() ? "hadal --help lists them" : "did you mean " + meant + "?");
}

ParsedLine parse_help(std::span<const std::string> words) {
  ParsedLine line;
  line.request = Request::kHelp;
  if (words.empty()) return line;
  if (words.front() == "--markdown") {
    line.request = Request::kMarkdown;
    return line;
  }
  // The longest name that the words make.
  const CommandSpec* command = nullptr;
  std::string name;
  for (const std::string& word : words) {
    name += name.empty() ? word : " " + word;
    if (const GroupSpec* group = find_group(name)) line.group = group;
    if (command == nullptr) command = find_command(name);
  }
  if (command != nullptr) line.command = command->id;
  if (command == nullptr && line.group == nullptr) refuse_command(words.front());
  return line;
}

}  // namespace

template <>
std::string read_value(const OptionKey& /*key*/, const std::string& text) {
  return text;
}

template <>
int read_value(const OptionKey& /*key*/, const std::string& text) {
  int number = 0;
  HADAL_CHECK(parses_whole(text, number));
  return number;
}

template <>
double read_value(const OptionKey& /*key*/, const std::string& text) {
  double number = 0;
  HADAL_CHECK(parses_whole(text, number));
  return number;
}

template <>
uint64_t read_value(const OptionKey& key, const std::string& text) {
  if (key.type == OptionType::kSize) {
    const std::optional<uint64_t> bytes = parse_size(text);
    HADAL_CHECK(bytes.has_value());
    return *bytes;
  }
  uint64_t number = 0;
  HADAL_CHECK(parses_whole(text, number));
  return number;
}

template <>
std::vector<std::string> read_value(const OptionKey& key, const std::string& text) {
  std::vector<std::string> members;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(separator_of(key), begin), text.size());
    if (end > begin) members.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return members;
}

void ParsedLine::set(const OptionSpec& spec, std::string value) {
  values_.insert_or_assign(std::string(spec.key.name), std::move(value));
}

void ParsedLine::set(const ArgumentSpec& spec, std::string value) {
  arguments_.insert_or_assign(std::string(spec.key.name), std::move(value));
}

const std::string* ParsedLine::find(const OptionKey& key) const {
  const std::vector<const OptionSpec*> options = options_of(command.value());
  HADAL_CHECK(std::any_of(options.begin(), options.end(), [&](const OptionSpec* spec) {
    return spec->key.name == key.name && spec->key.type == key.type;
  }));
  const auto found = values_.find(key.name);
  return found == values_.end() ? nullptr : &found->second;
}

const std::string& ParsedLine::required(const OptionKey& key) const {
  const std::string* value = find(key);
  if (value == nullptr) {
    refuse("--" + std::string(key.name), "is missing",
           "see " + typed_name(command_spec(command.value())) + " --help");
  }
  return *value;
}

const std::string& ParsedLine::argument(const ArgumentKey& key) const {
  const auto found = arguments_.find(key.name);
  HADAL_CHECK(found != arguments_.end());
  return found->second;
}

ParsedLine parse_command_line(std::span<const std::string> words) {
  if (words.empty()) return parse_help({});
  const std::string& first = words.front();
  const std::span<const std::string> rest = words.subspan(1);
  if (first == "--version" || first == "-V" || first == "version") {
    ParsedLine line;
    line.request = Request::kVersion;
    return line;
  }
  if (first == "--help" || first == "-h" || first == "help") return parse_help(rest);
  if (const GroupSpec* group = find_group(first)) return parse_member(*group, rest);
  const CommandSpec* command = find_command(first);
  if (command != nullptr && command->group.empty()) return parse_command(*command, rest);
  refuse_command(first);
}

}  // namespace hadal
