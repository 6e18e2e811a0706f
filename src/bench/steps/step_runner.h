// One step after the other of a model on random tokens, each from the plan to the committed cache:
// what hadal bench decode and prefill time.
#pragma once

#include <cstdint>
#include <vector>

#include "bench/timing.h"
#include "cache/block_pool.h"
#include "engine/sampler.h"
#include "model/v4/v4_model.h"
#include "ops/op_profile.h"

namespace hadal {

enum class BenchKind { kDecode, kPrefill };

// How many steps of which size.
struct Course {
  BenchKind kind = BenchKind::kDecode;
  int context = 0;
  int batch = 1;  // sequences
  int rows = 1;   // of each sequence in one step
  int warm = 0;
  int timed = 0;
  int profiled = 0;

  int steps() const { return warm + timed + profiled; }
  bool is_timed(int step) const { return step >= warm && step < warm + timed; }
  bool is_profiled(int step) const { return step >= warm + timed; }
  // A decode goes on from step to step; a prefill starts anew each time.
  int longest() const { return context + (kind == BenchKind::kDecode ? steps() : rows); }
};

class StepRunner {
 public:
  // Fills the cache with a synthetic prefix. `model` must outlive the runner. Throws Error
  // kResourceExhausted when the cache would take more than most of the machine's memory.
  StepRunner(V4Model& model, const Course& course);

  // Plan, forward, one sampled token for each sequence, commit. Sampling and committing are added
  // to `profile`, unless it is null.
  void run(OpProfile* profile);

 private:
  void draw_tokens();
  void sample();

  V4Model& model_;
  Course course_;
  BlockPool pool_;
  std::vector<SequenceCache> caches_;
  Sampler sampler_;
  Step step_;
  std::vector<int32_t> tokens_;
  uint64_t next_token_ = 1;
};

}  // namespace hadal
