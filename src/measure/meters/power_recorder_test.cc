#include "measure/meters/power_recorder.h"

#include <atomic>
#include <cmath>
#include <gtest/gtest.h>

#include "base/error.h"

namespace hadal {
namespace {

TEST(MeterLog, KeepsPowerAndCounterAsRead) {
  MeterLog log("nvml");
  log.add(1, {{.device = "gpu0", .watts = 300, .joules = 5000}, {.device = "gpu1", .watts = 200}});
  ASSERT_EQ(log.samples().size(), 2U);
  EXPECT_DOUBLE_EQ(log.samples()[0].watts, 300);
  EXPECT_DOUBLE_EQ(log.samples()[0].joules.value_or(-1), 5000);
  EXPECT_FALSE(log.samples()[0].watts_from_joules);
  EXPECT_EQ(log.samples()[1].meter, "nvml");
  EXPECT_EQ(log.samples()[1].device, "gpu1");
  EXPECT_FALSE(log.samples()[1].joules);
}

TEST(MeterLog, MakesPowerOfACounter) {
  MeterLog log("rapl");
  log.add(10, {{.device = "package-0", .joules = 100}});
  EXPECT_TRUE(log.samples().empty());  // one reading tells no power
  log.add(12, {{.device = "package-0", .joules = 300}});
  log.add(13, {{.device = "package-0", .joules = 350}});
  ASSERT_EQ(log.samples().size(), 3U);
  const double watts[] = {100, 100, 50};
  const double seconds[] = {10, 12, 13};
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_DOUBLE_EQ(log.samples()[i].watts, watts[i]);
    EXPECT_DOUBLE_EQ(log.samples()[i].seconds, seconds[i]);
    EXPECT_TRUE(log.samples()[i].watts_from_joules);
  }
  EXPECT_DOUBLE_EQ(log.samples()[0].joules.value_or(-1), 100);
}

TEST(MeterLog, WarnsOfWhatIsNoNumber) {
  MeterLog log("dcgm");
  log.add(1, {{.device = "gpu0", .watts = NAN}, {.device = "gpu1", .watts = 5}});
  log.add(2, {{.device = "gpu1", .joules = INFINITY}});
  EXPECT_EQ(log.samples().size(), 1U);
  EXPECT_EQ(log.warnings().at(0),
            "meter dcgm: gpu0 showed what is no number (once, first at 1.0 s)");
}

TEST(MeterLog, GivesUpAfterFiveFailuresInARow) {
  MeterLog log("ipmi");
  for (int i = 0; i < 4; ++i) log.add_failure(i, "busy");
  log.add(5, {{.device = "node", .watts = 1}});
  for (int i = 0; i < 4; ++i) log.add_failure(6 + i, "busy");
  EXPECT_FALSE(log.given_up());
  EXPECT_EQ(log.warnings(),
            (std::vector<std::string>{"meter ipmi: busy (8 times, first at 0.0 s)"}));
  log.add_failure(10, "gone");
  EXPECT_TRUE(log.given_up());
  ASSERT_EQ(log.warnings().size(), 3U);
  EXPECT_NE(log.warnings()[2].find("given up after 5 failures"), std::string::npos);
}

TEST(SamplesBetween, TakesANeighbourOnEachSideOfEachDevice) {
  std::vector<PowerSample> all;
  for (int i = 0; i < 10; ++i) {
    all.push_back({.seconds = static_cast<double>(i), .watts = 1, .device = "gpu0"});
    if (i % 4 == 0)
      all.push_back({.seconds = static_cast<double>(i), .watts = 2, .device = "gpu1"});
  }
  std::vector<double> first;
  std::vector<double> second;
  for (const PowerSample& sample : samples_between(all, 2.5, 4.5, 2.5)) {
    (sample.device == "gpu0" ? first : second).push_back(sample.seconds);
  }
  EXPECT_EQ(first, (std::vector<double>{-0.5, 0.5, 1.5, 2.5}));
  EXPECT_EQ(second, (std::vector<double>{-2.5, 1.5, 5.5}));
  // A sample on the beginning needs none before it.
  EXPECT_EQ(samples_between(all, 3, 4, 0).front().seconds, 3);
  // What ended before the window shows that it did.
  EXPECT_EQ(samples_between(all, 20, 30, 0).size(), 2U);
}

// Time that passes only when somebody looks: a quarter of a second each time.
class LookedAtClock {
 public:
  double operator()() const { return 0.25 * ++*looks_; }

