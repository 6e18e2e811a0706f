// The readings of one meter over time, as samples: what a thread that reads it fills, without the
// thread. Decides when a meter that fails is given up.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "measure/meters/power_meter.h"
#include "measure/records.h"

namespace hadal {

class MeterLog {
 public:
  explicit MeterLog(std::string meter) : meter_(std::move(meter)) {}

  // Readings of one moment, in seconds on any clock that only goes forward. A counter's first
  // reading becomes a sample with its second, which tells its power. What is no number, or
  // could not be read, becomes a warning and no sample.
  void add(double seconds, const std::vector<MeterReading>& readings);
  // A reading failed.
  void add_failure(double seconds, const std::string& message);

  // Failed kMostFailures times in a row: not to be read any more.
  bool given_up() const { return failures_in_a_row_ >= kMostFailures; }
  static constexpr int kMostFailures = 5;

  // When it was last read with success.
  std::optional<double> last_seconds() const { return last_seconds_; }
  // Ascending in time for each device.
  const std::vector<PowerSample>& samples() const { return samples_; }
  // Each failure once, with how often it came.
  std::vector<std::string> warnings() const;

 private:
  struct Failure {
    std::string message;
    double first_seconds = 0;
    int count = 0;
  };
  struct Counter {
    double seconds = 0;
    double joules = 0;
    bool is_sampled = false;
  };

  void add_reading(double seconds, const MeterReading& reading);
  void add_counted(double seconds, const MeterReading& reading);
  void add_sample(double seconds, double watts, const MeterReading& reading);

  void warn(double seconds, const std::string& message);

  static constexpr size_t kMostKinds = 16;  // of failures told apart

  std::string meter_;
  std::vector<PowerSample> samples_;
  std::map<std::string, Counter> counters_;  // of devices that show energy alone
  std::optional<double> last_seconds_;
  std::vector<Failure> failures_;
  int failures_in_a_row_ = 0;
};

// The samples that tell of begin..end, with the one before and the one after of each device, and
// times counted from `origin`.
std::vector<PowerSample> samples_between(const std::vector<PowerSample>& samples, double begin,
                                         double end, double origin);

}  // namespace hadal
