#include "checkpoint/shard_index.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <optional>
#include <set>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/downloads.h"
#include "base/error.h"
#include "base/input_file.h"
#include "json/python_json.h"

namespace hadal {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kIndexName = "model.safetensors.index.json";
constexpr std::string_view kIndexSuffix = ".safetensors.index.json";
constexpr std::string_view kSingleName = "model.safetensors";
constexpr std::string_view kSuffix = ".safetensors";
constexpr size_t kMaxIndexBytes = 256 << 20;  // Pro's is about 12 MB
constexpr size_t kMaxShards = 100'000;

[[noreturn]] void refuse_index(const std::string& where, const std::string& what,
                               const std::string& remedy = "fetch the file again") {
  throw Error({.code = ErrorCode::kInvalidFile, .where = where, .what = what, .remedy = remedy});
}

bool is_plain_file_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos &&
         name.find('\0') == std::string::npos;
}

// The names in a directory, in order; none where it cannot be read.
std::vector<std::string> names_in(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> ending_with(const std::vector<std::string>& names,
                                     std::string_view suffix) {
  std::vector<std::string> found;
  std::copy_if(names.begin(), names.end(), std::back_inserter(found),
               [&](const std::string& name) { return name.ends_with(suffix); });
  return found;
}

// "NAME-00001-of-00008.safetensors".
struct ShardName {
  std::string base;
  size_t number = 0;
  size_t count = 0;
  size_t digits = 0;
};

std::optional<size_t> number_of(std::string_view digits) {
  constexpr size_t kMaxDigits = 9;
  if (digits.empty() || digits.size() > kMaxDigits) return std::nullopt;
  size_t value = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<size_t>(c - '0');
  }
  return value;
}

std::optional<ShardName> parse_shard_name(std::string_view name) {
  name.remove_suffix(kSuffix.size());
  const size_t of = name.rfind("-of-");
  if (of == std::string_view::npos || of == 0) return std::nullopt;
  const size_t dash = name.rfind('-', of - 1);
  if (dash == std::string_view::npos) return std::nullopt;
  const std::string_view digits = name.substr(dash + 1, of - dash - 1);
  const auto number = number_of(digits);
  const auto count = number_of(name.substr(of + 4));
  if (!number || !count || *number == 0 || *number > *count || *count > kMaxShards) {
    return std::nullopt;
  }
  return ShardName{.base = std::string(name.substr(0, dash)),
                   .number = *number,
                   .count = *count,
                   .digits = digits.size()};
}

std::string first_of(const std::vector<std::string>& names) {
  constexpr size_t kShown = 5;
  std::string text;
  for (size_t i = 0; i < std::min(kShown, names.size()); ++i) {
    text += (i == 0 ? "" : ", ") + printable(names[i]);
  }
  return names.size() > kShown ? text + ", ..." : text;
}

// Shards without an index: all of one numbering. Throws Error where some are missing, or where
// there are two numberings.
std::vector<std::string> numbered_shards(const fs::path& directory,
                                         const std::vector<std::string>& files) {
  const ShardName first = *parse_shard_name(files.front());
  std::set<size_t> numbers;
  for (const std::string& file : files) {
    const ShardName name = *parse_shard_name(file);
    if (name.base != first.base || name.count != first.count || name.digits != first.digits) {
      refuse_index(directory.string(),
                   "has no " + std::string(kIndexName) +
                       ", and its shards are of more than one model: " + printable(files.front()) +
                       " and " + printable(file),
                   "fetch the index, or leave the shards of one model there");
    }
    numbers.insert(name.number);
  }
  std::vector<std::string> missing;
  for (size_t number = 1; number <= first.count; ++number) {
    if (numbers.contains(number)) continue;
    missing.push_back(fmt::format("{}-{:0{}}-of-{:0{}}{}", first.base, number, first.digits,
                                  first.count, first.digits, kSuffix));
  }
  if (!missing.empty()) {
    throw Error({.code = ErrorCode::kNotFound,
                 .where = directory.string(),
                 .what = fmt::format("has no {}, and {} of {} shards are missing: {}", kIndexName,
                                     missing.size(), first.count, first_of(missing)),
                 .remedy = "fetch what is missing; hf download goes on where it was broken off"});
  }
  return files;
}

