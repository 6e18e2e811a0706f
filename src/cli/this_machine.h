// The machine that hadal runs on, as hardware for the planner.
#pragma once

#include "plan/device_limits.h"

namespace hadal {

// Limits by the rates in `path`, what hadal bench kernels --json wrote; memory is this machine's.
// Throws Error for a file that is none.
DeviceLimits machine_of_file(const std::string& path);

// Measures memory, caches, arithmetic and fork-joins with all processors, in about ten seconds and
// 1.25 GiB. Nothing is kept. Throws Error kUnavailable in a build without the engine, whose kernels
// are what measures.
DeviceLimits measured_machine();

}  // namespace hadal
