// What engines say of themselves to Prometheus, under one set of names (kEngineFigures): which
// family of which engine and version is which. A family that a version has and a page lacks is
// told, never replaced by a guess.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "measure/records.h"

namespace hadal {

// Whether there is a table for the engine. Its name as probing finds it: "vllm", "sglang", …
bool has_engine_metrics(std::string_view engine);

struct EnginePage {
  // By place in kEngineFigures; none where the engine has no such family, or the page lacks it.
  std::vector<std::optional<double>> values = {};
  std::vector<std::string> missing = {};  // families that this version should have
};

// Reads a page of metrics by the newest table that is not newer than `version`; of an unknown
// version by the newest. Series of one family are added up, shares averaged. Throws Error
// kInvalidFile for a malformed page.
EnginePage read_engine_page(std::string_view page, std::string_view engine,
                            std::string_view version);

// The tables in Markdown, for docs/measuring/engine_metrics.md.
std::string engine_metrics_markdown();

}  // namespace hadal
