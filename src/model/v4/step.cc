#include "model/v4/step.h"

#include "base/as_size.h"

namespace hadal {

void Step::place(const ModelConfig& config, const CacheLayout& layout, const StepSize& size,
                 LayerRange range) {
  layers.assign(as_size(config.layers + config.usable_stages()), {});
  MemoryCutter measure(nullptr);
  cut(measure, config, layout, size, range);
  MemoryCutter cutter(memory_.at_least(measure.used()));
  cut(cutter, config, layout, size, range);
}

size_t Step::bytes_for(const ModelConfig& config, const CacheLayout& layout, const StepSize& size,
                       LayerRange range) {
  Step step;
  step.layers.resize(as_size(config.layers + config.usable_stages()));
  MemoryCutter measure(nullptr);
  step.cut(measure, config, layout, size, range);
  return measure.used();
}

void Step::cut(MemoryCutter& cutter, const ModelConfig& config, const CacheLayout& layout,
               const StepSize& size, LayerRange range) {
  const size_t rows = as_size(size.rows);
  logits = cutter.take_span<float>(as_size(size.logit_rows) * as_size(config.vocab_size));
  streams = cutter.take_span<float>(rows * as_size(config.hc_mult) * as_size(config.hidden_size));
  for (int layer = range.first; layer < range.end; ++layer) {
    LayerStep& step = layers[as_size(layer)];
    const LayerKind kind =
        layer < config.layers ? config.layer_kinds[as_size(layer)] : LayerKind::kWindow;
    step.window_data = cutter.take<std::byte>(rows * layout.entry.data_bytes());
    step.window_scales = cutter.take<std::byte>(rows * layout.entry.scale_bytes());
    if (kind == LayerKind::kWindow) continue;
    const size_t groups = as_size(kind == LayerKind::kCsa ? size.csa_groups : size.hca_groups);
    step.group_data = cutter.take<std::byte>(groups * layout.entry.data_bytes());
    step.group_scales = cutter.take<std::byte>(groups * layout.entry.scale_bytes());
    if (kind == LayerKind::kHca) {
      step.hca_banks = cutter.take<float>(as_size(size.banks) * 3 * as_size(config.head_dim));
      continue;
    }
    step.group_keys = cutter.take<std::byte>(groups * layout.index_key.data_bytes());
    step.group_key_scales = cutter.take<std::byte>(groups * layout.index_key.scale_bytes());
    step.csa_tail = cutter.take<float>(as_size(size.tail_rows) * csa_state_row_floats(config));
  }
}

}  // namespace hadal
