// The one list of options: parsing, --help and docs/cli.md are made from it. Says what a value must
// look like and what it is without the option; what it does is the commands' business. Defaults
// that belong to a part of the program are read from that part's own options.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command_table.h"
#include "cli/option_keys.h"

namespace hadal {

struct OptionSpec {
  OptionKey key;
  char letter = 0;                      // a short form, or 0
  std::string_view value_name = {};     // how the help calls the value
  std::string fallback = {};            // the value when the option is absent; empty: none
  std::string_view fallback_note = {};  // for the help, when the fallback cannot be written down
  std::string_view help = {};
  CommandSet commands = {};
  OptionKey needs = {};     // another option of the same commands without which it means nothing
  OptionKey excludes = {};  // another that it cannot stand beside
  // kInteger and kNumber: the least and greatest value allowed; kSize: the same in bytes, 0 for no
  // greatest.
  double minimum = 0;
  double maximum = 0;
  std::vector<std::string_view> choices = {};  // kChoice
};

// The options of one command in the order of the table.
std::vector<const OptionSpec*> options_of(Command command);

// The parts of the table: of commands that need an engine, and of those that do not.
const std::vector<OptionSpec>& engine_options();
const std::vector<OptionSpec>& measure_options();
const std::vector<OptionSpec>& plan_options();

}  // namespace hadal
