#include "checkpoint/checkpoint.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <unordered_set>
#include <utility>

#include "base/error.h"
#include "checkpoint/catalogue.h"
#include "checkpoint/nan_scan.h"
#include "checkpoint/shard_index.h"

namespace hadal {
namespace {

// Everything that is wrong with a checkpoint, told at once.
class Problems {
 public:
  void add(const std::string& problem) {
    constexpr size_t kMaxListed = 20;
    ++count_;
    if (count_ <= kMaxListed) {
      if (!list_.empty()) list_ += "; ";
      list_ += problem;
    }
    unlisted_ = count_ - std::min(count_, kMaxListed);
  }

  void throw_if_any(const std::filesystem::path& directory) const {
    if (count_ == 0) return;
    std::string what = "cannot be used: " + list_;
    if (unlisted_ > 0) what += "; and " + std::to_string(unlisted_) + " more problems";
    throw Error({.code = ErrorCode::kInvalidFile,
                 .where = directory.string(),
                 .what = what,
                 .remedy = "fetch these files again, config.json included"});
  }

 private:
  size_t count_ = 0;
  size_t unlisted_ = 0;
  std::string list_;
};

std::string tensor_text(std::string_view name) { return "tensor '" + printable(name) + "'"; }

std::string type_text(DType dtype, const std::vector<int64_t>& shape) {
  return std::string(dtype_name(dtype)) + " " + shape_text(shape);
}

struct LoadedTensors {
  std::vector<SafetensorsFile> shards;
  std::map<std::string, TensorView, std::less<>> tensors;
  std::unordered_set<std::string_view> reported;  // missing, and already a problem
};

// Maps all shards and gathers their tensors by the index (`index` outlives the result).
LoadedTensors load_shards(const std::filesystem::path& directory, const ShardIndex& index,
                          Problems& problems) {
  LoadedTensors loaded;
  std::vector<bool> present(index.shards.size(), false);
  for (size_t i = 0; i < index.shards.size(); ++i) {
    std::error_code ignored;
    const std::filesystem::path path = directory / index.shards[i];
    present[i] = std::filesystem::exists(path, ignored);
    if (!present[i]) {
      problems.add("shard " + printable(index.shards[i]) + " is missing");
      continue;
    }
    const SafetensorsFile& shard = loaded.shards.emplace_back(path);
    for (const SafetensorsEntry& entry : shard.entries()) {
      if (index.has_weight_map) {
        const auto expected = index.shard_of.find(entry.name);
        if (expected == index.shard_of.end() || expected->second != i) {
          problems.add(tensor_text(entry.name) + " lies in " + printable(index.shards[i]) +
                       ", but the index does not put it there");
          continue;
        }
      }
      loaded.tensors.emplace(entry.name, shard.view(entry));
    }
  }
  for (const auto& [name, shard] : index.shard_of) {
    if (loaded.tensors.contains(name)) continue;
    loaded.reported.insert(name);
    if (present[shard]) {
      problems.add(tensor_text(name) + " is not in " + printable(index.shards[shard]) +
                   ", where the index puts it");
    }
  }
  return loaded;
}

// The number N of mtp.N.*, or -1 for other names.
int drafter_stage(std::string_view name) {
  constexpr std::string_view kPrefix = "mtp.";
  if (!name.starts_with(kPrefix)) return -1;
  const std::string_view digits = name.substr(kPrefix.size());
  int stage = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), stage);
  if (error != std::errc() || end == digits.data() + digits.size() || *end != '.') return -1;
  return stage;
}

// DSpark stages replace the MTP block under the same names, whatever the config says.
void recognise_drafter(const LoadedTensors& loaded, ModelConfig& config) {
  constexpr int kMaxStages = 16;
  int last_stage = -1;
  for (auto it = loaded.tensors.lower_bound("mtp."); it != loaded.tensors.end(); ++it) {
    if (!it->first.starts_with("mtp.")) break;
    last_stage = std::max(last_stage, drafter_stage(it->first));
  }
  const bool is_dspark = loaded.tensors.contains("mtp.0.main_proj.weight") ||
                         (last_stage > 0 && last_stage < kMaxStages);
  if (!is_dspark) return;
  config.drafter = DrafterKind::kDspark;
  config.drafter_stages = last_stage + 1;
}

// Compares what is there with the catalogue; returns the names of tensors that are not used.
std::vector<std::string> check_catalogue(const LoadedTensors& loaded, const ModelConfig& config,
                                         Problems& problems) {
  const std::vector<TensorSpec> specs = catalogue(config);
  std::unordered_set<std::string_view> known;
  for (const TensorSpec& spec : specs) {
    known.insert(spec.name);
    const auto found = loaded.tensors.find(spec.name);
    if (found == loaded.tensors.end()) {
      if (!loaded.reported.contains(spec.name)) {
        problems.add(tensor_text(spec.name) + " is missing");
      }
      continue;
    }
    const TensorView& tensor = found->second;
    if (tensor.dtype != spec.dtype || tensor.shape != spec.shape) {
      problems.add(tensor_text(spec.name) + " is " + type_text(tensor.dtype, tensor.shape) +
                   ", but must be " + type_text(spec.dtype, spec.shape));
    }
  }
  std::vector<std::string> unused;
  for (const auto& [name, tensor] : loaded.tensors) {
    if (known.contains(name)) continue;
    if (config.drafter == DrafterKind::kDspark && drafter_stage(name) >= 0) {
      unused.push_back(name);
    } else {
      problems.add(tensor_text(name) + " is surplus: no such tensor belongs to this model");
    }
  }
  return unused;
}

