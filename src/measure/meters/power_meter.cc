#include "measure/meters/power_meter.h"

#include <algorithm>

namespace hadal {

const std::vector<std::string>& meter_classes() {
  static const std::vector<std::string> classes = {
      std::string(meter_class::kGpu),     std::string(meter_class::kNpu),
      std::string(meter_class::kPackage), std::string(meter_class::kDram),
      std::string(meter_class::kNode),    std::string(meter_class::kWall)};
  return classes;
}

std::string_view device_class(std::string_view device) {
  const auto* const end =
      std::find_if(device.begin(), device.end(), [](char c) { return c < 'a' || c > 'z'; });
  const std::string_view letters = device.substr(0, static_cast<size_t>(end - device.begin()));
  return std::ranges::find(meter_classes(), letters) == meter_classes().end() ? std::string_view()
                                                                              : letters;
}

bool is_provisioned(std::string_view meter) {
  if (!meter.starts_with(kConstantMeter)) return false;
  meter.remove_prefix(kConstantMeter.size());
  return meter.empty() || meter.front() == '-';
}

}  // namespace hadal
