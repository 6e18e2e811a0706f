// The planner against what was measured: predictions for every published point, errors by
// hardware, engine and era, the maturity gap, the ordering of pairs. Which half the constants were
// calibrated on, whole curves at a time, is decided here and nowhere else.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plan/published_case.h"

namespace hadal {

struct ValidatedPoint {
  PublishedCase point;
  std::optional<double> total = {};          // predicted tokens per second and device
  std::optional<double> interactivity = {};  // predicted, tokens per second of a user
  std::string why = {};                      // not predicted, or assumed
  std::optional<double> gap = {};            // MaturityGap of this point
  std::string binds = {};
  std::string steps = {};  // what a step and a prompt take
  bool calibration = false;
  bool mature = false;
  bool usable = false;  // counts in the summary: measured with conditions, not flagged as wrong
  // The error that the summary counts: of the total, or of the speed where there is none; predicted
  // over measured.
  std::optional<double> ratio() const;
};

struct ErrorSummary {
  std::string name = {};
  int points = 0;
  double median = 0;  // of |predicted / measured - 1|
  double p90 = 0;
  double worst = 0;
  double within_twice = 0;  // share
};

// Measured time over that of the hardware's limits (no launches, no waits, kernels as they are once
// they are mature), the median of the usable points of a week since the release.
struct MaturityGap {
  std::string week = {};
  int points = 0;
  double median = 0;
};

struct Validation {
  std::vector<ValidatedPoint> points = {};
  ErrorSummary all = {};          // usable, mature or not
  ErrorSummary calibration = {};  // usable and mature
  ErrorSummary held_out = {};
  std::vector<ErrorSummary> by_hardware = {};  // usable, mature
  std::vector<ErrorSummary> by_engine = {};
  std::vector<ErrorSummary> by_era = {};
  std::vector<ErrorSummary> by_week = {};  // since the release; usable, mature or not
  std::vector<MaturityGap> gaps = {};
  int pairs = 0;  // on the same hardware and workload, more than 15 % apart
  int pairs_right = 0;
};

// Days after the release from which on an engine's kernels count as mature, 28.
extern const double kMatureDays;

// The calibration half: groups whose name hashes evenly (FNV-1a of the name, bit 16 clear).
bool is_calibration_group(const std::string& group);

Validation validate(std::vector<PublishedCase> cases, const Constants& constants);

std::string validation_json(const Validation& validation);
std::string validation_text(const Validation& validation);

}  // namespace hadal
