// When sessions begin under open loop: planned instants, in seconds from the load's beginning. They
// are what the process draws and are never stretched to make a total come out; the rate that was
// reached is for the measurement to say. Under closed loop there are none: a lane begins its next
// session when the last has ended.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "measure/workload/random_stream.h"

namespace hadal {

enum class ArrivalKind {
  kClosed,    // no instants
  kConstant,  // every 1/rate seconds, from 0 on
  kPoisson,   // gaps exponential
  kGamma,  // gaps of a gamma distribution with shape `burstiness`: below 1 burstier than Poisson,
           // 1 the same, above 1 more even. Coefficient of variation 1/sqrt(burstiness)
  kRamp,   // Poisson, its rate going evenly from `rate` to `rate_end` and staying there
  kBurst,  // `burst_size` at once every `burst_seconds`, from 0 on
  kDay,    // Poisson, its rate by the hour of a day that lasts 24 h / `speed`, again and again
  kTrace,  // recorded instants, `speed` times as fast
};

// A made-up day: quiet in the small hours, busiest in the afternoon, mean 1.
inline constexpr std::array<double, 24> kMadeUpDay = {0.5, 0.4, 0.3, 0.2, 0.2, 0.3, 0.5, 0.8,
                                                      1.1, 1.4, 1.6, 1.7, 1.6, 1.7, 1.8, 1.8,
                                                      1.7, 1.5, 1.2, 1.0, 0.9, 0.7, 0.6, 0.5};

struct ArrivalPlan {
  ArrivalKind kind = ArrivalKind::kClosed;
  double rate = 0;  // sessions per second; of a day its mean
  double burstiness = 1;
  double rate_end = 0;
  double ramp_seconds = 0;
  int64_t burst_size = 0;
  double burst_seconds = 0;
  std::array<double, 24> day_weights = kMadeUpDay;  // of each hour, in any unit
  double speed = 1;
  std::vector<double> recorded = {};  // seconds, ascending
  uint64_t seed = 0;
};

// "closed", "constant", "poisson", "gamma:BURSTINESS", "ramp:RATE_AT_END:SECONDS",
// "burst:SIZE:SECONDS", "day:SPEED", "day:SPEED:W0,W1,...,W23", "trace", "trace:SPEED"; `rate` is
// that of --rate. Throws Error kInvalidArgument, for an unknown word with the nearest known one.
ArrivalPlan parse_arrivals(std::string_view text, double rate, uint64_t seed);

// "poisson" and the like, as Load::arrivals has it.
std::string_view arrival_name(ArrivalKind kind);

// The plan as a JSON object.
std::string describe_arrivals(const ArrivalPlan& plan);

// Yields the instants one after the other, ascending.
class Arrivals {
 public:
  // Throws Error kInvalidArgument for a plan that is none: rates that are not above 0, and the
  // like.
  explicit Arrivals(ArrivalPlan plan);

  // None: there are no more (a trace's end, a ramp down to 0), or the loop is closed.
  std::optional<double> next();

 private:
  std::optional<double> instant_of(double expected) const;
  double day_instant(double expected) const;

  ArrivalPlan plan_;
  RandomStream random_;
  int64_t count_ = 0;  // instants given
  double expected_ =
      0;                // how many arrivals the rate so far makes: the process on a clock of rate 1
  double day_sum_ = 0;  // of the weights
};

}  // namespace hadal
