#include "bench/load/cache_bench.h"

#include <algorithm>
#include <utility>

#include "checkpoint/v4/config_presets.h"
#include "model/v4/cache_layout.h"

namespace hadal {

ContextSize context_size(const ModelConfig& config, const CacheLayout& layout, int tokens) {
  constexpr int64_t kGqaBytes = 2 * 8 * 128 * 2;  // of a token and layer
  const auto count = [&](LayerKind kind) {
    return static_cast<int64_t>(
        std::count(config.layer_kinds.begin(), config.layer_kinds.end(), kind));
  };
  const auto entry = static_cast<int64_t>(layout.entry.data_bytes() + layout.entry.scale_bytes());
  const auto key =
      static_cast<int64_t>(layout.index_key.data_bytes() + layout.index_key.scale_bytes());
  const auto layers = static_cast<int64_t>(config.layer_kinds.size());
  const int64_t window = layers * std::min(tokens, config.window) * entry;
  const auto block = static_cast<int64_t>(layout.block_bytes);
  return {.tokens = tokens,
          .formula_bytes = count(LayerKind::kCsa) * (tokens / 4) * (entry + key) +
                           count(LayerKind::kHca) * (tokens / 128) * entry + window,
          .history_bytes = layout.pages_for(tokens) * block + window,
          .fixed_bytes = layout.state_units * block - window,
          .gqa_bytes = layers * tokens * kGqaBytes};
}

bool CacheBenchReport::sound() const {
  return std::all_of(models.begin(), models.end(),
                     [](const ModelCacheReport& model) { return model.cache.wrong_pages == 0; });
}

CacheBenchReport bench_cache(const CacheBenchOptions& options) {
  CacheBenchReport report{.options = options.simulation, .models = {}};
  const auto requests = static_cast<size_t>(options.simulation.traffic.requests);
  size_t simulations = 0;
  const auto simulation = [&] {
    CacheSimulationOptions next = options.simulation;
    const size_t before = requests * simulations++;
    next.progress = [&options, before, all = requests * options.models.size()](int done) {
      if (options.progress) options.progress(before + static_cast<size_t>(done), all);
    };
    return next;
  };
  for (const std::string& name : options.models) {
    const ModelConfig config = preset_config(name);
    const CacheLayout layout = make_cache_layout(config);
    ModelCacheReport model{.model = name, .contexts = {}, .cache = {}};
    for (const int tokens : {8'192, 131'072, 1'048'576}) {
      model.contexts.push_back(context_size(config, layout, tokens));
    }
    model.cache = simulate_cache(layout, simulation());
    report.models.push_back(std::move(model));
  }
  return report;
}

}  // namespace hadal
