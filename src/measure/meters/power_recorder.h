// Reads meters while something runs, each on a thread of its own, so that a slow one makes no gaps
// for the others, and hands out what they showed. What the figures mean is energy.h's business.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "measure/meters/meter_log.h"
#include "measure/meters/power_meter.h"
#include "measure/records.h"

namespace hadal {

struct PowerRecorderOptions {
  // Seconds from one reading to the next of a meter that answers at once; a slower one is read as
  // soon as it has answered. Half a second keeps to one a second whatever the machine is doing.
  double interval = 0.5;
  // Seconds on the run's clock, which only goes forward; called from several threads. Empty: since
  // the recorder was made.
  std::function<double()> clock = {};
};

// What the machine takes without the load, from readings before it.
struct IdleBaseline {
  double begin = 0;  // seconds on the recorder's clock
  double end = 0;
  std::vector<PowerSample> samples = {};  // times on the same clock
};

class PowerRecorder {
 public:
  explicit PowerRecorder(PowerMeters meters, PowerRecorderOptions options = {});
  // Stops.
  ~PowerRecorder();
  PowerRecorder(const PowerRecorder&) = delete;
  PowerRecorder& operator=(const PowerRecorder&) = delete;

  // Begins to read; once. Comes back when each meter has been read or has failed for good, after
  // kPatience seconds at the latest, so that whatever begins now has a sample before it.
  void start();
  // Ends the reading: waits for a reading under way, at most for that meter's own time limit. What
  // was read stays.
  void stop();

  // Waits for so many seconds on the clock, while nothing loads the machine, and gives what the
  // meters showed. Comes back early after stop(), and at the latest when twice that time and
  // kPatience have passed.
  IdleBaseline measure_idle(double seconds);
  static constexpr double kPatience = 5;  // seconds

  // What the meters showed in begin..end (seconds on the clock), with a sample before and after
  // where there is one, and times counted from `begin`. Waits until each meter that still answers
  // has been read after `end`, at most kPatience seconds.
  std::vector<PowerSample> samples(double begin, double end);

  double now() const { return options_.clock(); }
  std::vector<MeterDescription> meters() const;
  // What went wrong with meters so far, for people.
  std::vector<std::string> warnings() const;

 private:
  struct Station {
    std::unique_ptr<PowerMeter> meter;
    MeterLog log;
    bool is_wanted = false;  // read at once
    std::thread thread = {};
  };

  void read_until_stopped(Station& station);
  void wait_for_readings_after(std::unique_lock<std::mutex>& lock, double seconds, double patience);

  PowerRecorderOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;      // threads: stop, or a reading is wanted
  std::condition_variable was_read_;  // others: a meter was read or given up
  bool stopping_ = false;
  std::vector<std::unique_ptr<Station>> stations_;
};

}  // namespace hadal
