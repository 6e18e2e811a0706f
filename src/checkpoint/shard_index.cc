#include "checkpoint/shard_index.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "checkpoint/json_text.h"

namespace hadal {
namespace {

constexpr char kIndexName[] = "model.safetensors.index.json";
constexpr char kSingleName[] = "model.safetensors";
constexpr size_t kMaxIndexBytes = 256 << 20;  // Pro's is about 12 MB

[[noreturn]] void refuse(const std::string& where, const std::string& what) {
  throw Error({.code = ErrorCode::kInvalidFile,
               .where = where,
               .what = what,
               .remedy = "fetch the file again"});
}

bool is_plain_file_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos &&
         name.find('\0') == std::string::npos;
}

}  // namespace

bool has_weights(const std::filesystem::path& model_dir) {
  std::error_code ignored;
  return std::filesystem::exists(model_dir / kIndexName, ignored) ||
         std::filesystem::exists(model_dir / kSingleName, ignored);
}

ShardIndex read_shard_index(const std::filesystem::path& model_dir) {
  std::error_code ignored;
  const std::filesystem::path path = model_dir / kIndexName;
  if (!std::filesystem::exists(path, ignored)) {
    if (std::filesystem::exists(model_dir / kSingleName, ignored)) {
      return {.shards = {kSingleName}, .has_weight_map = false, .shard_of = {}};
    }
    throw Error({.code = ErrorCode::kNotFound,
                 .where = model_dir.string(),
                 .what = "holds a config.json but no weights: neither " + std::string(kIndexName) +
                         " nor " + kSingleName,
                 .remedy = "fetch the weights into this directory"});
  }

  const nlohmann::json json = parse_json_text(read_text_file(path, kMaxIndexBytes), path.string());
  const auto map = json.is_object() ? json.find("weight_map") : json.end();
  if (!json.is_object() || map == json.end() || !map->is_object() || map->empty()) {
    refuse(path.string(), "has no weight_map");
  }
  ShardIndex index{.shards = {}, .has_weight_map = true, .shard_of = {}};
  std::map<std::string, size_t> position;
  for (const auto& [tensor, shard] : map->items()) {
    if (!shard.is_string()) {
      refuse(path.string(), "gives no file for tensor '" + printable(tensor) + "'");
    }
    const auto& name = shard.get_ref<const std::string&>();
    if (!is_plain_file_name(name)) {
      refuse(path.string(), "puts tensor '" + printable(tensor) + "' into '" + printable(name) +
                                "', which is not the name of a file in this directory");
    }
    const auto [known, is_new] = position.emplace(name, index.shards.size());
    if (is_new) index.shards.push_back(name);
    index.shard_of.emplace(tensor, known->second);
  }
  return index;
}

}  // namespace hadal
