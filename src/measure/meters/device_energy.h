// The energy of one device over a window, out of samples of its power and of its counter, with the
// reasons where there is no figure and where there is doubt about one.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "measure/records.h"

namespace hadal {

struct EnergyRules {
  double max_gap = 3;           // seconds between samples of power, and around the window's ends
  double max_counter_gap = 60;  // between samples of a counter within: what it counts is not lost
  double max_disagreement = 0.05;  // of counter and integral, as a share of the counter
  double broken_watts = 2;         // at most this, of something that works: the meter is broken
  double stuck_seconds = 10;       // power that stays the same to the last digit for so long
};

enum class EnergyMethod {
  kNone,
  kCounter,    // the device's own counter, at both ends of the window
  kTrapezoid,  // power, linear between samples
};

struct DeviceEnergy {
  std::string meter = {};
  std::string device = {};
  EnergyMethod method = EnergyMethod::kNone;
  std::optional<double> joules = {};  // by `method`
  // By either way; the integral only of a meter that shows power itself.
  std::optional<double> counted_joules = {};
  std::optional<double> integrated_joules = {};
  std::optional<double> least_watts = {};  // of the samples within
  std::optional<double> greatest_watts = {};
  int64_t samples = 0;                   // usable ones within the window
  double greatest_gap = 0;               // seconds, of what touches the window
  std::vector<std::string> faults = {};  // why there is no figure
  std::vector<std::string> doubts = {};  // about the figure that there is
};

// `samples`: of one device by one meter, ascending in time, from before `begin` to after `end`
// (seconds). Both ways interpolate linearly at the window's ends. The counter is preferred: it
// misses nothing between samples.
DeviceEnergy measure_device_energy(std::span<const PowerSample> samples, double begin, double end,
                                   const EnergyRules& rules = {});

}  // namespace hadal
