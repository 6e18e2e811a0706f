// The engine for minutes at several times its memory: requests of unequal length, shared
// beginnings, cancellations and preemption without end. Watches what the process takes, and that
// every answer is the one that its request gets alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "model/v4/v4_model.h"

namespace hadal {

class Checkpoint;

struct SoakOptions {
  double seconds = 600;
  int64_t least_answers = 1;  // whole ones, however long they take
  int running = 16;           // sequences at once, as EngineOptions::max_running
  int oversubscription = 4;   // what the running requests want, over the memory there is
  size_t kv_memory = 0;       // 0: 64 blocks
  // Calls with seconds passed, requests finished and bytes of memory; may be empty.
  std::function<void(double, int64_t, size_t)> progress = {};
};

struct SoakFigures {
  double seconds = 0;
  size_t kv_memory = 0;
  int64_t finished = 0;
  int64_t cancelled = 0;
  int64_t preemptions = 0;
  int64_t evictions = 0;  // pages and images
  double hit_rate = 0;    // of prompt tokens
  // Of the process beyond its start and its weights, which are mapped or were read before.
  size_t peak_bytes = 0;
  // The median of the last quarter of the time over that of the second.
  int64_t growth_bytes = 0;
  int checked_answers = 0;  // against the request alone
  int64_t wrong_answers = 0;

  static constexpr size_t kAllowance = size_t{300} << 20;
  static constexpr int64_t kMostGrowth = int64_t{16} << 20;
  // The first thing that is not as it should be, or "".
  const char* fault() const {
    if (wrong_answers > 0) return "answers differ";
    if (peak_bytes > kv_memory + kAllowance) return "more memory than allowed";
    if (growth_bytes > kMostGrowth) return "memory grew by more than 16 MiB";
    return "";
  }
  bool sound() const { return *fault() == '\0'; }
};

// Throws what starting an engine throws, and the error of a request that fails.
SoakFigures soak_engine(const Checkpoint& checkpoint, const ModelOptions& model, int threads,
                        const SoakOptions& options);

}  // namespace hadal
