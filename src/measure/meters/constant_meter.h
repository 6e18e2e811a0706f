// Power that nobody measures: watts that somebody gave, for machines that cannot be asked. Always
// labelled "provisioned".
#pragma once

#include <memory>
#include <string_view>

#include "measure/meters/power_meter.h"

namespace hadal {

// `text`: "700", or "8x700" for eight devices of that. `covers` is a class of meter_classes(): what
// the watts stand for. Throws Error (kInvalidArgument).
std::unique_ptr<PowerMeter> open_constant_meter(std::string_view text, std::string_view covers);

}  // namespace hadal
