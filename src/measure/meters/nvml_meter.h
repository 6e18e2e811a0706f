// NVIDIA's boards through their driver's own library, loaded when asked for: power, and the energy
// counted since the driver was loaded.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "measure/meters/power_meter.h"

namespace hadal {

struct NvmlMeterArgs {
  std::string library = "libnvidia-ml.so.1";  // a path, or a name for the dynamic loader
  // The boards to read, by NVML's index (nvidia-smi's; CUDA_VISIBLE_DEVICES changes nothing).
  // Empty: all. A run that uses some of a machine's boards names them, or it pays for the idle
  // ones too.
  std::vector<int> gpus = {};
};

// Throws Error: kNotFound without driver, boards, or a board asked for; kPermissionDenied;
// kUnavailable where no board shows power.
std::unique_ptr<PowerMeter> open_nvml_meter(const NvmlMeterArgs& args);

}  // namespace hadal
