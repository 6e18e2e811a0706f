// Meters that are the tools of vendors, run once a reading and without a shell: amd-smi, npu-smi,
// ipmitool.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "measure/meters/power_meter.h"

namespace hadal {

struct ToolMeterArgs {
  std::string command = {};       // a name in PATH or a path
  double seconds = 3;             // for a reading; a longer one would be worth nothing
  std::vector<int> devices = {};  // of amd-smi and npu-smi: the boards to read; empty: all
};

// All of these run the command once and throw Error: kNotFound without the command, a board asked
// for, or any board; kUnavailable (no rights are one reason), kDeadlineExceeded and kInvalidFile
// where it fails.
std::unique_ptr<PowerMeter> open_amd_smi_meter(const ToolMeterArgs& args);
std::unique_ptr<PowerMeter> open_npu_smi_meter(const ToolMeterArgs& args);
// The machine at its power supplies, as its management controller (BMC) shows it by DCMI.
std::unique_ptr<PowerMeter> open_ipmi_meter(const ToolMeterArgs& args);

}  // namespace hadal
