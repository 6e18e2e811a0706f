#include "engine/step_cost.h"

#include <algorithm>
#include <cmath>

namespace hadal {
namespace {

// Terms are scaled to be of the same size in usual steps.
constexpr std::array<double, 5> kScale = {1, 1, 64, 64 * 4096, 1};
// What a term keeps of its past when a step with it is measured.
constexpr double kMemory = 0.97;
constexpr double kPriorWeight = 1e-3;  // of the first guess, in measured steps
constexpr double kLeastSeconds = 1e-6;
// Of a step this part is divided by rows alone: estimates may say for a while that rows of one kind
// cost nothing, and no request is computed for nothing.
constexpr double kDividedAlike = 1.0 / 64;
constexpr double kOutlier = 4;  // a step that took more times the prediction counts as so many

}  // namespace

StepCost::Vector StepCost::terms(const StepShape& shape) const {
  return {1, shape.decode_rows / kScale[1], shape.prefill_rows / kScale[2],
          shape.context_rows / kScale[3], expert_sets(shape.rows()) / kScale[4]};
}

double StepCost::expert_sets(int rows) const {
  if (experts_.routed == 0) return 0;
  const double share = static_cast<double>(experts_.per_row) / experts_.routed;
  return (1 - std::pow(1 - share, rows)) / share;
}

StepCost::StepCost(double row_seconds, const ExpertCounts& experts)
    : experts_(experts), seconds_per_{0, row_seconds * kScale[1], row_seconds * kScale[2], 0, 0} {
  for (size_t i = 0; i < kTerms; ++i) {
    information_[i][i] = kPriorWeight;
    target_[i] = kPriorWeight * seconds_per_[i];
  }
}

double StepCost::predict(const StepShape& shape) const {
  return shared_seconds(shape.rows()) + own_seconds(shape);
}

double StepCost::shared_seconds(int rows) const {
  return seconds_per_[0] + expert_sets(rows) * seconds_per_[4] / kScale[4];
}

double StepCost::own_seconds(const StepShape& shape) const {
  return shape.decode_rows * seconds_per_[1] / kScale[1] +
         shape.prefill_rows * seconds_per_[2] / kScale[2] +
         shape.context_rows * seconds_per_[3] / kScale[3];
}

double StepCost::predict_part(const StepShape& part, const StepShape& whole) const {
  const double of_rows = static_cast<double>(part.rows()) / whole.rows();
  const double caused = own_seconds(part) + shared_seconds(whole.rows()) * of_rows;
  return (1 - kDividedAlike) * caused + kDividedAlike * predict(whole) * of_rows;
}

int StepCost::rows_within(double seconds, int context, int limit) const {
  // a r² + b r = seconds
  const double a = 0.5 * seconds_per_[3] / kScale[3];
  const double b = seconds_per_[2] / kScale[2] + (context - 0.5) * 2 * a;
  if (seconds <= 0) return 0;
  const auto fitting = [&](double rest) {
    if (rest <= 0) return 0;
    const double root = b + std::sqrt(std::max(0.0, b * b + 4 * a * rest));
    if (root <= 0 || 2 * rest / root >= limit) return limit;
    return static_cast<int>(2 * rest / root);
  };
  const double experts = seconds_per_[4] / kScale[4];
  if (experts == 0) return fitting(seconds);
  // The more rows, the more experts, the less is left for rows.
  int most = fitting(seconds);
  int least = 0;
  while (least < most) {
    const int rows = least + (most - least + 1) / 2;
    if (fitting(seconds - experts * expert_sets(rows)) >= rows) {
      least = rows;
    } else {
      most = rows - 1;
    }
  }
  return least;
}

void StepCost::observe(const StepShape& shape, double seconds) {
  const Vector x = terms(shape);
  const double expected = predict(shape);
  double measured = std::max(seconds, kLeastSeconds);
  if (information_[0][0] > 2 * kPriorWeight && expected > kLeastSeconds) {
    measured = std::min(measured, kOutlier * expected);
  }
  Vector memory = {};
  for (size_t i = 0; i < kTerms; ++i) memory[i] = x[i] > 0 ? kMemory : 1;
  for (size_t i = 0; i < kTerms; ++i) {
    for (size_t j = 0; j < kTerms; ++j) information_[i][j] *= memory[i] * memory[j];
  }
  // The faded information still says what the estimate says.
  for (size_t i = 0; i < kTerms; ++i) {
    target_[i] = 0;
    for (size_t j = 0; j < kTerms; ++j) target_[i] += information_[i][j] * seconds_per_[j];
  }
  const double size = std::max(1.0, x[0] + x[1] + x[2] + x[3] + x[4]);
  const double weight = 1 / (size * size);  // errors count in proportion to the step
  for (size_t i = 0; i < kTerms; ++i) {
    for (size_t j = 0; j < kTerms; ++j) information_[i][j] += weight * x[i] * x[j];
    target_[i] += weight * x[i] * measured;
  }
  solve();
}

// Gauss-Seidel steps that keep every term from becoming negative, from the present estimate on.
void StepCost::solve() {
  constexpr int kRounds = 64;
  for (int round = 0; round < kRounds; ++round) {
    for (size_t i = 0; i < kTerms; ++i) {
      double rest = target_[i];
      for (size_t j = 0; j < kTerms; ++j) {
        if (j != i) rest -= information_[i][j] * seconds_per_[j];
      }
      seconds_per_[i] = std::max(0.0, rest / std::max(information_[i][i], 1e-12));
    }
  }
}

}  // namespace hadal
