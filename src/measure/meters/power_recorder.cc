#include "measure/meters/power_recorder.h"

#include <algorithm>
#include <chrono>
#include <exception>

namespace hadal {
namespace {

using std::chrono::steady_clock;

std::function<double()> clock_from_now() {
  const auto begin = steady_clock::now();
  return [begin] { return std::chrono::duration<double>(steady_clock::now() - begin).count(); };
}

steady_clock::duration duration_of(double seconds) {
  return std::chrono::duration_cast<steady_clock::duration>(std::chrono::duration<double>(seconds));
}

}  // namespace

PowerRecorder::PowerRecorder(PowerMeters meters, PowerRecorderOptions options)
    : options_(std::move(options)) {
  if (!options_.clock) options_.clock = clock_from_now();
  for (auto& meter : meters) {
    MeterLog log(meter->description().name);
    stations_.push_back(
        std::make_unique<Station>(Station{.meter = std::move(meter), .log = std::move(log)}));
  }
}

PowerRecorder::~PowerRecorder() { stop(); }

void PowerRecorder::start() {
  for (auto& station : stations_) {
    station->thread = std::thread([this, &station = *station] { read_until_stopped(station); });
  }
  const double begun = now();
  std::unique_lock lock(mutex_);
  wait_for_readings_after(lock, begun, kPatience);
}

void PowerRecorder::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  was_read_.notify_all();
  for (auto& station : stations_) {
    if (station->thread.joinable()) station->thread.join();
  }
}

void PowerRecorder::read_until_stopped(Station& station) {
  auto next = steady_clock::now();
  const auto interval = duration_of(options_.interval);
  std::unique_lock lock(mutex_);
  while (!stopping_ && !station.log.given_up()) {
    station.is_wanted = false;
    lock.unlock();
    const double before = options_.clock();
    std::vector<MeterReading> readings;
    std::string failure;
    try {
      readings = station.meter->read();
    } catch (const std::exception& error) {
      failure = error.what();
    }
    const double after = options_.clock();
    lock.lock();
    // A tool that runs for half a second looks at the device somewhere within.
    const double moment = before + (after - before) / 2;
    if (failure.empty()) {
      station.log.add(moment, readings);
    } else {
      station.log.add_failure(moment, failure);
    }
    was_read_.notify_all();
    next = std::max(next + interval, steady_clock::now());
    wake_.wait_until(lock, next, [&] { return stopping_ || station.is_wanted; });
  }
}

void PowerRecorder::wait_for_readings_after(std::unique_lock<std::mutex>& lock, double seconds,
                                            double patience) {
  was_read_.wait_for(lock, duration_of(patience), [&] {
    if (stopping_) return true;
    bool all_read = true;  // as it is without meters
    bool somebody_is_wanted = false;
    const bool has_passed = options_.clock() >= seconds;
    for (auto& station : stations_) {
      const auto last = station->log.last_seconds();
      if (station->log.given_up() || (last && *last >= seconds)) continue;
      all_read = false;
      if (has_passed && !station->is_wanted) station->is_wanted = somebody_is_wanted = true;
    }
    if (somebody_is_wanted) wake_.notify_all();
    return all_read;
  });
}

IdleBaseline PowerRecorder::measure_idle(double seconds) {
  IdleBaseline idle = {.begin = now()};
  idle.end = idle.begin + seconds;
  std::unique_lock lock(mutex_);
  wait_for_readings_after(lock, idle.end, 2 * seconds + kPatience);
  for (const auto& station : stations_) {
    for (PowerSample& sample : samples_between(station->log.samples(), idle.begin, idle.end, 0)) {
      idle.samples.push_back(std::move(sample));
    }
  }
  return idle;
}

std::vector<PowerSample> PowerRecorder::samples(double begin, double end) {
  std::vector<PowerSample> samples;
  std::unique_lock lock(mutex_);
  wait_for_readings_after(lock, end, kPatience);
  for (const auto& station : stations_) {
    for (PowerSample& sample : samples_between(station->log.samples(), begin, end, begin)) {
      samples.push_back(std::move(sample));
    }
  }
  return samples;
}

std::vector<MeterDescription> PowerRecorder::meters() const {
  std::vector<MeterDescription> descriptions;
  for (const auto& station : stations_) descriptions.push_back(station->meter->description());
  return descriptions;
}

std::vector<std::string> PowerRecorder::warnings() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> warnings;
  for (const auto& station : stations_) {
    const MeterDescription& meter = station->meter->description();
    for (const std::string& warning : meter.warnings) {
      warnings.push_back("meter " + meter.name + ": " + warning);
    }
    for (std::string& warning : station->log.warnings()) warnings.push_back(std::move(warning));
  }
  return warnings;
}

}  // namespace hadal
