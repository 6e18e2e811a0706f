// Runs as people read them in a terminal, and as programs read lists and comparisons of them. A
// single run as a document is run_json.h. Texts that came from elsewhere are made harmless.
#pragma once

#include <span>
#include <string>

#include "measure/store/run_comparison.h"
#include "measure/store/run_store.h"

namespace hadal {

// A line each, under a heading.
std::string runs_text(std::span<const RunSummary> runs);
// {"schema": "hadal.runs/1", "runs": […]}
std::string runs_json(std::span<const RunSummary> runs);

// All of a run: what was measured, corrections with what they replace, each point's figures.
std::string run_text(const StoredRun& run);

// `a` and `b` name the runs.
std::string comparison_text(const RunComparison& comparison, const RunRecord& a,
                            const RunRecord& b);
// {"schema": "hadal.comparison/1", "a": id, "b": id, "points": […], …}
std::string comparison_json(const RunComparison& comparison, const RunRecord& a,
                            const RunRecord& b);

}  // namespace hadal
