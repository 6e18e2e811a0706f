// hadal text: JSON lines in, JSON lines out.
#include <iostream>
#include <optional>
#include <string>

#include "chat/text_lines.h"
#include "cli/commands.h"
#include "cli/model_setup.h"
#include "cli/terminal.h"

namespace hadal {

int text_command(const ParsedLine& line) {
  const Command action = line.command.value();
  std::optional<Tokenizer> tokenizer;
  if (action == Command::kTextTokenize || action == Command::kTextDetokenize) {
    tokenizer = load_tokenizer(model_directory(line).path());
  }
  const auto convert = [&](const std::string& text, size_t number) {
    if (action == Command::kTextTokenize) return tokenize_line(*tokenizer, text, number);
    if (action == Command::kTextDetokenize) return detokenize_line(*tokenizer, text, number);
    if (action == Command::kTextEncodeChat) return encode_chat_line(text, number);
    return parse_chat_line(text, number);
  };
  std::string text;
  for (size_t number = 1; std::getline(std::cin, text); ++number) {
    if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
    write_out(convert(text, number) + "\n");
  }
  return 0;
}

}  // namespace hadal
