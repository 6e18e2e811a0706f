#include "checkpoint/v4/checkpoint.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <unordered_set>
#include <utility>

#include "base/checksum.h"
#include "base/downloads.h"
#include "base/error.h"
#include "base/memory_cutter.h"
#include "checkpoint/model_directory.h"
#include "checkpoint/nan_scan.h"
#include "checkpoint/shard_index.h"
#include "checkpoint/v4/catalogue.h"
#include "checkpoint/v4/synth_weights.h"

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
  // A better remedy than the general one; the first counts.
  void suggest(const std::string& remedy) {
    if (remedy_.empty()) remedy_ = remedy;
  }

  void throw_if_any(const std::filesystem::path& directory) const {
    if (count_ == 0) return;
    std::string what = "cannot be used: " + list_;
    if (unlisted_ > 0) what += "; and " + std::to_string(unlisted_) + " more problems";
    throw Error(
        {.code = ErrorCode::kInvalidFile,
         .where = directory.string(),
         .what = what,
         .remedy = remedy_.empty() ? "fetch these files again, config.json included" : remedy_});
  }

 private:
  size_t count_ = 0;
  size_t unlisted_ = 0;
  std::string list_;
  std::string remedy_;
};

std::string tensor_called(std::string_view name) { return "tensor '" + printable(name) + "'"; }

std::string type_text(DType dtype, const std::vector<int64_t>& shape) {
  return std::string(dtype_name(dtype)) + " " + shape_text(shape);
}

struct LoadedTensors {
  std::vector<SafetensorsFile> shards;
  std::map<std::string, TensorView, std::less<>> tensors;
  std::unordered_set<std::string_view> reported;  // missing, and already a problem
};

// A file of an unfinished download by hf download: beside the model, or among the blobs of a cache.
std::string unfinished_hub_download(const std::filesystem::path& directory) {
  for (const auto& place : {directory / ".cache/huggingface/download", directory / "../../blobs"}) {
    std::error_code error;
    for (std::filesystem::directory_iterator it(place, error), end; !error && it != end;
         it.increment(error)) {
      std::string name = it->path().filename().string();
      if (name.ends_with(".incomplete")) return name;
    }
  }
  return "";
}

// The shards that are not there, as one problem.
class MissingShards {
 public:
  explicit MissingShards(const std::filesystem::path& directory) : directory_(directory) {}

  // `error`: what opening it gave, which tells of a link that leads nowhere.
  void add(const std::string& name, const Error& error) {
    constexpr size_t kMaxListed = 5;
    if (++count_ > kMaxListed) return;
    const std::filesystem::path path = directory_ / name;
    std::error_code ignored;
    const bool is_link = std::filesystem::is_symlink(path, ignored);
    const std::string remains = unfinished_download_of(path);
    list_ += (list_.empty() ? "" : ", ") + printable(name);
    if (is_link) list_ += " (it " + error.parts().what + ")";
    if (!remains.empty()) list_ += " (" + printable(remains) + " is: its download is not finished)";
    if (is_link) remedy_ = error.parts().remedy;
  }

  void tell(size_t shards, Problems& problems) const {
    if (count_ == 0) return;
    std::string problem;
    if (count_ == 1) {
      problem = (shards == 1 ? "the shard " : "1 of " + std::to_string(shards) + " shards, ") +
                list_ + (shards == 1 ? " is missing" : ", is missing");
    } else {
      problem = std::to_string(count_) + " of " + std::to_string(shards) +
                " shards are missing: " + list_ + (count_ > 5 ? ", ..." : "");
    }
    const std::string unfinished = unfinished_hub_download(directory_);
    if (!unfinished.empty()) {
      problem += " (and there is an unfinished download, " + printable(unfinished) + ")";
    }
    problems.add(problem);
    problems.suggest(remedy_);
  }

 private:
  const std::filesystem::path& directory_;
  size_t count_ = 0;
  std::string list_;
  std::string remedy_ = "fetch what is missing; hf download goes on where it was broken off";
};

