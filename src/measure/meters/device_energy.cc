#include "measure/meters/device_energy.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "measure/meters/power_meter.h"

namespace hadal {
namespace {

// More than any device takes: a slip of units, or a counter that was set back.
constexpr double kMostDeviceWatts = 20e3;
constexpr double kMostNodeWatts = 10e6;  // "node" and "wall" may stand for a whole room

struct Knot {
  double seconds = 0;
  double value = 0;  // watts or joules
};

// What stands between begin and end of a row of knots: first and last are the nearest ones outside
// (or on) the ends. Empty, with the reason, where a knot outside is missing.
struct Covered {
  std::span<const Knot> knots = {};
  std::string fault = {};
};

Covered cover(std::span<const Knot> knots, double begin, double end) {
  if (knots.empty()) return {.fault = "no usable sample"};
  const auto after_begin = std::ranges::upper_bound(knots, begin, {}, &Knot::seconds);
  if (after_begin == knots.begin()) {
    return {.fault = fmt::format("the first sample comes {:.1f} s after the window's beginning",
                                 knots.front().seconds - begin)};
  }
  const auto at_end = std::ranges::lower_bound(knots, end, {}, &Knot::seconds);
  if (at_end == knots.end()) {
    return {.fault = fmt::format("the last sample comes {:.1f} s before the window's end",
                                 end - knots.back().seconds)};
  }
  return {.knots = {after_begin - 1, at_end + 1}};
}

double value_at(const Knot& left, const Knot& right, double seconds) {
  if (right.seconds <= left.seconds) return left.value;
  const double share = (seconds - left.seconds) / (right.seconds - left.seconds);
  return left.value + share * (right.value - left.value);
}

// Integral of the line through the knots, which reach over both ends.
double integral(std::span<const Knot> knots, double begin, double end) {
  double sum = 0;
  for (size_t i = 0; i + 1 < knots.size(); ++i) {
    const double from = std::max(knots[i].seconds, begin);
    const double to = std::min(knots[i + 1].seconds, end);
    if (to <= from) continue;
    const double left = value_at(knots[i], knots[i + 1], from);
    const double right = value_at(knots[i], knots[i + 1], to);
    sum += (to - from) * (left + right) / 2;
  }
  return sum;
}

class DeviceWindow {
 public:
  DeviceWindow(std::span<const PowerSample> samples, double begin, double end,
               const EnergyRules& rules)
      : begin_(begin), end_(end), rules_(rules) {
    if (!samples.empty()) {
      result_.meter = samples.front().meter;
      result_.device = samples.front().device;
    }
    const std::string_view group = device_class(result_.device);
    is_whole_ = group == meter_class::kNode || group == meter_class::kWall;
    sleeps_never_ = group != meter_class::kDram;
    is_provisioned_ = is_provisioned(result_.meter);
    take_usable(samples);
  }

  DeviceEnergy result() {
    if (!(end_ > begin_)) {
      result_.faults.emplace_back("the window is empty");
      return std::move(result_);
    }
    describe_samples();
    std::vector<std::string> power_faults = integrate_power();
    std::vector<std::string> counter_faults = subtract_counter();
    const bool has_power = result_.integrated_joules.has_value();
    if (result_.counted_joules) {
      result_.method = EnergyMethod::kCounter;
      result_.joules = result_.counted_joules;
      compare();
    } else if (has_power) {
      result_.method = EnergyMethod::kTrapezoid;
      result_.joules = result_.integrated_joules;
      for (std::string& fault : counter_faults) {
        result_.doubts.push_back("its counter was not used: " + std::move(fault));
      }
    } else {
      for (auto* faults : {&counter_faults, &power_faults}) {
        for (std::string& fault : *faults) {
          if (std::ranges::find(result_.faults, fault) == result_.faults.end()) {
            result_.faults.push_back(std::move(fault));
          }
        }
      }
    }
    refuse_broken();
    return std::move(result_);
  }

