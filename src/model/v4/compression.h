// The compressors of one layer: project the step's rows, pool completed groups (with the rows or
// running softmax that earlier steps left in the state slot), normalise, rotate and encode them.
// Also the view through which attention finds the layer's entries.
#pragma once

#include "model/v4/block_context.h"
#include "model/v4/weights.h"
#include "ops/compressor.h"

namespace hadal {

// What one compressor projected from the rows of a step, valid until the next layer.
struct ProjectedRows {
  float* rows = nullptr;  // [plan rows, kv width + z width]; none where the layer has no compressor
  size_t row_floats = 0;
  AddPositionBiasArgs bias;  // what z still lacks
};

struct CompressorRows {
  ProjectedRows main;
  ProjectedRows index;  // of CSA layers
  KeepTailArgs keep;    // CSA: of the rows of both, those that commit may need

  // Adds the position bias and keeps the tail: for rows that are projected, before they are pooled.
  void finish(OpContext& ops, RowRange range) const;
};

// x: [rows, hidden], not rounded.
CompressorRows project_compressors(BlockContext& block, int layer, LayerKind kind,
                                   const AttentionWeights& weights, const float* x);

// Fill the group entries and pending state of step.layers[layer] from finished rows.
void compress_csa(BlockContext& block, int layer, const AttentionWeights& weights,
                  const CompressorRows& rows);
void compress_hca(BlockContext& block, int layer, const AttentionWeights& weights,
                  const CompressorRows& rows);

struct LayerKvArgs {
  const CacheLayout& layout;
  const StepPlan& plan;
  const CachePoolView& pool;
  const LayerStep& step;
  int layer = 0;
  LayerKind kind = LayerKind::kWindow;
};
LayerKv layer_kv_view(const LayerKvArgs& args);

}  // namespace hadal
