// Mixture of experts: routing, dispatch of rows to experts, the experts' feed-forward networks over
// their rows, and the sum of their outputs. Dispatch and combine are operations of their own, so
// that experts can live on other ranks.
#pragma once

#include <cstdint>

#include "ops/context.h"
#include "ops/linear.h"

namespace hadal {

// score = sqrt(softplus(logit)); the top-k of score + bias are chosen (ties: the lower expert), or,
// in hash layers, the row of `hash_table` for the token. Weights are the chosen scores, normalised
// to sum 1, times `scaling`.
struct RouteArgs {
  const float* logits = nullptr;          // [rows, experts]
  const float* bias = nullptr;            // [experts]; nullptr in hash layers
  const std::byte* hash_table = nullptr;  // I64 [vocab, topk], any alignment; nullptr: no hash
  const int32_t* tokens = nullptr;        // [rows]
  int32_t* experts = nullptr;             // [rows, topk], ascending
  float* weights = nullptr;               // [rows, topk]
  int rows = 0;
  int expert_count = 0;
  int topk = 0;
  float scaling = 1;
};

// The (row, choice) pairs sorted by expert, then row: views into memory of known size.
struct Dispatch {
  int assignments = 0;         // rows · topk
  int32_t* first = nullptr;    // [experts + 1]: the range of each expert's assignments
  int32_t* row = nullptr;      // [assignments]
  float* weight = nullptr;     // [assignments]
  int32_t* slot_of = nullptr;  // [rows, topk]: the assignment of each choice
};

struct DispatchArgs {
  const int32_t* experts = nullptr;  // [rows, topk]
  const float* weights = nullptr;    // [rows, topk]
  int rows = 0;
  int expert_count = 0;
  int topk = 0;
  Dispatch out;  // written, but for `assignments`
};

// Experts [first, first + count) of the model: all of them, or those of one rank. Combine adds by
// ascending expert, so that who computes which changes no bit.
struct ExpertRange {
  int first = 0;
  int count = 0;
};

struct ExpertWeights {
  WeightMatrix w1;  // gate [width, hidden]
  WeightMatrix w3;  // up [width, hidden]
  WeightMatrix w2;  // down [hidden, width]
};

// out = w2 · round(silu(min(gate, limit)) · clamp(up, ±limit) · weight), for each assignment.
struct ExpertsArgs {
  const float* x = nullptr;  // [rows, hidden]; under kFp8 already rounded, else as it is
  Int8Rows x_int8 = {};      // under kInt8: the same rows in int8, where they have that form
  Bf16Rows x_bf16 = {};      // under kFp8: the same rows in bf16, where the kernels know that form
  const ExpertWeights* experts = nullptr;  // [range.count]: of the range
  ExpertRange range;
  Dispatch dispatch;
  float* out = nullptr;  // [assignments, hidden]; only those of the range are written
  int hidden = 0;
  int width = 0;
  float swiglu_limit = 0;
  ActivationPolicy policy = ActivationPolicy::kFp8;
};

// out[row] = Σ over the row's experts in ascending id, then + shared[row].
struct CombineArgs {
  const float* expert_out = nullptr;  // [assignments, hidden]
  const float* shared = nullptr;      // [rows, hidden]
  const int32_t* slot_of = nullptr;   // [rows, topk]: of the dispatch
  float* out = nullptr;               // [rows, hidden]
  int rows = 0;
  int hidden = 0;
  int topk = 0;
};

inline CombineArgs rows_of(CombineArgs args, RowRange range) {
  args.shared += range.offset(args.hidden);
  args.slot_of += range.offset(args.topk);
  args.out += range.offset(args.hidden);
  args.rows = range.count();
  return args;
}

namespace ref {
void route(OpContext& context, const RouteArgs& args);
void dispatch(OpContext& context, const DispatchArgs& args);
void experts(OpContext& context, const ExpertsArgs& args);
void combine(OpContext& context, const CombineArgs& args);
}  // namespace ref

namespace ops {
void route(OpContext& context, const RouteArgs& args);
void dispatch(OpContext& context, const DispatchArgs& args);
void experts(OpContext& context, const ExpertsArgs& args);
void combine(OpContext& context, const CombineArgs& args);
}  // namespace ops

}  // namespace hadal
