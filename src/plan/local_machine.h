// A machine that was measured: from what `hadal bench kernels --json` wrote to limits of a device.
#pragma once

#include <string>
#include <string_view>

#include "plan/device_limits.h"
#include "plan/machine_rates.h"

namespace hadal {

class Fields;

// Limits by the rates of a machine, which it has with all its threads. `memory_bytes`: 0 where not
// known.
DeviceLimits local_limits(const MachineRates& rates, std::string name, double memory_bytes);

// Reads the JSON of bench kernels; of several numbers of threads the rates of the most. Throws
// Error kInvalidFile that names the field.
MachineRates read_machine_row(const Fields& row);  // of one number of threads
MachineRates read_machine_rates(std::string_view text, const std::string& where);

}  // namespace hadal
