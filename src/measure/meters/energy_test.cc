#include "measure/meters/energy.h"

#include <cmath>
#include <functional>
#include <gtest/gtest.h>

#include "measure/meters/energy_metrics.h"

namespace hadal {
namespace {

using Curve = std::function<double(double)>;

struct SeriesArgs {
  std::string meter = "nvml";
  std::string device = "gpu0";
  double from = -1;
  double to = 11;
  double step = 1;
  Curve watts = [](double) { return 500; };
  Curve joules = {};  // none: no counter
};

std::vector<PowerSample> series(const SeriesArgs& args) {
  std::vector<PowerSample> samples;
  for (int i = 0; args.from + i * args.step <= args.to + 1e-9; ++i) {
    const double t = args.from + i * args.step;
    PowerSample sample = {
        .seconds = t, .watts = args.watts(t), .meter = args.meter, .device = args.device};
    if (args.joules) sample.joules = args.joules(t);
    samples.push_back(sample);
  }
  return samples;
}

void append(std::vector<PowerSample>& to, std::vector<PowerSample> more) {
  for (PowerSample& sample : more) to.push_back(std::move(sample));
}

bool mentions(const std::vector<std::string>& lines, std::string_view text) {
  for (const std::string& line : lines) {
    if (line.find(text) != std::string::npos) return true;
  }
  return false;
}

TEST(DeviceEnergy, IsTheTrapezoidWithInterpolatedEnds) {
  // P = 100 + 20 t: linear between samples, so the trapezoid is exact; from 0.5 to 9.25 s it is
  // 100 · 8.75 + 10 · (9.25² − 0.5²) = 1728.125 J.
  const auto samples = series({.watts = [](double t) { return 100 + 20 * t; }});
  const DeviceEnergy energy = measure_device_energy(samples, 0.5, 9.25);
  EXPECT_EQ(energy.method, EnergyMethod::kTrapezoid);
  EXPECT_NEAR(energy.joules.value_or(-1), 1728.125, 1e-9);
  EXPECT_EQ(energy.samples, 9);
  EXPECT_DOUBLE_EQ(energy.greatest_gap, 1);
  EXPECT_DOUBLE_EQ(energy.greatest_watts.value_or(-1), 280);
  EXPECT_TRUE(energy.faults.empty());
}

TEST(DeviceEnergy, ToleratesGapsOfThreeSecondsAndNoMore) {
  auto samples = series({.to = 12, .step = 3});
  EXPECT_NEAR(measure_device_energy(samples, 0, 10).joules.value_or(-1), 5000, 1e-9);
  samples = series({});
  std::erase_if(samples, [](const PowerSample& s) { return s.seconds > 4 && s.seconds < 7.5; });
  const DeviceEnergy energy = measure_device_energy(samples, 0, 10);
  EXPECT_FALSE(energy.joules);
  EXPECT_EQ(energy.method, EnergyMethod::kNone);
  EXPECT_TRUE(mentions(energy.faults, "no sample from 4.0 s to 8.0 s (4.0 s; at most 3 s)"));
  // A gap elsewhere is none of the window's business.
  EXPECT_TRUE(measure_device_energy(samples, 0, 3.5).joules);
}

TEST(DeviceEnergy, NeedsSamplesOnBothSidesOfTheWindow) {
  const auto samples = series({.from = 1, .to = 9});
  EXPECT_TRUE(mentions(measure_device_energy(samples, 0, 5).faults,
                       "the first sample comes 1.0 s after the window's beginning"));
  EXPECT_TRUE(mentions(measure_device_energy(samples, 2, 10).faults,
                       "the last sample comes 1.0 s before the window's end"));
  EXPECT_TRUE(mentions(measure_device_energy({}, 2, 10).faults, "no usable sample") ||
              !measure_device_energy({}, 2, 10).joules);
  EXPECT_FALSE(measure_device_energy(samples, 5, 5).joules);
  EXPECT_FALSE(measure_device_energy(samples, NAN, 5).joules);
}

TEST(DeviceEnergy, PrefersTheCounter) {
  // Bursts that readings once a second miss: the counter knows of them. 3 % apart is tolerated.
  const auto near = series({.joules = [](double t) { return 1e6 + 515 * t; }});
  DeviceEnergy energy = measure_device_energy(near, 0.5, 9.5);
  EXPECT_EQ(energy.method, EnergyMethod::kCounter);
  EXPECT_NEAR(energy.joules.value_or(-1), 515 * 9, 1e-6);
  EXPECT_NEAR(energy.integrated_joules.value_or(-1), 500 * 9, 1e-6);
  EXPECT_TRUE(energy.doubts.empty() || !mentions(energy.doubts, "counter says"));
  const auto far = series({.joules = [](double t) { return 625 * t; }});
  energy = measure_device_energy(far, 0, 10);
  EXPECT_NEAR(energy.joules.value_or(-1), 6250, 1e-6);
  EXPECT_TRUE(mentions(energy.doubts, "20 % less than its counter says"));
}

TEST(DeviceEnergy, OfACounterAloneIsNotComparedWithItself) {
  auto samples = series({.meter = "rapl",
                         .device = "package-0",
                         .watts = [](double t) { return t < 5 ? 100 : 900; },
                         .joules = [](double t) { return t < 5 ? 100 * t : 500 + 900 * (t - 5); }});
  for (PowerSample& sample : samples) sample.watts_from_joules = true;
  const DeviceEnergy energy = measure_device_energy(samples, 0, 10);
  EXPECT_NEAR(energy.joules.value_or(-1), 5000, 1e-9);
  EXPECT_FALSE(energy.integrated_joules);
  EXPECT_TRUE(energy.doubts.empty());
}

TEST(DeviceEnergy, OfACounterOutlivesGapsWithin) {
  auto samples = series({.joules = [](double t) { return 500 * t; }});
  std::erase_if(samples, [](const PowerSample& s) { return s.seconds > 1.5 && s.seconds < 8.5; });
  const DeviceEnergy energy = measure_device_energy(samples, 0, 10);
  EXPECT_NEAR(energy.joules.value_or(-1), 5000, 1e-9);
  EXPECT_FALSE(energy.integrated_joules);
  // Not at the window's ends, where it would be guessed how much came before.
  std::erase_if(samples, [](const PowerSample& s) { return s.seconds > 0 && s.seconds < 8.5; });
  EXPECT_FALSE(measure_device_energy(samples, 0.5, 10).joules);
}

TEST(DeviceEnergy, FallsBackToPowerWhereTheCounterFails) {
  for (const Curve& joules :
       {Curve([](double) { return 7.0; }), Curve([](double t) { return t < 5 ? 500 * t : t; }),
        Curve([](double t) { return t < 5 ? 0 : 1e9; })}) {
    const DeviceEnergy energy = measure_device_energy(series({.joules = joules}), 0, 10);
    EXPECT_EQ(energy.method, EnergyMethod::kTrapezoid);
    EXPECT_NEAR(energy.joules.value_or(-1), 5000, 1e-9);
    EXPECT_TRUE(mentions(energy.doubts, "its counter was not used: its counter "));
  }
}

TEST(DeviceEnergy, OfAStuckCounterAloneIsNone) {
  auto samples = series({.meter = "rapl",
                         .device = "package-0",
                         .watts = [](double) { return 0; },
                         .joules = [](double) { return 3.0; }});
  for (PowerSample& sample : samples) sample.watts_from_joules = true;
  const DeviceEnergy energy = measure_device_energy(samples, 0, 10);
  EXPECT_FALSE(energy.joules);
  EXPECT_TRUE(mentions(energy.faults, "stood still"));
  // Memory may sleep.
  for (PowerSample& sample : samples) sample.device = "dram-0";
  EXPECT_DOUBLE_EQ(measure_device_energy(samples, 0, 10).joules.value_or(-1), 0);
}

TEST(DeviceEnergy, RefusesAMeterThatShowsNothingUnderLoad) {
  const DeviceEnergy broken =
      measure_device_energy(series({.watts = [](double t) { return std::fmod(t + 1, 3); }}), 0, 10);
  EXPECT_FALSE(broken.joules);
  EXPECT_TRUE(mentions(broken.faults, "the meter is broken"));
  const DeviceEnergy flaky =
      measure_device_energy(series({.watts = [](double t) { return t == 4 ? 0 : 500; }}), 0, 10);
  EXPECT_TRUE(flaky.joules);
  EXPECT_TRUE(mentions(flaky.doubts, "showed 2 W or less in 1 of 11 samples"));
}

TEST(DeviceEnergy, LeavesOutReadingsThatCannotBe) {
  for (const double odd : {static_cast<double>(NAN), static_cast<double>(INFINITY), -5.0, 1e9}) {
    const DeviceEnergy energy = measure_device_energy(
        series({.watts = [&](double t) { return t == 4 ? odd : 500; }}), 0, 10);
    EXPECT_NEAR(energy.joules.value_or(-1), 5000, 1e-9) << odd;
    EXPECT_TRUE(mentions(energy.doubts, "1 of 13 readings cannot be")) << odd;
  }
  EXPECT_FALSE(measure_device_energy(series({.watts = [](double) { return NAN; }}), 0, 10).joules);
}

TEST(DeviceEnergy, DoubtsPowerThatNeverChanges) {
  EXPECT_TRUE(mentions(measure_device_energy(series({}), 0, 10).doubts,
                       "showed 500 W without any change for 10 s"));
  const auto given = series({.meter = "constant"});
  EXPECT_TRUE(measure_device_energy(given, 0, 10).doubts.empty());
}

TEST(Energy, AddsDevicesOfAClassAndKeepsIdleApart) {
  std::vector<PowerSample> samples = series({.watts = [](double t) { return 500 + t; }});
  append(samples, series({.device = "gpu1", .watts = [](double t) { return 300 - t; }}));
  std::vector<PowerSample> idle = series({.watts = [](double t) { return t < 5 ? 70 : 80; }});
  append(idle, series({.device = "gpu1", .watts = [](double t) { return t < 5 ? 60 : 50; }}));
  const EnergyReport report = measure_energy({.samples = samples,
                                              .begin = 0,
                                              .end = 10,
                                              .idle_samples = idle,
                                              .idle_begin = 0,
                                              .idle_end = 10});
  const ClassEnergy* gpu = report.find("gpu", false);
  ASSERT_NE(gpu, nullptr);
  EXPECT_EQ(gpu->devices, 2);
  EXPECT_NEAR(gpu->joules.value_or(-1), 8000, 1e-6);
  EXPECT_NEAR(gpu->mean_watts.value_or(-1), 800, 1e-6);
  EXPECT_NEAR(gpu->idle_watts.value_or(-1), 130, 1e-6);
  EXPECT_NEAR(gpu->above_idle(report.seconds).value_or(-1), 6700, 1e-6);
}

TEST(Energy, OfAClassIsNoneWhereADeviceHasNone) {
  std::vector<PowerSample> samples = series({});
  append(samples, series({.device = "gpu1", .to = 4}));
  const EnergyReport report = measure_energy({.samples = samples, .begin = 0, .end = 10});
  EXPECT_FALSE(report.find("gpu", false)->joules);
  EXPECT_TRUE(
      mentions(report.warnings(), "meter nvml, no figure: gpu1: the last sample comes 6.0"));
  EXPECT_TRUE(energy_metrics(report, {.output_tokens = 5}).empty());
}

TEST(Energy, WithoutABaselineSaysSo) {
  const auto samples = series({});
  const auto idle = series({.device = "gpu1"});
  const EnergyReport report = measure_energy({.samples = samples,
                                              .begin = 0,
                                              .end = 10,
                                              .idle_samples = idle,
                                              .idle_begin = 0,
                                              .idle_end = 10});
  EXPECT_FALSE(report.find("gpu", false)->idle_watts);
  EXPECT_TRUE(mentions(report.warnings(), "gpu0: no idle baseline (not read before the run)"));
}

TEST(Energy, ComparesMetersOfOneClassAndTakesOneThatWorks) {
  std::vector<PowerSample> samples = series({.to = 4});  // nvml died
  append(samples, series({.meter = "dcgm", .watts = [](double) { return 450; }}));
  append(samples, series({.meter = "command", .watts = [](double) { return 600; }}));
  const EnergyReport report = measure_energy({.samples = samples, .begin = 0, .end = 10});
  EXPECT_EQ(report.find("gpu", false)->meter, "dcgm");
  ASSERT_EQ(report.agreements.size(), 1U);
  EXPECT_DOUBLE_EQ(report.agreements[0].ratio, 0.75);
  EXPECT_TRUE(report.agreements[0].is_contradiction);
}

TEST(Energy, FindsThatPartsCannotTakeMoreThanTheWhole) {
  const auto machine = [](double node) {
    std::vector<PowerSample> samples = series({});
    append(samples, series({.device = "gpu1"}));
    append(samples,
           series({.meter = "rapl", .device = "package-0", .watts = [](double) { return 200; }}));
    append(samples,
           series({.meter = "ipmi", .device = "node", .watts = [=](double) { return node; }}));
    return measure_energy({.samples = samples, .begin = 0, .end = 10});
  };
  const EnergyReport good = machine(1500);
  ASSERT_EQ(good.agreements.size(), 1U);
  EXPECT_EQ(good.agreements[0].first, "gpu by nvml + package by rapl");
  EXPECT_DOUBLE_EQ(good.agreements[0].ratio, 0.8);
  EXPECT_FALSE(good.agreements[0].is_contradiction);
  const EnergyReport bad = machine(1000);
  EXPECT_TRUE(bad.agreements[0].is_contradiction);
  EXPECT_TRUE(mentions(bad.warnings(), "parts cannot take more than the whole"));
}

std::optional<double> mean_of(const std::vector<MetricValue>& metrics, const std::string& id) {
  for (const MetricValue& metric : metrics) {
    if (metric.id == id) return metric.mean;
  }
  return std::nullopt;
}

TEST(EnergyMetrics, DivideTheWholeEnergyByWhatWasDone) {
  std::vector<PowerSample> samples = series({});
  append(samples,
         series({.meter = "constant", .device = "node", .watts = [](double) { return 2000; }}));
  const auto idle = series({.watts = [](double) { return 100; }});
  const EnergyReport report = measure_energy({.samples = samples,
                                              .begin = 0,
                                              .end = 10,
                                              .idle_samples = idle,
                                              .idle_begin = 0,
                                              .idle_end = 10});
  const auto metrics =
      energy_metrics(report, {.input_tokens = 9000, .output_tokens = 1000, .ok_requests = 20});
  EXPECT_NEAR(mean_of(metrics, "power.mean.gpu/1").value_or(-1), 500, 1e-9);
  EXPECT_NEAR(mean_of(metrics, "power.idle.gpu/1").value_or(-1), 100, 1e-9);
  EXPECT_NEAR(mean_of(metrics, "energy.total.gpu/1").value_or(-1), 5000, 1e-9);
  EXPECT_NEAR(mean_of(metrics, "energy.above_idle.gpu/1").value_or(-1), 4000, 1e-9);
  EXPECT_NEAR(mean_of(metrics, "energy.per_output_token.gpu/1").value_or(-1), 5, 1e-9);
  EXPECT_NEAR(mean_of(metrics, "energy.per_total_token.gpu/1").value_or(-1), 0.5, 1e-9);
  EXPECT_NEAR(mean_of(metrics, "energy.above_idle_per_total_token.gpu/1").value_or(-1), 0.4, 1e-9);
  EXPECT_NEAR(mean_of(metrics, "energy.per_ok_request.gpu/1").value_or(-1), 250, 1e-9);
  // Given watts have ids of their own, so that nobody takes them for measured ones.
  EXPECT_NEAR(mean_of(metrics, "energy.per_total_token.node.provisioned/1").value_or(-1), 2, 1e-9);
  EXPECT_FALSE(mean_of(metrics, "energy.per_total_token.node/1"));
  EXPECT_FALSE(mean_of(metrics, "power.idle.node.provisioned/1"));
}

// 8 boards of 835 W that give 5,836.4 tokens/s each take 0.143 J a token.
TEST(EnergyMetrics, ReproduceAPublishedFigure) {
  std::vector<PowerSample> samples;
  for (int i = 0; i < 8; ++i) {
    append(samples,
           series({.device = "gpu" + std::to_string(i), .watts = [](double) { return 835; }}));
  }
  const EnergyReport report = measure_energy({.samples = samples, .begin = 0, .end = 10});
  const double tokens = 5836.4 * 8 * 10;
  const auto metrics =
      energy_metrics(report, {.input_tokens = tokens * 8 / 9, .output_tokens = tokens / 9});
  EXPECT_NEAR(mean_of(metrics, "energy.per_total_token.gpu/1").value_or(-1), 0.143, 0.0005);
}

TEST(EnergyMetrics, LeaveOutWhatIsUnknown) {
  const auto samples = series({});
  const EnergyReport report = measure_energy({.samples = samples, .begin = 0, .end = 10});
  const auto metrics = energy_metrics(report, {.output_tokens = 0});
  EXPECT_EQ(metrics.size(), 2U);  // power.mean, energy.total
}

TEST(WorkOfRequests, CountsMeasuredRequestsThatSucceeded) {
  std::vector<RequestRecord> requests = {
      {.phase = RequestPhase::kWarmUp, .input_tokens = 1000, .output_tokens = 1000},
      {.input_tokens = 10, .output_tokens = 5},
      {.input_tokens = 20, .output_tokens = 7},
      {.input_tokens = 500, .output_tokens = 500, .outcome = RequestOutcome::kFailed}};
  WorkDone work = work_of_requests(requests);
  EXPECT_DOUBLE_EQ(work.input_tokens.value_or(-1), 30);
  EXPECT_DOUBLE_EQ(work.output_tokens.value_or(-1), 12);
  EXPECT_DOUBLE_EQ(work.ok_requests.value_or(-1), 2);
  // A number that cannot be is none, and sums of which one is missing are none either.
  requests[1].input_tokens = -5;
  work = work_of_requests(requests);
  EXPECT_FALSE(work.input_tokens);
  EXPECT_TRUE(work.output_tokens);
}

}  // namespace
}  // namespace hadal
