// The energy counters of processors and their memory, as Linux shows them below
// /sys/class/powercap (Intel's RAPL and AMD's, one driver). Packages and DRAM only: "psys" covers
// them again, "core" and "uncore" are parts of a package.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "measure/meters/power_meter.h"

namespace hadal {

// A counter that begins again after its greatest value. Undone as long as it is read more often
// than it turns (RAPL: every few minutes under load).
class WrappingCounter {
 public:
  // `greatest`: the value after which it shows 0; 0 where unknown, and then no turn can be undone.
  explicit WrappingCounter(uint64_t greatest) : greatest_(greatest) {}
  // Counts since the first value. Goes back only where the counter did and `greatest` is unknown or
  // below what it showed: whoever reads it must see that something is wrong.
  int64_t update(uint64_t value);

 private:
  uint64_t greatest_;
  uint64_t last_ = 0;
  int64_t total_ = 0;
  bool started_ = false;
};

// Throws Error: kNotFound where the machine shows no such counters, kPermissionDenied where they
// may not be read (Linux reserves them for root), with what to do about it.
std::unique_ptr<PowerMeter> open_rapl_meter(const std::string& powercap = "/sys/class/powercap");

}  // namespace hadal
