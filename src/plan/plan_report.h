// The answer to a planning question as text for people and as JSON. Every number of the text has a
// mark such as [7], and can be explained: the formula that it comes from with its inputs.
#pragma once

#include <string>

#include "plan/planner.h"

namespace hadal {

// After a release, at which both tell how far the engine's kernels are.
inline constexpr int kWaitingWeeks[] = {0, 1, 2, 4, 8, 26};

// How the devices are used: "TP4", "prefill 2 x DEP4, decode DEP8".
std::string deployment_text(const Deployment& d);

std::string plan_text(const PlanQuestion& question, const PlanAnswer& answer);

// "hadal.plan/1".
std::string plan_json(const PlanQuestion& question, const PlanAnswer& answer);

// Of the number with that mark. Throws Error kInvalidArgument where the answer has no such mark.
std::string explain_number(const PlanQuestion& question, const PlanAnswer& answer, int mark);

// All constants with their values, units, ranges and sources, as a table of Markdown.
std::string constants_text();

}  // namespace hadal
