// The text format in which exporters show metrics to Prometheus, and the power that is in it.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "measure/meters/power_meter.h"

namespace hadal {

struct PrometheusSample {
  std::vector<std::pair<std::string, std::string>> labels = {};  // in the order of the text
  double value = 0;  // may be NaN or infinite, as the format has it

  // Empty where there is no such label.
  std::string_view label(std::string_view name) const;
};

// All series of the metric `name`. Lines of other metrics are not looked into. Throws Error
// (kInvalidFile) for a malformed line of this one.
std::vector<PrometheusSample> read_prometheus_text(std::string_view text, std::string_view name);

// What to look for: "DCGM_FI_DEV_POWER_USAGE", or "node_power_watts{chassis=\"3\"}" for the series
// with these labels alone.
struct PrometheusSelector {
  std::string name = {};
  std::vector<std::pair<std::string, std::string>> labels = {};
};
// Throws Error (kInvalidArgument).
PrometheusSelector parse_prometheus_selector(std::string_view text);

constexpr std::string_view kDcgmPower = "DCGM_FI_DEV_POWER_USAGE";                // W
constexpr std::string_view kDcgmEnergy = "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION";  // mJ

// Boards of DCGM's exporter, as "gpu3", or "gpu3@host" where several machines show themselves. The
// instances of a partitioned board (MIG) all show the whole board's power, so it counts once.
std::vector<MeterReading> read_dcgm_power(std::string_view text);

// Series of any other metric. The unit is the name's: …_joules… counts energy, as …_millijoules…
// and …_microjoules… do; …_milliwatts… and …_kilowatts… are power, everything else is watts.
// Devices are called by `covers`, with the labels where there are several.
std::vector<MeterReading> read_prometheus_power(std::string_view text,
                                                const PrometheusSelector& selector,
                                                std::string_view covers);

}  // namespace hadal
