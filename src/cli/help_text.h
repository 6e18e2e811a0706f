// What --help, --version and docs/cli.md say, made from the table of options.
#pragma once

#include <string>

#include "cli/options_table.h"

namespace hadal {

std::string version_text();
std::string overview_help();
std::string command_help(const CommandSpec& command);

// The whole of docs/cli.md.
std::string markdown_reference();

}  // namespace hadal
