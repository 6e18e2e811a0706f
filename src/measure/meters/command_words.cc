#include "measure/meters/command_words.h"

#include "base/error.h"

namespace hadal {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::string_view kShellOnly = "|&;<>()$`*?[~#\n";
constexpr std::string_view kShellOnlyInQuotes = "$`";

struct Words {
  std::vector<std::string> words = {};
  bool needs_shell = false;
};

[[noreturn]] void refuse(std::string_view command, const std::string& what) {
  throw Error({.code = ErrorCode::kInvalidArgument,
               .where = "command:" + printable(command),
               .what = what,
               .remedy = "write it as for a shell, for example command:'my-meter --once'"});
}

Words cut(std::string_view command) {
  Words result;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (size_t i = 0; i < command.size(); ++i) {
    const char c = command[i];
    if (c == '\0') refuse(command, "the command contains a zero byte");
    if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else if (c == '\\' && quote == '"' && i + 1 < command.size() &&
                 std::string_view("\"\\$`").find(command[i + 1]) != std::string_view::npos) {
        word += command[++i];
      } else {
        if (quote == '"' && kShellOnlyInQuotes.find(c) != std::string_view::npos) {
          result.needs_shell = true;
        }
        word += c;
      }
    } else if (c == '\'' || c == '"') {
      quote = c;
      in_word = true;
    } else if (c == '\\' && i + 1 < command.size()) {
      word += command[++i];
      in_word = true;
    } else if (kBlanks.find(c) != std::string_view::npos) {
      if (c == '\n') result.needs_shell = true;
      if (in_word) result.words.push_back(std::move(word));
      word.clear();
      in_word = false;
    } else {
      // A first word such as A=1 sets a variable.
      if (kShellOnly.find(c) != std::string_view::npos || (c == '=' && result.words.empty())) {
        result.needs_shell = true;
      }
      word += c;
      in_word = true;
    }
  }
  if (quote != 0) refuse(command, std::string("the quote ") + quote + " is not closed");
  if (in_word) result.words.push_back(std::move(word));
  return result;
}

}  // namespace

std::vector<std::string> command_words(std::string_view command) {
  const size_t begin = command.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) refuse(command, "there is no command");
  command = command.substr(begin, command.find_last_not_of(kBlanks) + 1 - begin);
  Words cut_words = cut(command);
  if (cut_words.needs_shell) return {"/bin/sh", "-c", std::string(command)};
  return std::move(cut_words.words);
}

}  // namespace hadal
