// The attention block of one layer: queries, keys, compression, index, core and output projection,
// in the order of the equations. Leaves the layer's new cache entries in the Step.
#pragma once

#include <span>

#include "model/v4/block_context.h"
#include "model/v4/weights.h"

namespace hadal {

// x, out: [rows, hidden]; x is the normalised input of the block, `input` the same as the input of
// quantised linears. `layer` indexes the cache layout.
void attention_block(BlockContext& block, int layer, const LayerWeights& weights, const float* x,
                     const LinearInput& input, float* out);

// Only the keys of the rows, into the Step: all that a layer without compression keeps of them.
void window_keys(BlockContext& block, int layer, const AttentionWeights& weights,
                 const LinearInput& input);

}  // namespace hadal
