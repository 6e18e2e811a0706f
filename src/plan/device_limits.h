// An accelerator or a processor as limits: bytes and operations per second, memory, links. Taken
// from the catalogue of hardware, or from what was measured of this machine; says what is missing
// and what it put in its place.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "economics/hardware_catalogue.h"
#include "plan/constants.h"

namespace hadal {

// Parallel loops of a layer of hadal's own engine, each of which costs join_s.
inline constexpr double kLoopsOfALayer = 45;

struct DeviceLimits {
  std::string key = {};
  std::string name = {};
  DeviceFamily family = DeviceFamily::kOther;
  double memory_bytes = 0;  // that a program can have
  double bytes_per_s = 0;
  double fp4_flops = 0;  // dense; where the device has none, of the next wider format
  double fp8_flops = 0;
  double bf16_flops = 0;
  int domain = 1;             // devices that reach each other by scale_up
  double scale_up_bytes = 0;  // per second and device, one way
  double scale_out_bytes = 0;
  bool joined = true;  // several can work together
  double join_s = 0;   // of a processor: one parallel loop that does nothing
  // What the catalogue lacks and what was put in its place, what nobody looked up; sentences.
  std::vector<std::string> missing = {};

  // None: a prediction of time, or of fit, is possible.
  std::optional<std::string> cannot_time() const;
  std::optional<std::string> cannot_fit() const;
};

DeviceLimits device_limits(const Accelerator& accelerator);
// One socket. Operations per second and the size of the memory are not in the catalogue, so that
// no prediction is possible before the machine is measured.
DeviceLimits device_limits(const Processor& processor);

// By a key of either kind, or one that published rows use for the same thing ("h20"). Throws Error
// kNotFound with near names.
DeviceLimits find_device(const HardwareCatalogue& catalogue, const std::string& key);

}  // namespace hadal
