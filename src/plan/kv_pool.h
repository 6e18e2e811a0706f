// How engines lay the keys and states of a V4 model out in the memory that they keep for them: what
// a request takes there, and what the number of tokens that they print at their start counts.
// Pages, padding and rings are the engines' own; nothing here is fitted to a pool's size.
#pragma once

#include "plan/plan_model.h"

namespace hadal {

enum class PoolKind {
  kBytes,   // keys and states take what they are
  kVllm,    // blocks of one size for all kinds of layers, each of which a group of layers holds
  kSglang,  // slots of tokens; windows and states have a share of as many
};

struct PoolLayout {
  PoolKind kind = PoolKind::kBytes;
  double index_key_bytes = 0;  // 0: as the model has them (FP4, 68)
  // vLLM: a block is as large as the largest group of layers needs; until 0.22 as large as if each
  // layer of the largest group had keys of all kinds.
  bool packed = true;
  // SGLang: --swa-full-tokens-ratio, and whether the state of HCA layers is kept for each of these
  // slots (until 0.5.13) or for each request.
  double window_share = 0.1;
  bool state_by_token = false;
  double csa_ring = 0;  // slots of state for a page of 256; 0: 8, and 16 with a drafter
  double hca_ring = 0;  // 0: 128, and 256 with a drafter
};

// An engine's settings beside the layout.
struct PoolSetting {
  double rows = 8192;        // of a step, at most
  double longest = 0;        // tokens of a request, at most (vLLM's max-model-len)
  double window_layers = 0;  // of a drafter
};

// Whether a layout other than kBytes can hold the model: CSA and HCA layers with windows.
bool has_pool_layout(const PlanModel& model);

// Of one request with `tokens` that is decoding.
double pool_request_bytes(const PlanModel& model, const PoolLayout& layout,
                          const PoolSetting& setting, double tokens);
// For each further token, in the long run.
double pool_token_bytes(const PlanModel& model, const PoolLayout& layout,
                        const PoolSetting& setting);
// What a prompt's step takes beside that while it runs (vLLM: window and state blocks of its rows).
double pool_step_bytes(const PlanModel& model, const PoolLayout& layout,
                       const PoolSetting& setting);
// What the engine says at its start of a pool of so many bytes. vLLM: the requests of the greatest
// length that fit at once if each had a full step in flight, times that length.
double pool_tokens(const PlanModel& model, const PoolLayout& layout, const PoolSetting& setting,
                   double bytes);

// vLLM's block, and the blocks that it grants a request of `tokens`.
double vllm_block_bytes(const PlanModel& model, const PoolLayout& layout,
                        const PoolSetting& setting);
double vllm_request_blocks(const PlanModel& model, const PoolSetting& setting, double tokens);

}  // namespace hadal
