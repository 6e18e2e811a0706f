// hadal bench cache: what a long context costs in the layouts of the released models, and a day of
// traffic through the cache. Computes no model.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bench/load/cache_simulation.h"

namespace hadal {

struct CacheBenchOptions {
  std::vector<std::string> models = {"flash", "pro"};  // of preset_names()
  CacheSimulationOptions simulation = {};              // its progress is not used
  // Calls with requests done and requests in all, over all simulations; may be empty.
  std::function<void(size_t, size_t)> progress = {};
};

// Bytes of one sequence.
struct ContextSize {
  int tokens = 0;
  int64_t formula_bytes = 0;  // A⌊n/4⌋(584 + 68) + B⌊n/128⌋584 + L·min(n, 128)·584
  int64_t history_bytes = 0;  // pages, and the window of every layer: what the formula counts
  int64_t fixed_bytes = 0;    // the rest of the state slot: compressor state, the MTP block's
                              // window, padding
  int64_t gqa_bytes = 0;      // keys and values in bf16, 8 heads of 128, in as many layers

  double over_formula() const {
    return static_cast<double>(history_bytes) / static_cast<double>(formula_bytes) - 1;
  }
  double gqa_ratio() const {
    return static_cast<double>(gqa_bytes) / static_cast<double>(history_bytes + fixed_bytes);
  }
};

ContextSize context_size(const ModelConfig& config, const CacheLayout& layout, int tokens);

struct ModelCacheReport {
  std::string model;
  std::vector<ContextSize> contexts;
  CacheSimulation cache;
};

struct CacheBenchReport {
  CacheSimulationOptions options;
  std::vector<ModelCacheReport> models;

  // Whether every prefix that was given back was right.
  bool sound() const;
};

// Throws what simulate_cache and preset_config throw.
CacheBenchReport bench_cache(const CacheBenchOptions& options);

std::string cache_report_text(const CacheBenchReport& report);
std::string cache_report_json(const CacheBenchReport& report);

}  // namespace hadal
