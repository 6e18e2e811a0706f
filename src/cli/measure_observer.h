// Watches a measurement for the person before the terminal and for the store: a line of progress
// that is written anew, a line for each point that is done, and every batch kept as it comes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "economics/phases.h"
#include "measure/run/measurement.h"
#include "measure/store/run_store.h"

namespace hadal {

class MeasureWatcher : public MeasureObserver {
 public:
  // `store` may be null. `label` begins each line ("" or "A: ").
  MeasureWatcher(RunStore* store, std::string label, bool quiet);

  // Begins the run in the store, and sets its id.
  void begin(RunRecord& run);
  // Keeps the gate's verdict that `run` has.
  void gate(const RunRecord& run);
  // Ends it, and says where it is kept. What the store could not keep has been said.
  void end(const RunRecord& run, const std::string& reason);

  void point_begins(const Load& load, int repeat, size_t number, size_t of) override;
  void progress(const Load& load, bool warm_up, const LoadProgress& progress) override;
  void batch(const LoadBatch& batch) override;
  void point_ends(const PointRecord& point, const PointSamples& samples) override;

  // Whether the store failed on the way.
  bool lost_store() const { return lost_store_; }

  // Where the machine's time of each finished point went.
  const std::vector<std::optional<Phases>>& phases() const { return phases_; }

 private:
  void show(const std::string& text);
  void clear();
  template <typename Action>
  void keep(Action action);

  RunStore* store_;
  std::string label_;
  bool quiet_;
  std::string run_id_;
  std::optional<int64_t> point_;  // of the store; begun with its first batch
  Load load_;
  int repeat_ = 0;
  int64_t batches_ = 0;
  size_t number_ = 0;
  size_t of_ = 0;
  double last_shown_ = 0;
  size_t shown_width_ = 0;
  std::vector<std::optional<Phases>> phases_;
  bool lost_store_ = false;
};

}  // namespace hadal
