#include "measure/meters/prometheus_meter.h"

#include <fmt/format.h>

#include "base/error.h"
#include "measure/meters/prometheus_text.h"

namespace hadal {
namespace {

constexpr size_t kMostDevices = 1024;

class PageReader {
 public:
  explicit PageReader(const PrometheusMeterArgs& args) : args_(args) {
    if (!args.metric.empty()) selector_ = parse_prometheus_selector(args.metric);
    is_dcgm_ = args.metric.empty() || args.metric == kDcgmPower;
  }

  bool is_dcgm() const { return is_dcgm_; }

  std::vector<MeterReading> read() const {
    const std::string text = args_.get(args_.url);
    std::vector<MeterReading> readings =
        is_dcgm_ ? read_dcgm_power(text) : read_prometheus_power(text, selector_, args_.covers);
    if (readings.empty() || readings.size() > kMostDevices) {
      const std::string name = is_dcgm_ ? std::string(kDcgmPower) : selector_.name;
      throw Error({.code = readings.empty() ? ErrorCode::kNotFound : ErrorCode::kResourceExhausted,
                   .where = url_to_show(args_.url),
                   .what = readings.empty()
                               ? fmt::format("shows no {}", name)
                               : fmt::format("shows {} series of {}", readings.size(), name),
                   .remedy = "name the metric, and labels to choose by: "
                             "prometheus:URL#METRIC{label=\"value\"}"});
    }
    return readings;
  }

 private:
  PrometheusMeterArgs args_;
  PrometheusSelector selector_;
  bool is_dcgm_ = false;
};

class PrometheusMeter : public PowerMeter {
 public:
  PrometheusMeter(MeterDescription description, PageReader reader)
      : PowerMeter(std::move(description)), reader_(std::move(reader)) {}
  std::vector<MeterReading> read() override { return reader_.read(); }

 private:
  PageReader reader_;
};

}  // namespace

std::unique_ptr<PowerMeter> open_prometheus_meter(const PrometheusMeterArgs& args) {
  PageReader reader(args);
  MeterDescription description = {
      .name = reader.is_dcgm() ? "dcgm" : "prometheus",
      .covers = reader.is_dcgm() ? "GPU boards, without their host"
                                 : fmt::format("what {} stands for", printable(args.metric, 120))};
  for (const MeterReading& reading : reader.read()) {
    description.devices.push_back({.name = reading.device});
  }
  return std::make_unique<PrometheusMeter>(std::move(description), std::move(reader));
}

}  // namespace hadal
