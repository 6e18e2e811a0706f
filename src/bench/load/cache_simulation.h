// A day of traffic through the server's own scheduler, prefix index and block pool, without a
// model: a stand-in for it writes into every page and state slot a hash of the tokens that lead
// there, and every prefix that the cache gives back is checked against its tokens. Blocks are
// counted with the bytes of the real layout but hold only the hash. Time is simulated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "base/statistics.h"
#include "bench/load/traffic.h"
#include "model/v4/cache_layout.h"

namespace hadal {

// What the simulated machine needs for a step, in seconds: a step, a row of a sequence that
// decodes, a row of a prefill, and a row for each token before it.
struct SimulatedCosts {
  double step = 0.008;
  double decode_row = 0.0004;
  double prefill_row = 0.00008;
  double context_row = 4e-10;
};

struct CacheSimulationOptions {
  TrafficOptions traffic = {};
  SimulatedCosts costs = {};
  int max_running = 32;
  int prefill_rows = 512;
  size_t pool_bytes = size_t{32} << 30;
  // Calls with finished requests, now and then; may be empty.
  std::function<void(int)> progress = {};
  // For tests: the page of every so many that is spoilt after it was written; 0: none.
  int spoil_every = 0;
};

// What a cache is judged by. Shares are of the pool, over the simulated day.
struct CacheOutcome {
  int requests = 0;
  int completed = 0;
  int hung_up = 0;
  int64_t prompt_tokens = 0;
  int64_t cached_tokens = 0;    // of the prompts, not computed
  int64_t computed_tokens = 0;  // rows of prefills and decodes
  int64_t answer_tokens = 0;
  int64_t evicted_blocks = 0;  // that held something reusable
  int64_t preemptions = 0;
  int64_t recomputed_tokens = 0;  // computed once, lost with a preemption
  int median_prompt = 0;
  int longest_prompt = 0;
  double seconds = 0;       // simulated
  double mean_running = 0;  // sequences
  double mean_waiting = 0;
  TimeShare used;        // allocated, for running sequences or for later ones
  TimeShare waste;       // allocated and holding no live entry
  TimeShare fragmented;  // free, yet of no use to who waits for memory

  double hit_rate() const {
    return prompt_tokens == 0
               ? 0
               : static_cast<double>(cached_tokens) / static_cast<double>(prompt_tokens);
  }
};

struct CacheSimulation {
  CacheOutcome outcome;
  size_t block_bytes = 0;
  int blocks = 0;
  TimeShare images;  // state images, counted as used
  TimeShare idle;    // kept for requests to come, held by no sequence
  int64_t evicted_images = 0;
  int64_t checked_prefixes = 0;  // that the cache gave back
  int64_t checked_pages = 0;
  int64_t wrong_pages = 0;  // whose hash is not that of the tokens: must be 0
};

// `layout` is of the model whose memory is simulated. Throws Error kInvalidArgument when the pool
// is too small for the longest request of the day.
CacheSimulation simulate_cache(const CacheLayout& layout, const CacheSimulationOptions& options);

// No request of a day has more tokens.
constexpr int kLongestRequest = 1 << 18;
// Throws Error kInvalidArgument when the pool has less than `least` bytes.
void check_pool_bytes(const CacheSimulationOptions& options, int64_t least);

// Bytes of a page of `layout` that hold entries once it is full.
size_t live_page_bytes(const CacheLayout& layout);

}  // namespace hadal
