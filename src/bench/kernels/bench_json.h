// The parts that the JSON reports of hadal bench share.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "bench/kernels/machine_probe.h"

namespace hadal {

nlohmann::ordered_json machine_json(const MachineRates& rates);

}  // namespace hadal
