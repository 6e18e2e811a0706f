// Rotary position embedding on the last rope_dim values of each head: adjacent pairs (2i, 2i+1)
// turn by position · frequency_i, with the angle computed in float32 as the model was trained.
#pragma once

#include <cstdint>
#include <vector>

#include "ops/context.h"
#include "ops/row_range.h"

namespace hadal {

struct RopeFrequencyOptions {
  int rope_dim = 0;
  float theta = 0;
  float yarn_factor = 1;  // 1: no YaRN
  int yarn_original_positions = 0;
  float yarn_beta_fast = 0;
  float yarn_beta_slow = 0;
};

// [rope_dim / 2] frequencies θ^(-2i/rope_dim), interpolated by YaRN when its factor is not 1: pairs
// that turn more than beta_fast times within the original context keep their frequency, those
// below beta_slow turns are slowed by the factor, a linear ramp lies between.
std::vector<float> rope_frequencies(const RopeFrequencyOptions& options);

// By how much rows turn, the same for all layers of a kind: for each of the rope_dim values the
// cosine of its pair's angle, then the sine, negated for the first value of a pair.
struct RopeTurnsArgs {
  const int32_t* positions = nullptr;  // [rows]
  const float* frequencies = nullptr;  // [rope_dim / 2]
  float* turns = nullptr;              // [rows, 2, rope_dim]
  int rows = 0;
  int rope_dim = 0;
};

enum class RopeDirection { kForward, kInverse };

struct RopeArgs {
  float* x = nullptr;            // [rows, heads, head_dim], turned in place
  const float* turns = nullptr;  // [rows, 2, rope_dim]
  int rows = 0;
  int heads = 0;
  int head_dim = 0;
  int rope_dim = 0;
  RopeDirection direction = RopeDirection::kForward;
};

inline RopeArgs rows_of(RopeArgs args, RowRange range) {
  args.x += range.offset(args.heads * args.head_dim);
  args.turns += range.offset(2 * args.rope_dim);
  args.rows = range.count();
  return args;
}

namespace ref {
void rope_turns(OpContext& context, const RopeTurnsArgs& args);
void rope(OpContext& context, const RopeArgs& args);
}  // namespace ref

namespace ops {
void rope_turns(OpContext& context, const RopeTurnsArgs& args);
void rope(OpContext& context, const RopeArgs& args);
}  // namespace ops

}  // namespace hadal
