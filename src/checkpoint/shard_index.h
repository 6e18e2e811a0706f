// Which file holds which tensor: model.safetensors.index.json, or a single model.safetensors.
// Opens no shard.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace hadal {

struct ShardIndex {
  std::vector<std::string> shards;  // file names within the model directory, each once
  bool has_weight_map = false;      // false: the single file says itself what it holds
  std::map<std::string, size_t, std::less<>> shard_of;  // tensor name -> index into `shards`
};

// Reads the index of a model directory. Shard names that would lead out of the directory are
// refused. Throws Error; kNotFound when there are no weights at all.
ShardIndex read_shard_index(const std::filesystem::path& model_dir);

// Whether the directory has weights at all (it may hold a config.json alone).
bool has_weights(const std::filesystem::path& model_dir);

}  // namespace hadal
