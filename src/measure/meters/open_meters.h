// From what a user writes to meters that are open.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "measure/meters/http_get.h"
#include "measure/meters/power_meter.h"

namespace hadal {

// Where meters are looked for. Tests point it elsewhere.
struct MeterSurroundings {
  std::string powercap = "/sys/class/powercap";
  std::string hwmon = "/sys/class/hwmon";
  std::string nvml = "libnvidia-ml.so.1";
  std::string amd_smi = "amd-smi";
  std::string npu_smi = "npu-smi";
  std::string ipmitool = "ipmitool";
  double command_seconds = 3;  // for a reading of a command or a page
  HttpGet http_get = {};       // empty: http_get.h's
};

// Opens meters by their specs, NAME[@CLASS][:REST], in their order; the second of a name is called
// "command-2" and so on.
//   auto                      all that need nothing from the user and work here, in the order in
//                             which figures prefer them, but for what another spec names; none is
//                             no error. Takes as long as the tools that it runs
//   none                      no meter; alone
//   rapl, hwmon, ipmi
//   nvml, amd-smi, npu-smi    all boards, or nvml:0,1 those
//   prometheus:URL[#METRIC]   DCGM's boards, or a metric; @CLASS says what that covers (node)
//   command:CMD               a user's command; @CLASS says what it covers (wall)
//   constant:[Nx]WATTS        provisioned; @CLASS says what it stands for (node)
// Throws Error (kInvalidArgument) for a spec that is none of these, with the nearest one, and
// whatever the meter says that cannot be opened.
PowerMeters open_meters(std::span<const std::string> specs,
                        const MeterSurroundings& surroundings = {});

}  // namespace hadal
