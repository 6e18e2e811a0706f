// Which fields of a config.json hadal knows: those it reads, those that ask for arithmetic of which
// it computes one value only, and those without a meaning for inference. The rest is told, so that
// no parameter of a model is ignored in silence.
#pragma once

#include <string>
#include <vector>

#include "checkpoint/v4/config_fields.h"

namespace hadal {

// Throws Error (kInvalidFile) for a setting that other programs compute with and hadal does not.
void check_settings(const ConfigFields& fields);

// Fields, in order, that are neither known nor empty.
std::vector<std::string> unknown_fields(const ConfigFields& fields);

}  // namespace hadal
