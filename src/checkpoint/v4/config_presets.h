// The configs that hadal knows by name: the released models and pico, which has every kind of layer
// in a few megabytes. Nothing but `hadal synth` and tests takes a config from here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/v4/config.h"

namespace hadal {

std::vector<std::string> preset_names();  // pico, flash, pro

// Throws Error kInvalidArgument that lists the names when there is no such preset.
ModelConfig preset_config(std::string_view name);

}  // namespace hadal
