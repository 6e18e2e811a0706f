#include "measure/meters/constant_meter.h"

#include <cmath>
#include <fmt/format.h>

#include "base/error.h"
#include "base/system_files.h"
#include "measure/meters/meter_text.h"

namespace hadal {
namespace {

constexpr int64_t kMostConstantDevices = 1024;
constexpr double kMostWatts = 1e9;  // a power station

class ConstantMeter : public PowerMeter {
 public:
  ConstantMeter(MeterDescription description, double watts)
      : PowerMeter(std::move(description)), watts_(watts) {}

  std::vector<MeterReading> read() override {
    std::vector<MeterReading> readings;
    for (const MeterDevice& device : description().devices) {
      readings.push_back({.device = device.name, .watts = watts_});
    }
    return readings;
  }

 private:
  double watts_;
};

}  // namespace

std::unique_ptr<PowerMeter> open_constant_meter(std::string_view text, std::string_view covers) {
  const size_t times = text.find('x');
  const bool is_several = times != std::string_view::npos;
  const auto count = is_several ? parse_number(text.substr(0, times)) : std::optional<int64_t>(1);
  const auto watts = parse_decimal(is_several ? text.substr(times + 1) : text);
  if (!count || *count < 1 || *count > kMostConstantDevices || !watts || *watts < 0 ||
      *watts > kMostWatts) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "constant:" + printable(text),
                 .what = "that is no power",
                 .remedy = "give watts, for example constant:2500, or constant@gpu:8x700 for eight "
                           "boards"});
  }
  MeterDescription description = {.name = std::string(kConstantMeter),
                                  .covers = fmt::format("{} W given, not measured", *watts)};
  for (int64_t i = 0; i < *count; ++i) {
    description.devices.push_back(
        {.name = is_several ? fmt::format("{}{}", covers, i) : std::string(covers)});
  }
  return std::make_unique<ConstantMeter>(std::move(description), *watts);
}

}  // namespace hadal