 private:
  std::shared_ptr<std::atomic<int>> looks_ = std::make_shared<std::atomic<int>>(0);
};

class FakeMeter : public PowerMeter {
 public:
  explicit FakeMeter(const std::string& name, bool works = true)
      : PowerMeter({.name = name}), works_(works) {}
  std::vector<MeterReading> read() override {
    if (!works_) throw Error({.code = ErrorCode::kUnavailable, .what = "no answer"});
    joules_ += 50;
    return {{.device = "gpu0", .watts = 100, .joules = joules_}};
  }

 private:
  bool works_;
  double joules_ = 0;
};

PowerRecorderOptions quick() { return {.interval = 1e-4, .clock = LookedAtClock()}; }

TEST(PowerRecorder, ReadsAllMetersOnTheGivenClock) {
  PowerMeters meters;
  meters.push_back(std::make_unique<FakeMeter>("a"));
  meters.push_back(std::make_unique<FakeMeter>("b"));
  PowerRecorder recorder(std::move(meters), quick());
  recorder.start();
  const double begin = recorder.now();
  const IdleBaseline idle = recorder.measure_idle(20);
  EXPECT_GE(idle.begin, begin);
  EXPECT_DOUBLE_EQ(idle.end - idle.begin, 20);
  for (const std::string name : {"a", "b"}) {
    double last = 0;
    for (const PowerSample& sample : idle.samples) {
      if (sample.meter != name) continue;
      if (last == 0) {
        EXPECT_LE(sample.seconds, idle.begin) << name;  // the window is covered
      }
      EXPECT_GT(sample.seconds, last);
      last = sample.seconds;
    }
    EXPECT_GE(last, idle.end) << name;
  }
}

TEST(PowerRecorder, ReadsOnceMoreAfterTheEndOfAWindow) {
  PowerMeters meters;
  meters.push_back(std::make_unique<FakeMeter>("a"));
  PowerRecorder recorder(std::move(meters), quick());
  recorder.start();
  recorder.measure_idle(1);
  const double begin = recorder.now();
  recorder.measure_idle(10);
  const double end = recorder.now();
  const auto samples = recorder.samples(begin, end);
  ASSERT_GE(samples.size(), 2U);
  EXPECT_LE(samples.front().seconds, 0);  // counted from the window's beginning
  EXPECT_GE(samples.back().seconds, end - begin);
}

TEST(PowerRecorder, GoesOnWithoutAMeterThatFails) {
  PowerMeters meters;
  meters.push_back(std::make_unique<FakeMeter>("broken", false));
  meters.push_back(std::make_unique<FakeMeter>("good"));
  PowerRecorder recorder(std::move(meters), quick());
  recorder.start();
  const IdleBaseline idle = recorder.measure_idle(50);
  recorder.stop();
  for (const PowerSample& sample : idle.samples) EXPECT_EQ(sample.meter, "good");
  EXPECT_FALSE(idle.samples.empty());
  const auto warnings = recorder.warnings();
  ASSERT_EQ(warnings.size(), 2U);
  EXPECT_TRUE(warnings[0].starts_with("meter broken: no answer (5 times, first at "));
}

TEST(PowerRecorder, DoesNotWaitWithoutMetersOrAfterStop) {
  PowerRecorder none({}, {});
  none.start();
  EXPECT_TRUE(none.measure_idle(1e6).samples.empty());
  PowerMeters meters;
  meters.push_back(std::make_unique<FakeMeter>("a"));
  PowerRecorder stopped(std::move(meters), {});
  stopped.stop();
  EXPECT_TRUE(stopped.samples(0, 1e6).empty());
}

}  // namespace
}  // namespace hadal
