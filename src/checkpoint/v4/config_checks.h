// The rules that the sizes of a config must meet, each alone and against the others, so that no
// kernel meets a size that it cannot compute and no product of sizes overflows.
#pragma once

#include <string>

#include "checkpoint/v4/config.h"

namespace hadal {

// Checks every size of `config` but its layer kinds and its drafter. Throws Error kInvalidFile that
// names `where`, the field as config.json calls it, its value and what it must be.
void check_config_sizes(const ModelConfig& config, const std::string& where);

}  // namespace hadal
