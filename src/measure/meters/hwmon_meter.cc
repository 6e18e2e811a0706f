#include "measure/meters/hwmon_meter.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <map>
#include <sys/stat.h>

#include "base/error.h"
#include "base/system_files.h"

namespace hadal {
namespace {

struct Sensor {
  std::string device = {};
  std::string detail = {};
  std::string file = {};
  bool is_energy = false;  // µJ, counting up in 64 bits; otherwise µW
};

bool exists(const std::string& path) {
  struct stat status = {};
  return ::stat(path.c_str(), &status) == 0;
}

// The monitors in the order of their numbers: hwmon2 before hwmon10.
std::map<int64_t, std::string> monitors_in(const std::string& hwmon) {
  std::map<int64_t, std::string> monitors;
  std::error_code fault;
  const std::string_view prefix = "hwmon";
  for (auto entry = std::filesystem::directory_iterator(hwmon, fault);
       !fault && entry != std::filesystem::directory_iterator(); entry.increment(fault)) {
    const std::string name = entry->path().filename();
    if (!name.starts_with(prefix)) continue;
    if (const auto number = parse_number(std::string_view(name).substr(prefix.size()))) {
      monitors[*number] = entry->path();
    }
  }
  return monitors;
}

// Average where there is one: an instant reading catches one moment of a second.
std::string power_file(const std::string& folder) {
  std::string average = folder + "/power1_average";
  if (exists(average)) return average;
  const std::string instant = folder + "/power1_input";
  return exists(instant) ? instant : std::string();
}

void add_sockets(const std::string& folder, std::vector<Sensor>& sensors) {
  constexpr int kMostSensors = 1024;  // amd_energy numbers cores and sockets in one row
  const std::string_view socket = "Esocket";
  for (int i = 1; i <= kMostSensors; ++i) {
    const auto label = read_system_file(fmt::format("{}/energy{}_label", folder, i), 64);
    if (!label) return;
    if (!label->starts_with(socket)) continue;
    const auto number = parse_number(std::string_view(*label).substr(socket.size()));
    if (!number) continue;
    sensors.push_back({.device = fmt::format("package-{}", *number),
                       .detail = *label,
                       .file = fmt::format("{}/energy{}_input", folder, i),
                       .is_energy = true});
  }
}

// ACPI's power meter is a machine's as a rule. Grace has one per part, told apart by a text; its
// "Module" holds the GPU too and its "CPU" is within "Grace", so only "Grace" is taken.
void add_acpi_meter(const std::string& folder, std::vector<Sensor>& sensors) {
  const std::string file = power_file(folder);
  if (file.empty()) return;
  const std::string info = read_system_file(folder + "/power1_oem_info", 256).value_or("");
  const std::string_view grace = "Grace Power Socket ";
  const bool is_part = info.find(" Power Socket ") != std::string::npos;
  if (info.starts_with(grace)) {
    if (const auto number = parse_number(std::string_view(info).substr(grace.size()))) {
      sensors.push_back(
          {.device = fmt::format("package-{}", *number), .detail = info, .file = file});
    }
  } else if (!is_part && std::ranges::none_of(sensors, [](const Sensor& sensor) {
               return sensor.device == meter_class::kNode;
             })) {
    sensors.push_back(
        {.device = std::string(meter_class::kNode), .detail = "ACPI power meter", .file = file});
  }
}

std::vector<Sensor> find_sensors(const std::string& hwmon) {
  std::vector<Sensor> sensors;
  int gpus = 0;
  for (const auto& [number, folder] : monitors_in(hwmon)) {
    const std::string name = read_system_file(folder + "/name", 64).value_or("");
    if (name == "amdgpu") {
      const std::string file = power_file(folder);
      if (file.empty()) continue;
      sensors.push_back({.device = fmt::format("gpu{}", gpus++),
                         .detail = fmt::format("amdgpu, hwmon{}", number),
                         .file = file});
    } else if (name == "amd_energy") {
      add_sockets(folder, sensors);
    } else if (name == "power_meter") {
      add_acpi_meter(folder, sensors);
    }
  }
  return sensors;
}

class HwmonMeter : public PowerMeter {
 public:
  HwmonMeter(MeterDescription description, std::vector<Sensor> sensors)
      : PowerMeter(std::move(description)), sensors_(std::move(sensors)) {}

  std::vector<MeterReading> read() override {
    std::vector<MeterReading> readings;
    bool answers = false;
    for (const Sensor& sensor : sensors_) {
      const auto text = read_system_file(sensor.file, 64);
      const auto value = text ? parse_number(*text) : std::nullopt;
      MeterReading& reading = readings.emplace_back(MeterReading{.device = sensor.device});
      if (!value) continue;
      answers = true;
      const double base_units = static_cast<double>(*value) * 1e-6;
      (sensor.is_energy ? reading.joules : reading.watts) = base_units;
    }
    if (!answers) {
      throw Error({.code = ErrorCode::kUnavailable,
                   .where = "hwmon",
                   .what = "the power sensors can no longer be read"});
    }
    return readings;
  }

 private:
  std::vector<Sensor> sensors_;
};

}  // namespace

std::unique_ptr<PowerMeter> open_hwmon_meter(const std::string& hwmon) {
  std::vector<Sensor> sensors = find_sensors(hwmon);
  if (sensors.empty()) {
    throw Error({.code = ErrorCode::kNotFound,
                 .where = hwmon,
                 .what = "no power sensors of amdgpu, amd_energy or an ACPI power meter"});
  }
  MeterDescription description = {.name = "hwmon", .covers = "what the kernel's sensors show"};
  std::erase_if(sensors, [&](const Sensor& sensor) {
    if (read_system_file(sensor.file, 64)) return false;
    description.warnings.push_back(fmt::format("{} ({}) is left out: {} cannot be read",
                                               sensor.device, sensor.detail, sensor.file));
    return true;
  });
  if (sensors.empty()) {
    throw Error({.code = ErrorCode::kPermissionDenied,
                 .where = hwmon,
                 .what = "the power sensors cannot be read",
                 .remedy = "run as root, or `sudo chmod a+r` the files hwmon*/power1_* or "
                           "hwmon*/energy*_input"});
  }
  for (const Sensor& sensor : sensors) {
    description.devices.push_back({.name = sensor.device, .detail = sensor.detail});
  }
  return std::make_unique<HwmonMeter>(std::move(description), std::move(sensors));
}

}  // namespace hadal