// FNV-1a, 64 bits.
class Fnv {
 public:
  void add(std::span<const std::byte> bytes) {
    constexpr uint64_t kPrime = 0x100000001b3;
    for (const std::byte byte : bytes) {
      hash_ = (hash_ ^ std::to_integer<uint64_t>(byte)) * kPrime;
    }
  }
  void add(uint64_t value) { add(std::as_bytes(std::span(&value, 1))); }
  void add(std::string_view text) {
    add(uint64_t{text.size()});
    add(std::as_bytes(std::span(text)));
  }
  uint64_t value() const { return hash_; }

 private:
  uint64_t hash_ = 0xcbf29ce484222325;
};

uint64_t fingerprint_of(std::string_view config_text, const std::vector<SafetensorsFile>& shards,
                        size_t tensor_count) {
  constexpr size_t kSamples = 256;     // tensors whose contents are looked at
  constexpr size_t kSampleBytes = 64;  // of each; a page fault each is what it costs
  Fnv hash;
  hash.add(config_text);
  size_t sequence = 0;
  const size_t stride = tensor_count / kSamples + 1;
  for (const SafetensorsFile& shard : shards) {
    hash.add(shard.path().filename().string());
    for (const SafetensorsEntry& entry : shard.entries()) {
      hash.add(entry.name);
      hash.add(static_cast<uint64_t>(entry.dtype));
      for (const int64_t extent : entry.shape) hash.add(static_cast<uint64_t>(extent));
      hash.add(uint64_t{entry.begin});
      hash.add(uint64_t{entry.end});
      if (sequence++ % stride == 0) {
        const TensorView view = shard.view(entry);
        hash.add(std::span(view.data, std::min(kSampleBytes, entry.end - entry.begin)));
      }
    }
  }
  return hash.value();
}

}  // namespace

Checkpoint Checkpoint::open(const std::filesystem::path& model_dir) {
  const std::string config_text = read_config_text(model_dir);
  Checkpoint checkpoint;
  checkpoint.directory_ = model_dir;
  checkpoint.config_ = parse_config(config_text, (model_dir / "config.json").string());

  const ShardIndex index = read_shard_index(model_dir);
  Problems problems;
  LoadedTensors loaded = load_shards(model_dir, index, problems);
  recognise_drafter(loaded, checkpoint.config_);
  checkpoint.unused_ = check_catalogue(loaded, checkpoint.config_, problems);
  problems.throw_if_any(model_dir);

  checkpoint.fingerprint_ = fingerprint_of(config_text, loaded.shards, loaded.tensors.size());
  checkpoint.shards_ = std::move(loaded.shards);
  checkpoint.tensors_ = std::move(loaded.tensors);

  uint64_t scale_bytes = 0;
  for (const auto& [name, tensor] : checkpoint.tensors_) {
    if (tensor.dtype == DType::kF8E8m0) scale_bytes += tensor_bytes(tensor);
  }
  if (scale_bytes <= kMaxEagerScaleBytes) {
    for (const auto& [name, tensor] : checkpoint.tensors_) {
      if (tensor.dtype != DType::kF8E8m0) continue;
      if (const auto element = find_nan(tensor)) {
        problems.add(tensor_text(name) + " holds a NaN scale (element " + std::to_string(*element) +
                     ")");
      }
    }
    problems.throw_if_any(model_dir);
  }
  return checkpoint;
}

const TensorView& Checkpoint::tensor(std::string_view name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) {
    throw Error({.code = ErrorCode::kInvalidFile,
                 .where = directory_.string(),
                 .what = "holds no tensor '" + printable(name) + "'",
                 .remedy = "fetch the checkpoint again"});
  }
  return found->second;
}

bool Checkpoint::has(std::string_view name) const { return tensors_.contains(name); }

void Checkpoint::verify(const Progress& progress) const {
  uint64_t total = 0;
  for (const auto& [name, tensor] : tensors_) {
    if (may_hold_nan(tensor.dtype)) total += tensor_bytes(tensor);
  }
  Problems problems;
  uint64_t done = 0;
  for (const auto& [name, tensor] : tensors_) {
    if (!may_hold_nan(tensor.dtype)) continue;
    if (const auto element = find_nan(tensor)) {
      problems.add(tensor_text(name) + " holds a NaN (element " + std::to_string(*element) + ")");
    }
    done += tensor_bytes(tensor);
    if (progress) progress(done, total);
  }
  problems.throw_if_any(directory_);
}

}  // namespace hadal
