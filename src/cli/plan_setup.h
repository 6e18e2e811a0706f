// What the commands of `hadal plan` share: the catalogue of hardware and the planner's constants as
// the options change them.
#pragma once

#include "cli/command_line.h"
#include "economics/hardware_catalogue.h"
#include "plan/constants.h"
#include "plan/planner.h"

namespace hadal {

// The built-in catalogue and what --catalogue adds.
HardwareCatalogue plan_catalogue(const ParsedLine& line);

// What `hadal plan ask` and `hadal plan fleet` have in common of a question.
PlanQuestion plan_question(const ParsedLine& line, const HardwareCatalogue& catalogue);

// All that `hadal plan ask` asks.
PlanQuestion ask_question(const ParsedLine& line, const HardwareCatalogue& catalogue);

// With --assume.
Constants plan_constants(const ParsedLine& line);

}  // namespace hadal
