// The feed-forward block of one layer: routing, the chosen experts, and the shared expert.
#pragma once

#include "model/v4/block_context.h"
#include "model/v4/weights.h"

namespace hadal {

// x, out: [rows, hidden]; x is the normalised input of the block, `input` the same as the input of
// quantised linears. Leaves the sum of the experts' outputs, which makes `out`, to the caller.
CombineArgs moe_block(BlockContext& block, int layer, const MoeWeights& weights, const float* x,
                      const LinearInput& input, float* out);

}  // namespace hadal
