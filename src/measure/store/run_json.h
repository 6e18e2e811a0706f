// The document hadal.run/1: a run, its points and their figures as JSON, the same from release to
// release. It is what `--json` prints and what other programs read; docs/measuring.md defines it.
// Samples are not in it.
#pragma once

#include <string>
#include <string_view>

#include "measure/records.h"

namespace hadal {

inline constexpr const char* kRunSchema = "hadal.run/1";

// One line without a line feed. What is not known is null. Throws Error (kInvalidFile) where a
// document within the run, such as its plan, is no JSON.
std::string run_to_json(const RunRecord& run);

// Reads what run_to_json wrote, gives the same run. Throws Error (kInvalidFile, `where` the text's
// name) for all else; an unknown key is named with the nearest known one.
RunRecord run_from_json(std::string_view text, const std::string& where);

}  // namespace hadal
