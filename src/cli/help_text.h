// What --help, --version and docs/cli.md say, made from the tables of commands and options.
#pragma once

#include <string>

#include "cli/command_table.h"

namespace hadal {

std::string version_text();
std::string overview_help();
std::string command_help(const CommandSpec& command);
std::string group_help(const GroupSpec& group);

// The whole of docs/cli.md.
std::string markdown_reference();

}  // namespace hadal
