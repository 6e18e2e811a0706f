#include "measure/meters/meter_log.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace hadal {

void MeterLog::add(double seconds, const std::vector<MeterReading>& readings) {
  if (last_seconds_ && seconds <= *last_seconds_) return;
  last_seconds_ = seconds;
  failures_in_a_row_ = 0;
  for (const MeterReading& reading : readings) {
    const bool is_number =
        std::isfinite(reading.watts.value_or(0)) && std::isfinite(reading.joules.value_or(0));
    if (is_number) {
      add_reading(seconds, reading);
    } else {
      warn(seconds, fmt::format("{} showed what is no number", reading.device));
    }
  }
}

void MeterLog::add_reading(double seconds, const MeterReading& reading) {
  if (reading.watts) {
    add_sample(seconds, *reading.watts, reading);
  } else if (reading.joules) {
    add_counted(seconds, reading);
  } else {
    warn(seconds, fmt::format("{} could not be read", reading.device));
  }
}

void MeterLog::add_sample(double seconds, double watts, const MeterReading& reading) {
  samples_.push_back({.seconds = seconds,
                      .watts = watts,
                      .joules = reading.joules,
                      .watts_from_joules = !reading.watts,
                      .meter = meter_,
                      .device = reading.device});
}

void MeterLog::add_counted(double seconds, const MeterReading& reading) {
  const auto [place, is_first] =
      counters_.try_emplace(reading.device, Counter{.seconds = seconds, .joules = *reading.joules});
  Counter& last = place->second;
  if (is_first) return;
  const double watts = (*reading.joules - last.joules) / (seconds - last.seconds);
  if (!last.is_sampled) {
    add_sample(last.seconds, watts, {.device = reading.device, .joules = last.joules});
  }
  add_sample(seconds, watts, reading);
  last = {.seconds = seconds, .joules = *reading.joules, .is_sampled = true};
}

void MeterLog::add_failure(double seconds, const std::string& message) {
  ++failures_in_a_row_;
  warn(seconds, message);
}

void MeterLog::warn(double seconds, const std::string& message) {
  const auto known = std::ranges::find(failures_, message, &Failure::message);
  if (known != failures_.end()) {
    ++known->count;
  } else if (failures_.size() < kMostKinds) {
    failures_.push_back({.message = message, .first_seconds = seconds, .count = 1});
  }
}

std::vector<std::string> MeterLog::warnings() const {
  std::vector<std::string> warnings;
  for (const Failure& failure : failures_) {
    const std::string times =
        failure.count == 1 ? std::string("once") : fmt::format("{} times", failure.count);
    warnings.push_back(fmt::format("meter {}: {} ({}, first at {:.1f} s)", meter_, failure.message,
                                   times, failure.first_seconds));
  }
  if (given_up()) {
    warnings.push_back(
        fmt::format("meter {}: given up after {} failures in a row; the run went on "
                    "without it",
                    meter_, kMostFailures));
  }
  return warnings;
}

std::vector<PowerSample> samples_between(const std::vector<PowerSample>& samples, double begin,
                                         double end, double origin) {
  std::vector<PowerSample> result;
  std::map<std::string_view, const PowerSample*> before;
  std::map<std::string_view, bool> is_complete;  // the sample after the end is there
  for (const PowerSample& sample : samples) {
    if (sample.seconds < begin) {
      before[sample.device] = &sample;
      continue;
    }
    bool& complete = is_complete[sample.device];
    if (complete) continue;
    complete = sample.seconds >= end;
    const auto found = before.find(sample.device);
    if (found != before.end()) {
      if (sample.seconds > begin) result.push_back(*found->second);
      before.erase(found);
    }
    result.push_back(sample);
  }
  for (const auto& [device, sample] : before) result.push_back(*sample);
  for (PowerSample& sample : result) sample.seconds -= origin;
  return result;
}

}  // namespace hadal
