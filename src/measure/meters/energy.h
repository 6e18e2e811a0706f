// What the meters of a run say about a window of it: energy by class of device and meter, what of
// it the idle machine would have taken, and whether the meters agree. Measured and provisioned
// figures never mix.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "measure/meters/device_energy.h"
#include "measure/records.h"

namespace hadal {

// All devices of a class that one meter shows.
struct ClassEnergy {
  std::string device_class = {};  // of meter_classes()
  std::string meter = {};
  bool is_provisioned = false;
  // The one that figures are made of: the first meter of the class without faults, in the order of
  // the samples. Measured and provisioned ones are chosen apart.
  bool is_chosen = false;
  int devices = 0;
  std::optional<double> joules = {};      // none where a device has none
  std::optional<double> mean_watts = {};  // joules over the window's seconds
  std::optional<double> idle_watts = {};  // before the run; none without a valid baseline
  int64_t samples = 0;                    // of the device that has fewest
  std::vector<std::string> faults = {};   // "gpu3: …"
  std::vector<std::string> doubts = {};

  // joules − idle_watts · seconds: what the load added. May be negative where nothing was added.
  std::optional<double> above_idle(double seconds) const;
};

// Two figures that should fit together.
struct MeterAgreement {
  std::string first = {};  // "gpu by nvml"
  std::string second = {};
  double ratio = 0;  // first over second
  bool is_contradiction = false;
  std::string text = {};  // one sentence
};

struct EnergyReport {
  double seconds = 0;  // of the window
  std::vector<DeviceEnergy> devices = {};
  std::vector<ClassEnergy> classes = {};
  std::vector<MeterAgreement> agreements = {};

  // The class's chosen figure, measured or provisioned; nullptr where there is none.
  const ClassEnergy* find(std::string_view device_class, bool provisioned) const;
  // Faults, doubts and contradictions, each a line that names its meter.
  std::vector<std::string> warnings() const;
};

struct EnergyArgs {
  std::span<const PowerSample> samples = {};  // of all meters, in the order of preference
  double begin = 0;                           // seconds, on the samples' clock
  double end = 0;
  // Of the idle baseline; empty where none was taken. The clock may be another.
  std::span<const PowerSample> idle_samples = {};
  double idle_begin = 0;
  double idle_end = 0;
  EnergyRules rules = {};
};

// Never throws: what cannot be said is a fault in the report. Agreement is looked for
//  - between meters of one class (10 %),
//  - between a machine at its power supplies and its parts, which must not take more (2 %),
//  - between a meter outside and the machine, the same.
EnergyReport measure_energy(const EnergyArgs& args);

}  // namespace hadal
