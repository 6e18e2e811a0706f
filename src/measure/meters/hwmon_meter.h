// Power and energy that Linux's hardware monitoring shows below /sys/class/hwmon, of the drivers
// whose figures are known to cover a whole thing: amdgpu (boards), amd_energy (sockets),
// power_meter (ACPI: the machine at its power supplies, or the sockets of NVIDIA's Grace). Other
// sensors (rails, fans, regulators) cover parts that nobody can add up, and are left out.
#pragma once

#include <memory>
#include <string>

#include "measure/meters/power_meter.h"

namespace hadal {

// Throws Error: kNotFound where the machine has none of them, kPermissionDenied where they may not
// be read.
std::unique_ptr<PowerMeter> open_hwmon_meter(const std::string& hwmon = "/sys/class/hwmon");

}  // namespace hadal
