// A command as a user writes it in one string, cut into the words of a process.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hadal {

// Words are divided by blanks; '…', "…" and \ quote as a shell's do. Whatever only a shell can do
// ($, |, ;, >, *, …) makes it {"/bin/sh", "-c", command}. Throws Error (kInvalidArgument) for an
// empty command and an unfinished quote.
std::vector<std::string> command_words(std::string_view command);

}  // namespace hadal