// Maps all shards and gathers their tensors by the index (`index` outlives the result).
LoadedTensors load_shards(const std::filesystem::path& directory, const ShardIndex& index,
                          Problems& problems) {
  LoadedTensors loaded;
  MissingShards missing(directory);
  std::vector<bool> present(index.shards.size(), false);
  for (size_t i = 0; i < index.shards.size(); ++i) {
    const std::filesystem::path path = directory / index.shards[i];
    refuse_unfinished_download(path);
    try {
      loaded.shards.emplace_back(path);
      present[i] = true;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kNotFound) throw;
      missing.add(index.shards[i], error);
    }
  }
  missing.tell(index.shards.size(), problems);

  auto shard = loaded.shards.begin();
  for (size_t i = 0; i < index.shards.size(); ++i) {
    if (!present[i]) continue;
    for (const SafetensorsEntry& entry : shard->entries()) {
      if (index.has_weight_map) {
        const auto expected = index.shard_of.find(entry.name);
        if (expected == index.shard_of.end() || expected->second != i) {
          problems.add(tensor_called(entry.name) + " lies in " + printable(index.shards[i]) +
                       ", but the index does not put it there");
          continue;
        }
      }
      if (!loaded.tensors.emplace(entry.name, shard->view(entry)).second) {
        problems.add(tensor_called(entry.name) + " lies in " + printable(index.shards[i]) +
                     " and in another shard");
      }
    }
    ++shard;
  }
  for (const auto& [name, number] : index.shard_of) {
    if (loaded.tensors.contains(name)) continue;
    loaded.reported.insert(name);
    if (present[number]) {
      problems.add(tensor_called(name) + " is not in " + printable(index.shards[number]) +
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

// Whether any tensor of a drafter is there, or should be by the index.
bool tells_of_drafter(const LoadedTensors& loaded) {
  const auto first = loaded.tensors.lower_bound("mtp.");
  return (first != loaded.tensors.end() && first->first.starts_with("mtp.")) ||
         std::any_of(loaded.reported.begin(), loaded.reported.end(),
                     [](std::string_view name) { return name.starts_with("mtp."); });
}

// DSpark stages replace the MTP block under the same names, whatever the config says; and programs
// that convert a checkpoint leave the drafter out, but not its number in the config. Returns a note
// on the second; empty otherwise.
std::string recognise_drafter(const LoadedTensors& loaded, ModelConfig& config) {
  constexpr int kMaxStages = 16;
  if (!tells_of_drafter(loaded)) {
    if (config.drafter == DrafterKind::kNone) return "";
    const std::string kind =
        config.drafter == DrafterKind::kMtp ? "an MTP block" : "a DSpark drafter";
    config.drafter = DrafterKind::kNone;
    config.drafter_stages = 0;
    return "config.json tells of " + kind +
           " (num_nextn_predict_layers), but there are no mtp.* tensors: the model runs without a "
           "drafter";
  }
  int last_stage = -1;
  for (auto it = loaded.tensors.lower_bound("mtp."); it != loaded.tensors.end(); ++it) {
    if (!it->first.starts_with("mtp.")) break;
    last_stage = std::max(last_stage, drafter_stage(it->first));
  }
  const bool is_dspark = loaded.tensors.contains("mtp.0.main_proj.weight") ||
                         (last_stage > 0 && last_stage < kMaxStages);
  if (!is_dspark) return "";
  config.drafter = DrafterKind::kDspark;
  // Where config.json describes the drafter, stages that are not there are missing.
  const int described = config.dspark.block_size > 0 ? config.drafter_stages : 0;
  config.drafter_stages = std::max(described, last_stage + 1);
  return "";
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
      if (spec.part == Part::kMtp) {
        problems.suggest(
            "fetch these files again, config.json included; to go on without the drafter, set "
            "num_nextn_predict_layers to 0 in config.json");
      }
      if (!loaded.reported.contains(spec.name)) {
        problems.add(tensor_called(spec.name) + " is missing");
      }
      continue;
    }
    const TensorView& tensor = found->second;
    if (tensor.dtype != spec.dtype || tensor.shape != spec.shape) {
      problems.add(tensor_called(spec.name) + " is " + type_text(tensor.dtype, tensor.shape) +
                   ", but must be " + type_text(spec.dtype, spec.shape));
    }
  }
  std::vector<std::string> unused;
  for (const auto& [name, tensor] : loaded.tensors) {
    if (known.contains(name)) continue;
    if (config.usable_stages() == 0 && drafter_stage(name) >= 0) {
      unused.push_back(name);
    } else {
      problems.add(tensor_called(name) + " is surplus: no such tensor belongs to this model");
    }
  }
  return unused;
}

// What a fingerprint is taken of: texts with their lengths before them, and numbers of 64 bits.
class Fingerprint {
 public:
  void add(std::span<const std::byte> bytes) { sum_.update(bytes); }
  void add(uint64_t value) { add(std::as_bytes(std::span(&value, 1))); }
  void add(std::string_view text) {
    add(uint64_t{text.size()});
    add(std::as_bytes(std::span(text)));
  }
  Hash128 value() const { return sum_.value(); }

 private:
  Checksum sum_;
};

Hash128 fingerprint_of(std::string_view config_text, const std::vector<SafetensorsFile>& shards,
                       size_t tensor_count) {
  constexpr size_t kSamples = 256;     // tensors whose contents are looked at
  constexpr size_t kSampleBytes = 64;  // of each; a page fault each is what it costs
  Fingerprint hash;
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

std::string counted(const std::vector<std::string>& names) {
  std::string text = std::to_string(names.size()) + ", the first " + printable(names.front());
  return names.size() == 1 ? printable(names.front()) : text;
}

// `unused`: the tensors that are not.
std::vector<std::string> notes_on(const std::string& drafter_note, const ShardIndex& index,
                                  const ModelConfig& config,
                                  const std::vector<std::string>& unused) {
  std::vector<std::string> notes;
  if (!drafter_note.empty()) notes.push_back(drafter_note);
  if (!unused.empty() && config.drafter == DrafterKind::kNone) {
    notes.push_back(
        "num_nextn_predict_layers in config.json is 0: the tensors of the drafter are not used (" +
        counted(unused) + ")");
  }
  if (!index.other_files.empty()) {
    notes.push_back("safetensors files that are no shards of this model are not used (" +
                    counted(index.other_files) + ")");
  }
  return notes;
}

}  // namespace

Checkpoint Checkpoint::synthetic(const ModelConfig& config, uint64_t seed) {
  Checkpoint checkpoint;
  checkpoint.config_ = config;
  const std::vector<TensorSpec> specs = catalogue(config);
  const auto place_all = [&](std::byte* block) {
    MemoryCutter cutter(block);
    for (const TensorSpec& spec : specs) {
      auto* const data = cutter.take<std::byte>(static_cast<size_t>(byte_count(spec)));
      if (block == nullptr) continue;
      SynthTensor(config, spec, seed).generate(0, {data, static_cast<size_t>(byte_count(spec))});
      checkpoint.tensors_[spec.name] = {.data = data, .dtype = spec.dtype, .shape = spec.shape};
    }
    return cutter.used();
  };
  place_all(checkpoint.memory_.at_least(place_all(nullptr)));
  return checkpoint;
}

Checkpoint Checkpoint::open(const std::filesystem::path& path) {
  const std::filesystem::path model_dir = resolve_model_directory(path);
  const std::string config_text = read_config_text(model_dir);
  Checkpoint checkpoint;
  checkpoint.directory_ = model_dir;
  checkpoint.config_ = parse_config(config_text, (model_dir / "config.json").string());

  const ShardIndex index = read_shard_index(model_dir);
  Problems problems;
  LoadedTensors loaded = load_shards(model_dir, index, problems);
  const std::string drafter_note = recognise_drafter(loaded, checkpoint.config_);
  checkpoint.unused_ = check_catalogue(loaded, checkpoint.config_, problems);
  problems.throw_if_any(model_dir);
  checkpoint.notes_ = notes_on(drafter_note, index, checkpoint.config_, checkpoint.unused_);

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
        problems.add(tensor_called(name) + " holds a NaN scale (element " +
                     std::to_string(*element) + ")");
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

std::vector<const MappedFile*> Checkpoint::files() const {
  std::vector<const MappedFile*> files;
  for (const SafetensorsFile& shard : shards_) files.push_back(&shard.mapped());
  return files;
}

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
      problems.add(tensor_called(name) + " holds a NaN (element " + std::to_string(*element) + ")");
    }
    done += tensor_bytes(tensor);
    if (progress) progress(done, total);
  }
  problems.throw_if_any(directory_);
}

}  // namespace hadal
