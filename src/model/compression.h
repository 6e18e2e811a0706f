// The compressors of one layer: project the step's rows, pool completed groups (with the rows or
// running softmax that earlier steps left in the state slot), normalise, rotate and encode them.
// Also the view through which attention finds the layer's entries.
#pragma once

#include "model/block_context.h"
#include "model/weights.h"

namespace hadal {

// x: [rows, hidden], not rounded. Fill the group entries and pending state of step.layers[layer].
void compress_csa(BlockContext& block, int layer, const AttentionWeights& weights, const float* x);
void compress_hca(BlockContext& block, int layer, const AttentionWeights& weights, const float* x);

LayerKv layer_kv_view(const BlockContext& block, int layer, LayerKind kind);

// The projected rows that commit may need of a sequence's step: those of the last two groups
// before each row that it may end with.
int csa_tail_rows(const SequenceStep& sequence);

}  // namespace hadal
