// A model directory opened for use: its config and its tensors, mapped and checked against the
// catalogue, nothing copied. Views stay valid as long as the Checkpoint; moving it keeps them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/hash128.h"
#include "base/tensor.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/v4/config.h"

namespace hadal {

class Checkpoint {
 public:
  // Opens DIR/config.json, the index (or the safetensors files that are there without one) and all
  // shards; DIR may be a folder of the Hugging Face cache (model_directory.h). Throws one Error
  // that names every missing, surplus and misshapen tensor (20 of them and the number of the
  // others). Where all scales together take at most kMaxEagerScaleBytes, they are checked for NaN
  // as well; verify() does that for any size.
  static Checkpoint open(const std::filesystem::path& model_dir);
  static constexpr uint64_t kMaxEagerScaleBytes = 256 << 20;

  // A checkpoint in memory with made-up weights (synth_weights.h). `config` has passed its checks.
  static Checkpoint synthetic(const ModelConfig& config, uint64_t seed);

  // The config, with the drafter that the tensors show.
  const ModelConfig& config() const { return config_; }
  const std::filesystem::path& directory() const { return directory_; }

  // The tensor called `name`. Throws Error kInvalidFile when the checkpoint has none (cannot
  // happen for names of the catalogue).
  const TensorView& tensor(std::string_view name) const;
  bool has(std::string_view name) const;

  size_t shard_count() const { return shards_.size(); }
  // The shards as they are mapped; none of a checkpoint in memory.
  std::vector<const MappedFile*> files() const;
  // Names of tensors that are present but not used: the stages of a DSpark drafter, or of any where
  // the config says that there is none.
  const std::vector<std::string>& unused_tensors() const { return unused_; }
  // What a person who starts the model should know, a line each: that it runs without the drafter
  // its config tells of, and which files are not used.
  const std::vector<std::string>& notes() const { return notes_; }

  // Reads every scale and every floating-point weight. Throws Error kInvalidFile that names the
  // tensors with a NaN. `progress`, which may be empty, is told the bytes read and their total.
  using Progress = std::function<void(uint64_t done_bytes, uint64_t total_bytes)>;
  void verify(const Progress& progress) const;

  // A hash over the config's text, the tensors' names, types, shapes and places, the shards' sizes
  // and samples of the contents (docs/formats.md).
  Hash128 fingerprint() const { return fingerprint_; }

 private:
  std::filesystem::path directory_;
  ModelConfig config_;
  std::vector<SafetensorsFile> shards_;
  AlignedBuffer<std::byte> memory_;  // of a checkpoint without files
  std::map<std::string, TensorView, std::less<>> tensors_;
  std::vector<std::string> unused_;
  std::vector<std::string> notes_;
  Hash128 fingerprint_;
};

}  // namespace hadal
