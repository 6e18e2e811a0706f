// What one step of a model must read and compute, from the config alone: the roofline that hadal
// bench sets its times against. Weights are counted once per step, however many rows use them;
// cached keys once per sequence; activations, which stay in the caches, not at all.
#pragma once

#include <cstdint>

#include "checkpoint/v4/config.h"
#include "numeric/activation_policy.h"
#include "plan/machine_rates.h"

namespace hadal {

// `sequences` of the same length, each with `rows` new tokens after `context` committed ones.
struct StepWork {
  int sequences = 1;
  int rows = 1;
  int64_t context = 0;
  int logit_rows = 1;  // of all sequences together
  // Distinct experts that the step's rows use, summed over layers; negative: as many as are
  // expected when every row chooses evenly and independently.
  double experts_used = -1;
};

struct StepCosts {
  // Bytes.
  double dense_bytes = 0;   // weights of the layers except routed experts
  double expert_bytes = 0;  // of the experts used
  double head_bytes = 0;    // the LM head and what comes with it
  double kv_bytes = 0;      // cached keys and index keys
  // Multiply-adds.
  double expert_macs = 0;
  double quantised_macs = 0;  // FP8 weights
  double float_macs = 0;      // BF16 and F32 weights of the layers
  double head_macs = 0;
  double attention_macs = 0;
  double indexer_macs = 0;

  double bytes() const { return dense_bytes + expert_bytes + head_bytes + kv_bytes; }
  double macs() const {
    return expert_macs + quantised_macs + float_macs + head_macs + attention_macs + indexer_macs;
  }
};

// Under kInt8 the bytes of FP8 weights are those of their int8 tiles.
StepCosts step_costs(const ModelConfig& config, const StepWork& work, ActivationPolicy policy);

StepCosts operator-(const StepCosts& a, const StepCosts& b);

// The least time of a step: all bytes at the read rate, or all multiply-adds at the peaks of the
// instructions that the policy uses, whichever is longer.
struct Roofline {
  double memory_seconds = 0;
  double arithmetic_seconds = 0;
  double seconds() const {
    return memory_seconds > arithmetic_seconds ? memory_seconds : arithmetic_seconds;
  }
};
Roofline roofline(const StepCosts& costs, const RooflineLimits& limits, ActivationPolicy policy);

}  // namespace hadal
