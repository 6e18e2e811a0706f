#include "measure/meters/engine_recorder.h"

#include <chrono>
#include <utility>

#include "base/error.h"
#include "measure/meters/engine_metrics.h"

namespace hadal {
namespace {

// Of one run: days of two pages a second would be no help to anybody.
constexpr size_t kMostSamples = 500'000;

}  // namespace

EngineRecorder::EngineRecorder(EngineRecorderArgs args) : args_(std::move(args)) {
  missing_ = read_engine_page(args_.get(args_.url), args_.engine, args_.version).missing;
  thread_ = std::thread([this] { read_until_stopped(); });
}

EngineRecorder::~EngineRecorder() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void EngineRecorder::read_until_stopped() {
  std::unique_lock lock(mutex_);
  while (!stopping_ && samples_.size() < kMostSamples) {
    lock.unlock();
    EngineSample sample;
    try {
      const std::string page = args_.get(args_.url);
      sample.seconds = args_.clock();
      sample.values = read_engine_page(page, args_.engine, args_.version).values;
    } catch (const Error&) {
      // An engine under load may be late with this page; the gap shows.
    }
    lock.lock();
    if (!sample.values.empty()) samples_.push_back(std::move(sample));
    wake_.wait_for(lock, std::chrono::duration<double>(args_.interval),
                   [this] { return stopping_; });
  }
}

std::vector<EngineSample> EngineRecorder::samples(double begin, double end) {
  const std::lock_guard lock(mutex_);
  std::vector<EngineSample> within;
  for (const EngineSample& sample : samples_) {
    if (sample.seconds < begin || sample.seconds > end) continue;
    within.push_back(sample);
    within.back().seconds -= begin;
  }
  return within;
}

}  // namespace hadal