// What lies in the directory in place of weights.
[[noreturn]] void refuse_without_weights(const fs::path& directory,
                                         const std::vector<std::string>& names) {
  struct Kind {
    std::string_view suffix;
    std::string_view name;
  };
  constexpr std::array kKinds = {Kind{".gguf", "GGUF files (of llama.cpp)"},
                                 Kind{".bin", "PyTorch files"},
                                 Kind{".pt", "PyTorch files"},
                                 Kind{".pth", "PyTorch files"},
                                 Kind{".ckpt", "PyTorch files"},
                                 Kind{".npz", "NumPy files"},
                                 Kind{".onnx", "ONNX files"},
                                 Kind{".safetensors.zst", "compressed weights"},
                                 Kind{".safetensors.gz", "compressed weights"}};
  for (const Kind& kind : kKinds) {
    const std::vector<std::string> found = ending_with(names, kind.suffix);
    if (found.empty()) continue;
    throw Error({.code = ErrorCode::kNotFound,
                 .where = directory.string(),
                 .what = fmt::format("holds {} ({}), but no weights as safetensors", kind.name,
                                     first_of(found)),
                 .remedy = "fetch the checkpoint as it is released, with its *.safetensors files"});
  }
  for (const char* suffix : {".incomplete", ".part", ".partial", ".crdownload", ".aria2"}) {
    const std::vector<std::string> found = ending_with(names, suffix);
    if (found.empty()) continue;
    throw Error({.code = ErrorCode::kNotFound,
                 .where = directory.string(),
                 .what = "holds no weights yet, but an unfinished download: " + first_of(found),
                 .remedy = "let the download finish"});
  }
  throw Error({.code = ErrorCode::kNotFound,
               .where = directory.string(),
               .what = fmt::format("holds a config.json but no weights: neither {} nor {}",
                                   kIndexName, kSingleName),
               .remedy = "fetch the weights into this directory"});
}

// Without an index: what the safetensors files that are there amount to.
ShardIndex index_of_files(const fs::path& directory, const std::vector<std::string>& names) {
  const std::vector<std::string> files = ending_with(names, kSuffix);
  std::vector<std::string> numbered;
  std::copy_if(files.begin(), files.end(), std::back_inserter(numbered),
               [](const std::string& name) { return parse_shard_name(name).has_value(); });
  ShardIndex index;
  if (std::find(files.begin(), files.end(), kSingleName) != files.end()) {
    index.shards = {std::string(kSingleName)};
  } else if (!numbered.empty()) {
    index.shards = numbered_shards(directory, numbered);
  } else if (files.size() == 1) {
    index.shards = files;
  } else if (files.empty()) {
    refuse_without_weights(directory, names);
  } else {
    refuse_index(directory.string(),
                 fmt::format("has no {}, which says what the {} safetensors files hold ({})",
                             kIndexName, files.size(), first_of(files)),
                 "fetch the index");
  }
  return index;
}

ShardIndex read_index(const fs::path& path) {
  const nlohmann::ordered_json json =
      parse_json_file_text(read_json_file(path, kMaxIndexBytes), path.string());
  const auto map = json.is_object() ? json.find("weight_map") : json.end();
  if (!json.is_object() || map == json.end() || !map->is_object() || map->empty()) {
    refuse_index(path.string(), "has no weight_map");
  }
  ShardIndex index{.shards = {}, .has_weight_map = true, .shard_of = {}, .other_files = {}};
  std::map<std::string, size_t> position;
  for (const auto& [tensor, shard] : map->items()) {
    if (!shard.is_string()) {
      refuse_index(path.string(), "gives no file for tensor '" + printable(tensor) + "'");
    }
    const auto& name = shard.get_ref<const std::string&>();
    if (!is_plain_file_name(name)) {
      refuse_index(path.string(), "puts tensor '" + printable(tensor) + "' into '" +
                                      printable(name) +
                                      "', which is not the name of a file in this directory");
    }
    const auto [known, is_new] = position.emplace(name, index.shards.size());
    if (is_new) index.shards.push_back(name);
    index.shard_of.emplace(tensor, known->second);
  }
  return index;
}

// The index: under its usual name, or the only one of another.
std::string index_name(const std::vector<std::string>& names) {
  const std::vector<std::string> indexes = ending_with(names, kIndexSuffix);
  if (std::find(indexes.begin(), indexes.end(), kIndexName) != indexes.end()) {
    return std::string(kIndexName);
  }
  return indexes.size() == 1 ? indexes.front() : "";
}

}  // namespace

bool has_weights(const fs::path& model_dir) {
  const std::vector<std::string> names = names_in(model_dir);
  return std::any_of(names.begin(), names.end(), [](const std::string& name) {
    return name.find(kSuffix) != std::string::npos || name.ends_with(".gguf") ||
           (name.starts_with("pytorch_model") && name.find(".bin") != std::string::npos);
  });
}

ShardIndex read_shard_index(const fs::path& model_dir) {
  const std::vector<std::string> names = names_in(model_dir);
  const std::string name = index_name(names);
  ShardIndex index = name.empty() ? index_of_files(model_dir, names) : read_index(model_dir / name);
  const std::set<std::string_view> shards(index.shards.begin(), index.shards.end());
  for (const std::string& file : ending_with(names, kSuffix)) {
    if (!shards.contains(file)) index.other_files.push_back(file);
  }
  return index;
}

}  // namespace hadal
