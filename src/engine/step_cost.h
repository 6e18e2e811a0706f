// How long a step will take: a linear model of what it computes, fitted to the steps that were
// measured. The scheduler fills a step with it up to a budget in milliseconds, since a row of a
// prefill costs more at a hundred thousand tokens than at one. Only durations depend on it, never
// results.
#pragma once

#include <array>
#include <cstddef>

namespace hadal {

struct StepShape {
  int decode_rows = 0;      // rows of sequences that decode, drafts included
  int prefill_rows = 0;     // all other rows
  double context_rows = 0;  // the sum, over all rows, of the tokens before the row

  int rows() const { return decode_rows + prefill_rows; }
  void add_prefill(int rows, int context) {
    prefill_rows += rows;
    context_rows += static_cast<double>(rows) * (context + 0.5 * (rows - 1));
  }
  void add_decode(int rows, int context) {
    decode_rows += rows;
    context_rows += static_cast<double>(rows) * (context + 0.5 * (rows - 1));
  }
};

// The experts that a row is routed to, of those there are; none: rows cost what they cost.
struct ExpertCounts {
  int routed = 0;
  int per_row = 0;
};

class StepCost {
 public:
  // Before anything was measured a row is taken to cost `row_seconds`.
  explicit StepCost(double row_seconds, const ExpertCounts& experts = {});

  // Takes a measured step into account. What has not been seen for long keeps its estimate.
  void observe(const StepShape& shape, double seconds);

  double predict(const StepShape& shape) const;
  // Of predict(whole) what `part` of its rows causes: what these rows cost, and of what any step
  // and the experts cost, rows counting alike; never nothing. Parts that make up the whole add up
  // to its prediction.
  double predict_part(const StepShape& part, const StepShape& whole) const;
  // How many different experts of a layer `rows` rows touch, where each is as likely as any other,
  // in units of what one row touches: the weights of an expert are read once for all its rows.
  double expert_sets(int rows) const;
  // How many prefill rows of a sequence with `context` computed tokens fit into `seconds` in a step
  // that is computed anyway; at most `limit`, perhaps 0.
  int rows_within(double seconds, int context, int limit) const;

 private:
  // A step, a decode row, a prefill row, a row and context, different experts.
  static constexpr size_t kTerms = 5;
  using Vector = std::array<double, kTerms>;
  Vector terms(const StepShape& shape) const;
  // What the step costs and the experts of its rows, and what the rows do by themselves.
  double shared_seconds(int rows) const;
  double own_seconds(const StepShape& shape) const;
  void solve();

  ExpertCounts experts_;
  std::array<Vector, kTerms> information_ = {};  // Σ w x xᵀ, older steps fading
  Vector target_ = {};                           // Σ w x seconds
  Vector seconds_per_ = {};
};

}  // namespace hadal
