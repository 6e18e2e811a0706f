// What a model needs in memory: the bytes of its KV cache as a function of the tokens, of a
// sequence's state and of a step. Formulas from the config alone; the layout of the cache, with its
// padding, is model/v4/cache_layout.h.
#pragma once

#include <cstdint>

#include "checkpoint/v4/catalogue.h"
#include "checkpoint/v4/config.h"

namespace hadal {

// Bytes of one cached key (584 for V4) and of one index key (68).
int64_t kv_entry_bytes(const ModelConfig& config);
int64_t index_key_bytes(const ModelConfig& config);

// Bytes of the cached keys of `tokens` tokens of one sequence, all layers, without the MTP block
// and the compressors' state:
//   CSA layers · ⌊n/4⌋ · (entry + index key) + HCA layers · ⌊n/128⌋ · entry
//   + layers · min(n, window) · entry
int64_t kv_bytes(const ModelConfig& config, int64_t tokens);

// What kv_bytes() grows by per token in the long run.
double kv_bytes_per_token(const ModelConfig& config);

// The part of kv_bytes() that stops growing once the window is full.
int64_t kv_window_bytes(const ModelConfig& config);

// What a sequence needs of any length beside kv_bytes(): running compressor state (float32; CSA:
// eight rows of both compressors' keys and scores, HCA: maximum, sum and weighted sum), and the
// state of the drafter.
int64_t compressor_state_bytes(const ModelConfig& config);
int64_t drafter_state_bytes(const ModelConfig& config);
// Bytes of weights that the drafter reads for guesses after one token: for each guess of an MTP
// block, for all of a block drafter's, whose rows are taken to share no expert. The head counts in
// int8, as the default policy has it. 0 without one.
int64_t drafter_read_bytes(const ModelConfig& config, const CatalogueTotals& totals);

// kv_bytes() and the two above: what one sequence really takes.
int64_t sequence_bytes(const ModelConfig& config, int64_t tokens);

// What requests, tokenizer, prefix index, the scratch of kernels and the program's own pages take.
int64_t program_memory_bytes(const ModelConfig& config, int64_t rows);

// What the program needs of its own beside weights and cache: the buffers of a step of `rows`
// tokens, estimated (model/v4/v4_model.h has them exactly), and what requests, tokenizer, prefix
// index and the program's own pages take. A little more than was measured: pico with eight requests
// of 20,000 tokens took 39 MiB, and is granted 58.
int64_t working_memory_bytes(const ModelConfig& config, int64_t rows);

// At most what the int8 form of the FP8 weights and of the drafter's head takes beside them
// (model/v4/int8_weights.h).
int64_t int8_weight_bytes(const ModelConfig& config, const CatalogueTotals& totals);

}  // namespace hadal
