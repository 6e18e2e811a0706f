#include "model/v4/commit.h"

#include "base/as_size.h"
#include "model/v4/compression.h"
#include "ops/commit.h"

namespace hadal {

void commit_layers(OpContext& ops, const CommitArgs& args, LayerRange range) {
  for (int layer = range.first; layer < range.end; ++layer) {
    const LayerKind kind =
        layer < args.config.layers ? args.config.layer_kinds[as_size(layer)] : LayerKind::kWindow;
    const LayerStatePart& state = args.layout.state[as_size(layer)];
    const LayerStep& step = args.step.layers[as_size(layer)];
    ops::commit_entries(ops, {.kv = layer_kv_view({.layout = args.layout,
                                                   .plan = args.plan,
                                                   .pool = args.pool,
                                                   .step = step,
                                                   .layer = layer,
                                                   .kind = kind}),
                              .pool = args.pool.base,
                              .sequence = args.sequence,
                              .first_row = args.first_row,
                              .rows = args.rows,
                              .state_unit = state.compressor_unit,
                              .state_offset = state.compressor_offset,
                              .tail = step.csa_tail,
                              .tail_row_floats = csa_state_row_floats(args.config),
                              .banks = step.hca_banks,
                              .bank_floats = 3 * as_size(args.config.head_dim)});
  }
}

}  // namespace hadal
