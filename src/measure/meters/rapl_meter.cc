#include "measure/meters/rapl_meter.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <unistd.h>

#include "base/error.h"
#include "base/system_files.h"

namespace hadal {
namespace {

struct Domain {
  std::string device = {};
  std::string detail = {};
  std::string energy_file = {};
  uint64_t greatest = 0;  // µJ
};

std::vector<std::string> folders_of(const std::string& folder, std::string_view prefix) {
  std::vector<std::string> names;
  std::error_code fault;
  for (auto entry = std::filesystem::directory_iterator(folder, fault);
       !fault && entry != std::filesystem::directory_iterator(); entry.increment(fault)) {
    const std::string name = entry->path().filename();
    if (name.starts_with(prefix)) names.push_back(name);
  }
  std::ranges::sort(names);
  return names;
}

// "intel-rapl:1" is a socket's domain, "intel-rapl:1:0" one below it. The same counters show up
// again as "intel-rapl-mmio:…", which is why they are not looked for.
std::vector<Domain> find_domains(const std::string& powercap) {
  std::vector<Domain> domains;
  const std::string prefix = "intel-rapl:";
  for (const std::string& zone : folders_of(powercap, prefix)) {
    const std::string folder = powercap + "/" + zone;
    const std::string name = read_system_file(folder + "/name", 256).value_or("");
    const std::string_view numbers = std::string_view(zone).substr(prefix.size());
    const bool is_top = numbers.find(':') == std::string_view::npos;
    Domain domain = {.detail = zone, .energy_file = folder + "/energy_uj"};
    if (is_top && name.starts_with("package-")) {
      domain.device = name;
    } else if (!is_top && name == "dram") {
      // Named after the socket that it belongs to, as that is named ("package-1-die-0").
      const std::string above = folder.substr(0, folder.rfind(':'));
      std::string socket = read_system_file(above + "/name", 256).value_or("");
      if (!socket.starts_with("package-")) continue;
      domain.device = "dram" + socket.substr(std::string_view("package").size());
    } else {
      continue;
    }
    const auto range = read_system_file(folder + "/max_energy_range_uj", 64);
    domain.greatest =
        static_cast<uint64_t>((range ? parse_number(*range) : std::nullopt).value_or(0));
    const bool known = std::ranges::any_of(
        domains, [&](const Domain& other) { return other.device == domain.device; });
    if (!known) domains.push_back(std::move(domain));
  }
  return domains;
}

class RaplMeter : public PowerMeter {
 public:
  RaplMeter(MeterDescription description, const std::vector<Domain>& domains)
      : PowerMeter(std::move(description)) {
    for (const Domain& domain : domains) {
      counters_.push_back({.domain = domain, .counter = WrappingCounter(domain.greatest)});
    }
  }

  std::vector<MeterReading> read() override {
    std::vector<MeterReading> readings;
    bool answers = false;
    for (Counter& each : counters_) {
      const auto text = read_system_file(each.domain.energy_file, 64);
      const auto value = text ? parse_number(*text) : std::nullopt;
      MeterReading& reading = readings.emplace_back(MeterReading{.device = each.domain.device});
      if (!value) continue;
      answers = true;
      const int64_t microjoules = each.counter.update(static_cast<uint64_t>(*value));
      reading.joules = static_cast<double>(microjoules) * 1e-6;
    }
    if (!answers) {
      throw Error({.code = ErrorCode::kUnavailable,
                   .where = "rapl",
                   .what = "the energy counters can no longer be read"});
    }
    return readings;
  }

 private:
  struct Counter {
    Domain domain;
    WrappingCounter counter;
  };
  std::vector<Counter> counters_;
};

}  // namespace

int64_t WrappingCounter::update(uint64_t value) {
  if (started_) {
    const bool turned = value < last_ && last_ <= greatest_;
    const uint64_t step = turned ? greatest_ - last_ + value : value - last_;
    total_ += static_cast<int64_t>(step);
  }
  started_ = true;
  last_ = value;
  return total_;
}

std::unique_ptr<PowerMeter> open_rapl_meter(const std::string& powercap) {
  std::vector<Domain> domains = find_domains(powercap);
  if (domains.empty()) {
    throw Error({.code = ErrorCode::kNotFound,
                 .where = powercap,
                 .what = "no energy counters of processors",
                 .remedy = "load them with `sudo modprobe intel_rapl_msr` (Intel and AMD); virtual "
                           "machines and containers as a rule have none"});
  }
  MeterDescription description = {.name = "rapl", .covers = "processor packages"};
  std::erase_if(domains, [&](const Domain& domain) {
    if (read_system_file(domain.energy_file, 64)) return false;
    description.warnings.push_back(
        fmt::format("{} is left out: {} cannot be read", domain.device, domain.energy_file));
    return true;
  });
  if (domains.empty()) {
    throw Error(
        {.code = ErrorCode::kPermissionDenied,
         .where = powercap + "/intel-rapl:*/energy_uj",
         .what = fmt::format("{} energy counters are there, and may be read by root only",
                             description.warnings.size()),
         .remedy = fmt::format(
             "until the next boot `sudo chmod a+r {0}/intel-rapl:*/energy_uj` opens them to "
             "everyone, or `sudo chgrp GROUP` and `sudo chmod g+r` to a group of yours (they are "
             "closed because fine readings betray what a processor computes)",
             powercap)});
  }
  for (const Domain& domain : domains) {
    description.devices.push_back({.name = domain.device, .detail = domain.detail});
    if (device_class(domain.device) == meter_class::kDram) {
      description.covers = "processor packages and their memory";
    }
  }
  return std::make_unique<RaplMeter>(std::move(description), domains);
}

}  // namespace hadal
