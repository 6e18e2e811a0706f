#include "measure/meters/energy.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <map>
#include <utility>

#include "measure/meters/power_meter.h"

namespace hadal {
namespace {

constexpr double kClassTolerance = 0.10;  // boards' own meters are good to about 5 %
constexpr double kPartsTolerance = 0.02;  // a part may seem to take so much more than the whole

using DeviceKey = std::pair<std::string, std::string>;  // meter, device

struct Series {
  DeviceKey key;
  std::vector<PowerSample> samples;
};

std::vector<Series> by_device(std::span<const PowerSample> samples) {
  std::vector<Series> series;
  std::map<DeviceKey, size_t> places;
  for (const PowerSample& sample : samples) {
    DeviceKey key = {sample.meter, sample.device};
    const auto [place, is_new] = places.try_emplace(key, series.size());
    if (is_new) series.push_back({.key = std::move(key), .samples = {}});
    series[place->second].samples.push_back(sample);
  }
  return series;
}

std::string class_of(const std::string& device) {
  const std::string_view known = device_class(device);
  return known.empty() ? device : std::string(known);
}

void add_to_class(const DeviceEnergy& device, std::vector<ClassEnergy>& classes) {
  const std::string group = class_of(device.device);
  auto found = std::ranges::find_if(classes, [&](const ClassEnergy& each) {
    return each.meter == device.meter && each.device_class == group;
  });
  if (found == classes.end()) {
    classes.push_back({.device_class = group,
                       .meter = device.meter,
                       .is_provisioned = is_provisioned(device.meter),
                       .joules = 0,
                       .samples = device.samples});
    found = classes.end() - 1;
  }
  ++found->devices;
  found->samples = std::min(found->samples, device.samples);
  if (found->joules && device.joules) {
    *found->joules += *device.joules;
  } else {
    found->joules.reset();
  }
  for (const std::string& fault : device.faults) {
    found->faults.push_back(fmt::format("{}: {}", device.device, fault));
  }
  for (const std::string& doubt : device.doubts) {
    found->doubts.push_back(fmt::format("{}: {}", device.device, doubt));
  }
}

void add_idle(const EnergyArgs& args, EnergyReport& report) {
  if (args.idle_samples.empty()) return;
  EnergyRules rules = args.rules;
  rules.broken_watts = 0;  // an idle machine may take next to nothing
  const double seconds = args.idle_end - args.idle_begin;
  std::map<DeviceKey, DeviceEnergy> idle;
  for (const Series& series : by_device(args.idle_samples)) {
    idle[series.key] = measure_device_energy(series.samples, args.idle_begin, args.idle_end, rules);
  }
  for (ClassEnergy& each : report.classes) {
    double watts = 0;
    std::string fault;
    for (const DeviceEnergy& device : report.devices) {
      if (device.meter != each.meter || class_of(device.device) != each.device_class) continue;
      const auto found = idle.find({device.meter, device.device});
      if (found != idle.end() && found->second.joules) {
        watts += *found->second.joules / seconds;
      } else if (fault.empty()) {
        fault = fmt::format("{}: no idle baseline ({})", device.device,
                            found == idle.end() || found->second.faults.empty()
                                ? "not read before the run"
                                : found->second.faults.front());
      }
    }
    if (fault.empty()) {
      each.idle_watts = watts;
    } else {
      each.doubts.push_back(std::move(fault));
    }
  }
}

void choose(std::vector<ClassEnergy>& classes) {
  for (const bool provisioned : {false, true}) {
    std::map<std::string, ClassEnergy*> chosen;
    for (ClassEnergy& each : classes) {
      if (each.is_provisioned != provisioned) continue;
      ClassEnergy*& best = chosen[each.device_class];
      if (best == nullptr || (!best->joules && each.joules)) best = &each;
    }
    for (const auto& [name, best] : chosen) best->is_chosen = true;
  }
}

std::string label(const ClassEnergy& each) {
  return fmt::format("{} by {}", each.device_class, each.meter);
}

void compare_within_classes(EnergyReport& report) {
  for (const ClassEnergy& other : report.classes) {
    const ClassEnergy* chosen = report.find(other.device_class, false);
    if (chosen == nullptr || chosen == &other || other.is_provisioned) continue;
    // Over different numbers of devices there is nothing to compare.
    if (!chosen->joules || !other.joules || *other.joules <= 0 ||
        chosen->devices != other.devices) {
      continue;
    }
    const double ratio = *chosen->joules / *other.joules;
    const bool contradicts = std::abs(ratio - 1) > kClassTolerance;
    report.agreements.push_back(
        {.first = label(*chosen),
         .second = label(other),
         .ratio = ratio,
         .is_contradiction = contradicts,
         .text = fmt::format("{} shows {:.1f} % of {}{}", label(*chosen), ratio * 100, label(other),
                             contradicts ? ": one of them is wrong" : "")});
  }
}

// `parts` must not take more than `whole`.
void compare_parts(const std::vector<const ClassEnergy*>& parts, const ClassEnergy* whole,
                   EnergyReport& report) {
  if (whole == nullptr || !whole->joules || *whole->joules <= 0) return;
  double joules = 0;
  std::string names;
  for (const ClassEnergy* part : parts) {
    if (part == nullptr || !part->joules) continue;
    joules += *part->joules;
    names += (names.empty() ? "" : " + ") + label(*part);
  }
  if (names.empty()) return;
  const double ratio = joules / *whole->joules;
  const bool contradicts = ratio > 1 + kPartsTolerance;
  report.agreements.push_back(
      {.first = names,
       .second = label(*whole),
       .ratio = ratio,
       .is_contradiction = contradicts,
       .text = fmt::format("{} is {:.1f} % of {}{}", names, ratio * 100, label(*whole),
                           contradicts ? ": parts cannot take more than the whole, so one of them "
                                         "is wrong or covers other machines"
                                       : "")});
}

}  // namespace

std::optional<double> ClassEnergy::above_idle(double seconds) const {
  if (!joules || !idle_watts) return std::nullopt;
  return *joules - *idle_watts * seconds;
}

const ClassEnergy* EnergyReport::find(std::string_view device_class, bool provisioned) const {
  const auto found = std::ranges::find_if(classes, [&](const ClassEnergy& each) {
    return each.is_chosen && each.is_provisioned == provisioned &&
           each.device_class == device_class;
  });
  return found == classes.end() ? nullptr : &*found;
}

std::vector<std::string> EnergyReport::warnings() const {
  std::vector<std::string> lines;
  for (const ClassEnergy& each : classes) {
    for (const std::string& fault : each.faults) {
      lines.push_back(fmt::format("meter {}, no figure: {}", each.meter, fault));
    }
    for (const std::string& doubt : each.doubts) {
      lines.push_back(fmt::format("meter {}: {}", each.meter, doubt));
    }
  }
  for (const MeterAgreement& agreement : agreements) {
    if (agreement.is_contradiction) lines.push_back("meters disagree: " + agreement.text);
  }
  return lines;
}

EnergyReport measure_energy(const EnergyArgs& args) {
  EnergyReport report = {.seconds = args.end - args.begin};
  for (const Series& series : by_device(args.samples)) {
    report.devices.push_back(
        measure_device_energy(series.samples, args.begin, args.end, args.rules));
    add_to_class(report.devices.back(), report.classes);
  }
  for (ClassEnergy& each : report.classes) {
    if (each.joules) each.mean_watts = *each.joules / report.seconds;
  }
  add_idle(args, report);
  choose(report.classes);
  compare_within_classes(report);
  const ClassEnergy* node = report.find(meter_class::kNode, false);
  compare_parts({report.find(meter_class::kGpu, false), report.find(meter_class::kNpu, false),
                 report.find(meter_class::kPackage, false), report.find(meter_class::kDram, false)},
                node, report);
  compare_parts({node}, report.find(meter_class::kWall, false), report);
  return report;
}

}  // namespace hadal
