// Which file holds which tensor: model.safetensors.index.json, or, without one, the safetensors
// files that are there. Opens no shard.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace hadal {

struct ShardIndex {
  std::vector<std::string> shards;  // file names within the model directory, each once
  bool has_weight_map = false;      // false: the files say themselves what they hold
  std::map<std::string, size_t, std::less<>> shard_of;  // tensor name -> index into `shards`
  std::vector<std::string> other_files;  // safetensors files of the directory that are not shards
};

// Reads the index of a model directory. Without one, a single safetensors file is taken, or shards
// that number themselves (NAME-00001-of-00008.safetensors) if they are complete. Shard names that
// would lead out of the directory are refused. Throws Error; kNotFound when there are no weights at
// all, naming what is there instead (PyTorch or GGUF files, remains of a download).
ShardIndex read_shard_index(const std::filesystem::path& model_dir);

// Whether the directory has weights, an index of some, or something in their place that
// read_shard_index() names; false where it holds a config.json alone.
bool has_weights(const std::filesystem::path& model_dir);

}  // namespace hadal
