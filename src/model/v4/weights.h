// The weights of a model bound to their places in the checkpoint: views for matrices, float32
// copies for vectors (norms, biases, sinks: a few KB a layer), named as in the equations.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "checkpoint/v4/checkpoint.h"
#include "ops/experts.h"
#include "ops/hyper_connection.h"
#include "ops/linear.h"

namespace hadal {

struct HyperWeights {
  WeightMatrix fn;  // [mixes, streams · hidden]
  std::vector<float> base;
  std::vector<float> scale;
};

// Pools `ratio` tokens into one entry of `channels` values.
struct CompressorWeights {
  WeightMatrix wkv;
  WeightMatrix wgate;
  std::vector<float> ape;   // [ratio, width of wkv]
  std::vector<float> norm;  // [channels]
};

struct IndexerWeights {
  WeightMatrix wq_b;
  WeightMatrix weights_proj;
  CompressorWeights compressor;
};

struct AttentionWeights {
  WeightMatrix wq_a;
  WeightMatrix wq_b;
  WeightMatrix wkv;
  WeightMatrix wo_a;
  WeightMatrix wo_b;
  std::vector<float> q_norm;
  std::vector<float> kv_norm;
  std::vector<float> sink;       // [heads]
  CompressorWeights compressor;  // CSA and HCA layers
  IndexerWeights indexer;        // CSA layers
};

struct MoeWeights {
  WeightMatrix gate;
  std::vector<float> bias;                // empty in hash layers
  const std::byte* hash_table = nullptr;  // I64 [vocab, topk]; null elsewhere
  std::vector<ExpertWeights> experts;
  ExpertWeights shared;
};

struct LayerWeights {
  LayerKind kind = LayerKind::kWindow;
  HyperWeights hc_attn;
  HyperWeights hc_ffn;
  std::vector<float> attn_norm;
  std::vector<float> ffn_norm;
  AttentionWeights attention;
  MoeWeights moe;
};

struct HeadWeights {
  HyperWeights hc_head;
  std::vector<float> norm;
};

struct MtpWeights {
  WeightMatrix e_proj;
  WeightMatrix h_proj;
  std::vector<float> enorm;
  std::vector<float> hnorm;
  LayerWeights layer;
  HeadWeights head;
};

struct DsparkWeights {
  WeightMatrix main_proj;  // of the taps, one after the other
  std::vector<float> main_norm;
  std::vector<LayerWeights> stages;
  HeadWeights head;
  WeightMatrix markov_w1;   // [vocab, rank]
  WeightMatrix markov_w2;   // [vocab, rank]
  WeightMatrix confidence;  // [1, hidden + rank]
};

struct ModelWeights {
  WeightMatrix embedding;
  WeightMatrix output;  // the LM head
  // The same as the drafter uses it, which may have an int8 form: guesses are checked, so that they
  // need no exact logits, and reading the head is most of what a guess takes.
  WeightMatrix draft_output;
  std::vector<LayerWeights> layers;
  HeadWeights head;
  std::unique_ptr<MtpWeights> mtp;        // null without an MTP block
  std::unique_ptr<DsparkWeights> dspark;  // null without a block drafter
};

// Views stay valid as long as `checkpoint`. Throws Error kInvalidFile when a value that is used as
// an index lies out of range.
ModelWeights bind_weights(const Checkpoint& checkpoint);

}  // namespace hadal
