// Power out of a page of metrics: NVIDIA's DCGM exporter, or any other metric that a user names.
#pragma once

#include <memory>
#include <string>

#include "measure/meters/http_get.h"
#include "measure/meters/power_meter.h"

namespace hadal {

struct PrometheusMeterArgs {
  std::string url = {};
  std::string metric = {};  // as parse_prometheus_selector takes it; empty: DCGM's boards
  std::string covers = {};  // a class of meter_classes(), of a metric that is not DCGM's
  HttpGet get = {};         // called by one thread at a time
};

// Reads the page once. Throws Error: those of `get`, kInvalidArgument (the metric's name),
// kNotFound (the page does not have it), kInvalidFile.
std::unique_ptr<PowerMeter> open_prometheus_meter(const PrometheusMeterArgs& args);

}  // namespace hadal