 private:
  // Drops what cannot be, which is no reason to drop the rest: the gap that it leaves decides.
  void take_usable(std::span<const PowerSample> samples) {
    int64_t odd = 0;
    const double most = is_whole_ ? kMostNodeWatts : kMostDeviceWatts;
    double last = -INFINITY;
    for (const PowerSample& sample : samples) {
      if (!std::isfinite(sample.seconds) || sample.seconds <= last) {
        ++odd;
        continue;
      }
      last = sample.seconds;
      const bool is_power = std::isfinite(sample.watts) && sample.watts >= 0 && sample.watts < most;
      // A counter that was set back shows in the power made of it, and in its own values.
      if (!is_power) ++odd;
      if (!sample.watts_from_joules) {
        shows_power_ = true;
        if (is_power) powers_.push_back({sample.seconds, sample.watts});
      }
      if (is_power && sample.seconds >= begin_ && sample.seconds <= end_) {
        within_.push_back({sample.seconds, sample.watts});
      }
      if (sample.joules) {
        shows_energy_ = true;
        if (std::isfinite(*sample.joules)) counts_.push_back({sample.seconds, *sample.joules});
      }
    }
    if (odd > 0) {
      result_.doubts.push_back(fmt::format(
          "{} of {} readings cannot be (not a number, negative, beyond {:.0f} kW, or out of order) "
          "and were left out",
          odd, samples.size(), most / 1000));
    }
  }

  void describe_samples() {
    result_.samples = static_cast<int64_t>(within_.size());
    for (const Knot& knot : within_) {
      result_.least_watts = std::min(result_.least_watts.value_or(knot.value), knot.value);
      result_.greatest_watts = std::max(result_.greatest_watts.value_or(knot.value), knot.value);
    }
    const std::span<const Knot> knots = shows_power_ ? powers_ : counts_;
    for (size_t i = 0; i + 1 < knots.size(); ++i) {
      if (knots[i + 1].seconds <= begin_ || knots[i].seconds >= end_) continue;
      result_.greatest_gap =
          std::max(result_.greatest_gap, knots[i + 1].seconds - knots[i].seconds);
    }
    doubt_stuck_power();
  }

  void doubt_stuck_power() {
    constexpr int64_t kFewest = 5;
    if (is_provisioned_ || !shows_power_) return;
    double longest = 0;
    double stuck_at = 0;
    for (size_t i = 0; i < within_.size();) {
      size_t j = i;
      while (j + 1 < within_.size() && within_[j + 1].value == within_[i].value) ++j;
      const double seconds = within_[j].seconds - within_[i].seconds;
      if (static_cast<int64_t>(j - i) + 1 >= kFewest && seconds > longest) {
        longest = seconds;
        stuck_at = within_[i].value;
      }
      i = j + 1;
    }
    if (longest >= rules_.stuck_seconds) {
      result_.doubts.push_back(
          fmt::format("showed {:g} W without any change for {:.0f} s: it may be stuck, or be "
                      "renewed less often than it is read",
                      stuck_at, longest));
    }
  }

  // Reasons why the knots do not tell enough; none when they do.
  std::vector<std::string> gaps(std::span<const Knot> knots, double most_within) const {
    std::vector<std::string> faults;
    constexpr size_t kMostTold = 3;
    for (size_t i = 0; i + 1 < knots.size(); ++i) {
      const double gap = knots[i + 1].seconds - knots[i].seconds;
      const bool is_at_end = i == 0 || i + 2 == knots.size();
      const double most = is_at_end ? rules_.max_gap : most_within;
      if (gap <= most) continue;
      if (faults.size() == kMostTold) {
        faults.emplace_back("further gaps");
        return faults;
      }
      faults.push_back(fmt::format("no sample from {:.1f} s to {:.1f} s ({:.1f} s; at most {:g} s)",
                                   knots[i].seconds, knots[i + 1].seconds, gap, most));
    }
    return faults;
  }

