// Synthetic checkpoints: directories in the released form (shards, index, config, tokenizer) with
// random but well-conditioned weights, for tests, benchmarks and sizing without a download.
// Owns presets' names, the directory and its files; the values come from synth_weights.h.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "checkpoint/v4/config.h"

namespace hadal {

struct SynthOptions {
  std::string preset;  // one of synth_presets()
  // 0 keeps the preset's number. More layers than the preset's go on alternating its last two.
  int layers = 0;
  int experts = 0;              // routed experts
  int vocab = 0;                // raised to what a given tokenizer needs only when 0
  std::string drafter = "mtp";  // or dspark, none
  uint64_t seed = 1;
  // A tokenizer.json to copy; empty: one is made that has a token for every id (synth_tokenizer.h).
  std::filesystem::path tokenizer = {};
  // Called after every piece of at most 1 MiB with the bytes of tensors written so far.
  std::function<void(uint64_t done_bytes, uint64_t total_bytes)> progress = {};
};

// The names that SynthOptions::preset takes: pico (a few MB), flash, pro (the released widths).
std::vector<std::string> synth_presets();

// The config that the options stand for. Throws Error kInvalidArgument naming the option.
ModelConfig synth_config(const SynthOptions& options);

// Writes the checkpoint into `directory`, which must be new, empty or an earlier synthetic one (it
// is replaced). The bytes depend on the preset's widths, the sizes and the seed only; a tensor is
// the same whatever the number of layers. Memory: one piece of 1 MiB and the catalogue.
// config.json comes last, and a failed run removes what it wrote, so that no partial directory
// passes for a model. Throws Error kInvalidArgument, kPermissionDenied, kResourceExhausted.
void write_synthetic_checkpoint(const SynthOptions& options,
                                const std::filesystem::path& directory);

}  // namespace hadal
