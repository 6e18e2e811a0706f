// The parts that the JSON reports of hadal bench share.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "bench/machine_rates.h"

namespace hadal {

nlohmann::ordered_json machine_json(const MachineRates& rates);

}  // namespace hadal