  std::vector<std::string> integrate_power() {
    if (!shows_power_) return {};
    const Covered covered = cover(powers_, begin_, end_);
    if (!covered.fault.empty()) return {covered.fault};
    std::vector<std::string> faults = gaps(covered.knots, rules_.max_gap);
    if (faults.empty()) result_.integrated_joules = integral(covered.knots, begin_, end_);
    return faults;
  }

  std::vector<std::string> subtract_counter() {
    if (!shows_energy_) return {};
    const Covered covered = cover(counts_, begin_, end_);
    if (!covered.fault.empty()) return {covered.fault};
    const std::span<const Knot> knots = covered.knots;
    std::vector<std::string> faults = gaps(knots, rules_.max_counter_gap);
    if (!faults.empty()) return faults;
    double still = 0;  // seconds in which it has not moved, at the longest
    double since = knots.front().seconds;
    for (size_t i = 1; i < knots.size(); ++i) {
      if (knots[i].value < knots[i - 1].value) {
        return {fmt::format("its counter went back at {:.1f} s", knots[i].seconds)};
      }
      if (knots[i].value > knots[i - 1].value) since = knots[i].seconds;
      still = std::max(still, knots[i].seconds - since);
    }
    const double joules = value_at(knots[knots.size() - 2], knots.back(), end_) -
                          value_at(knots[0], knots[1], begin_);
    const double most = is_whole_ ? kMostNodeWatts : kMostDeviceWatts;
    if (joules > most * (end_ - begin_)) {
      return {
          fmt::format("its counter jumped: {:.0f} kJ in {:.0f} s", joules / 1000, end_ - begin_)};
    }
    // One that stands still for long counts nothing; memory that sleeps is another matter.
    if (sleeps_never_ && joules <= 0) {
      return {fmt::format("its counter stood still for {:.0f} s", still)};
    }
    if (sleeps_never_ && still > rules_.max_gap) {
      result_.doubts.push_back(fmt::format("its counter stood still for {:.1f} s", still));
    }
    result_.counted_joules = joules;
    return {};
  }

  void compare() {
    if (!result_.integrated_joules || *result_.counted_joules <= 0) return;
    const double share = *result_.integrated_joules / *result_.counted_joules - 1;
    if (std::abs(share) <= rules_.max_disagreement) return;
    result_.doubts.push_back(fmt::format(
        "its power adds up to {:.0f} % {} than its counter says (at most {:g} %); the counter is "
        "used",
        std::abs(share) * 100, share > 0 ? "more" : "less", rules_.max_disagreement * 100));
  }

  // A meter that shows 0 to 2 W of something that works has no figure, however smooth it is.
  void refuse_broken() {
    if (is_provisioned_ || !sleeps_never_ || !result_.joules) return;
    const auto low = static_cast<size_t>(std::ranges::count_if(
        within_, [&](const Knot& knot) { return knot.value <= rules_.broken_watts; }));
    const double mean = *result_.joules / (end_ - begin_);
    if (mean <= rules_.broken_watts || (!within_.empty() && 2 * low > within_.size())) {
      result_.faults.push_back(fmt::format(
          "showed {:g} W or less in {} of {} samples while something was working: the meter is "
          "broken",
          rules_.broken_watts, low, within_.size()));
      result_.joules.reset();
      result_.method = EnergyMethod::kNone;
    } else if (low > 0) {
      result_.doubts.push_back(fmt::format("showed {:g} W or less in {} of {} samples",
                                           rules_.broken_watts, low, within_.size()));
    }
  }

  double begin_;
  double end_;
  EnergyRules rules_;
  DeviceEnergy result_;
  bool is_whole_ = false;
  bool sleeps_never_ = true;
  bool is_provisioned_ = false;
  bool shows_power_ = false;
  bool shows_energy_ = false;
  std::vector<Knot> powers_;  // that the meter showed itself
  std::vector<Knot> counts_;
  std::vector<Knot> within_;  // power within the window, however it was found
};

}  // namespace

DeviceEnergy measure_device_energy(std::span<const PowerSample> samples, double begin, double end,
                                   const EnergyRules& rules) {
  return DeviceWindow(samples, begin, end, rules).result();
}

}  // namespace hadal
