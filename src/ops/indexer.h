// The lightning indexer of CSA layers: scores all compressed entries of a sequence with a small
// FP4 attention and chooses the best `topk` for each row. Ties go to the lower entry.
#pragma once

#include "ops/context.h"
#include "ops/kv_cache.h"
#include "ops/row_range.h"

namespace hadal {

// Rotates rows by the Hadamard matrix in Sylvester order, scaled by dim^-1/2, in place, and with
// `round_to_fp4` brings them onto the e2m1 grid with one power-of-two scale per 32 values.
struct HadamardArgs {
  float* x = nullptr;  // [rows, dim]
  int rows = 0;
  int dim = 0;  // a power of two
  bool round_to_fp4 = false;
};

inline HadamardArgs rows_of(HadamardArgs args, RowRange range) {
  args.x += range.offset(args.dim);
  args.rows = range.count();
  return args;
}

// Entry j scores Σ_h weight_h · max(0, q_h · k_j).
struct ChooseEntriesArgs {
  const float* q = nullptr;        // [rows, heads, dim]
  const float* weights = nullptr;  // [rows, heads]
  LayerKv kv;
  int32_t* chosen = nullptr;  // [rows, topk]: ascending, padded with -1
  int heads = 0;
  int topk = 0;
};

namespace ref {
void hadamard(OpContext& context, const HadamardArgs& args);
void choose_entries(OpContext& context, const ChooseEntriesArgs& args);
}  // namespace ref

namespace ops {
void hadamard(OpContext& context, const HadamardArgs& args);
void choose_entries(OpContext& context, const ChooseEntriesArgs& args);
}  // namespace ops

}  // namespace hadal
