// A model directory opened for use: its config and its tensors, mapped and checked against the
// catalogue, nothing copied. Views stay valid as long as the Checkpoint.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/tensor.h"
#include "checkpoint/config.h"
#include "checkpoint/safetensors.h"

namespace hadal {

class Checkpoint {
 public:
  // Opens DIR/config.json, model.safetensors.index.json (or the single model.safetensors) and all
  // shards. Throws one Error that names every missing, surplus and misshapen tensor.
  static Checkpoint open(const std::filesystem::path& model_dir);

  const ModelConfig& config() const { return config_; }
  const std::filesystem::path& directory() const { return directory_; }

  // The tensor called `name`. Throws Error kInvalidFile when the checkpoint has none (cannot
  // happen for names of the catalogue).
  const TensorView& tensor(std::string_view name) const;
  bool has(std::string_view name) const;
  // A hash over config and tensor names, shapes, types and bytes' locations and sizes; see
  // fingerprint notes in docs/formats.md.
  uint64_t fingerprint() const { return fingerprint_; }

 private:
  std::filesystem::path directory_;
  ModelConfig config_;
  std::vector<SafetensorsFile> shards_;
  std::map<std::string, TensorView, std::less<>> tensors_;
  uint64_t fingerprint_ = 0;
};

}  // namespace hadal
