// The feed-forward block of one layer: routing, the chosen experts, and the shared expert.
#pragma once

#include "model/block_context.h"
#include "model/weights.h"

namespace hadal {

// x, out: [rows, hidden]; x is the normalised input of the block.
void moe_block(BlockContext& block, int layer, const MoeWeights& weights, const float* x,
               float* out);

}  // namespace hadal
