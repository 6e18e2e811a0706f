// Reads an engine's page of metrics now and then while it is measured, on a thread of its own. A
// page that does not come is a gap.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "measure/meters/http_get.h"
#include "measure/records.h"

namespace hadal {

struct EngineRecorderArgs {
  std::string url = {};  // of the page
  std::string engine = {};
  std::string version = {};
  HttpGet get = {};                    // called by one thread at a time
  std::function<double()> clock = {};  // seconds, only forward
  double interval = 0.5;               // seconds between pages
};

class EngineRecorder {
 public:
  // Reads the page once. Throws Error: those of `get`, kInvalidFile.
  explicit EngineRecorder(EngineRecorderArgs args);
  ~EngineRecorder();
  EngineRecorder(const EngineRecorder&) = delete;
  EngineRecorder& operator=(const EngineRecorder&) = delete;

  // Families that this version of the engine should have and the first page lacked.
  const std::vector<std::string>& missing() const { return missing_; }
  // What was read in begin..end (seconds on the clock), times counted from `begin`.
  std::vector<EngineSample> samples(double begin, double end);

 private:
  void read_until_stopped();

  EngineRecorderArgs args_;
  std::vector<std::string> missing_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::vector<EngineSample> samples_;  // on the clock
  std::thread thread_;
};

}  // namespace hadal
