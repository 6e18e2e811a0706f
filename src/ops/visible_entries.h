// Which cached entries a row attends to, in the fixed order of the sums.
#pragma once

#include <algorithm>

#include "ops/attention.h"

namespace hadal {

// The entries one row sees, in the fixed order of the sums: window by position, then compressed.
class VisibleEntries {
 public:
  VisibleEntries(const AttendArgs& args, int row) : args_(args) {
    const StepPlan& plan = *args.kv.plan;
    sequence_index_ = plan.row_sequence[static_cast<size_t>(row)];
    const int position = plan.positions[static_cast<size_t>(row)];
    if (plan.is_block) {
      const SequenceStep& sequence = plan.sequences[static_cast<size_t>(sequence_index_)];
      window_begin_ = std::max(0, sequence.start - args.kv.window);
      window_count_ = sequence.start + sequence.rows - window_begin_;
      return;
    }
    window_begin_ = std::max(0, position - args.kv.window + 1);
    window_count_ = position + 1 - window_begin_;
    if (args.kv.ratio == 0) return;
    if (args.chosen == nullptr) {
      compressed_count_ = (position + 1) / args.kv.ratio;
    } else {
      chosen_ = args.chosen + static_cast<size_t>(row) * static_cast<size_t>(args.topk);
      while (compressed_count_ < args.topk && chosen_[compressed_count_] >= 0) ++compressed_count_;
    }
  }

  int count() const { return window_count_ + compressed_count_; }

  KvEntry operator[](int i) const {
    if (i < window_count_) {
      const SequenceStep& sequence = args_.kv.plan->sequences[static_cast<size_t>(sequence_index_)];
      return args_.kv.window_entry(sequence, window_begin_ + i);
    }
    const int j = i - window_count_;
    return args_.kv.compressed_entry(sequence_index_, chosen_ == nullptr ? j : chosen_[j]);
  }

 private:
  const AttendArgs& args_;
  int sequence_index_ = 0;
  int window_begin_ = 0;
  int window_count_ = 0;
  int compressed_count_ = 0;
  const int32_t* chosen_ = nullptr;
};

}  // namespace hadal
