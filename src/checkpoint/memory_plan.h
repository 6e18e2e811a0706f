// What a model needs in memory: the bytes of its KV cache as a function of the tokens, and how
// weights and cache share the memory of a machine. Formulas from the config alone; the layout of
// the cache, with its padding, is model/cache_layout.h.
#pragma once

#include <cstdint>

#include "checkpoint/catalogue.h"
#include "checkpoint/config.h"

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
// window of the MTP block.
int64_t compressor_state_bytes(const ModelConfig& config);
int64_t mtp_window_bytes(const ModelConfig& config);

// kv_bytes() and the two above: what one sequence really takes.
int64_t sequence_bytes(const ModelConfig& config, int64_t tokens);

struct MachineMemory {
  int64_t total_bytes = 0;  // of the machine, or the container's limit where that is smaller
};
MachineMemory machine_memory();

enum class Fit {
  kFits,      // weights and a useful cache
  kNoCache,   // the weights alone; less than one sequence of 8,192 tokens (or the model's limit)
  kFromDisk,  // some weights are read from disk again and again
};

struct MemoryPlan {
  int64_t machine_bytes = 0;
  int64_t reserve_bytes = 0;  // for the system, the program and its scratch memory
  int64_t weight_bytes = 0;   // mapped from files, held in the page cache
  int64_t cache_bytes = 0;    // what is left for the KV cache
  int64_t cache_tokens = 0;   // of one sequence within cache_bytes; not limited by the model
  // With kFromDisk: an estimate of what each token reads from disk, experts chosen evenly.
  int64_t disk_bytes_per_token = 0;
  Fit fit = Fit::kFits;
};
MemoryPlan plan_memory(const ModelConfig& config, const CatalogueTotals& totals,
                       const MachineMemory& machine);

}  // namespace hadal
