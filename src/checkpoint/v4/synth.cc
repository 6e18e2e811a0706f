#include "checkpoint/v4/synth.h"

#include <algorithm>
#include <fmt/format.h>
#include <optional>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/leftovers.h"
#include "base/tensor.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/v4/catalogue.h"
#include "checkpoint/v4/config_presets.h"
#include "checkpoint/v4/synth_tokenizer.h"
#include "checkpoint/v4/synth_weights.h"

namespace hadal {
namespace {

namespace fs = std::filesystem;

constexpr size_t kPieceBytes = size_t{1} << 20;
constexpr int kMaxLayers = 1024;
constexpr int kMaxExperts = 4096;
constexpr int kMaxVocab = 1 << 24;
constexpr size_t kMaxTokenizerBytes = size_t{64} << 20;

// Tells an earlier synthetic checkpoint, whole or broken off, from anything else.
constexpr const char* kMarkerFile = "synthetic.json";
constexpr const char* kGenerator = "\"generator\": \"hadal synth\"";
constexpr const char* kConfigFile = "config.json";
constexpr const char* kIndexFile = "model.safetensors.index.json";
constexpr const char* kTokenizerFile = "tokenizer.json";
constexpr const char* kTokenizerConfigFile = "tokenizer_config.json";

Error bad_option(const std::string& option, const std::string& what, const std::string& remedy) {
  return Error(
      {.code = ErrorCode::kInvalidArgument, .where = option, .what = what, .remedy = remedy});
}

void check_range(const char* option, int value, int low, int high, const std::string& why) {
  if (value < low || value > high) {
    throw bad_option(option, fmt::format("is {}", value),
                     fmt::format("choose from {} to {}{}", low, high, why));
  }
}

void set_layers(ModelConfig& config, int layers) {
  std::vector<LayerKind>& kinds = config.layer_kinds;
  while (static_cast<int>(kinds.size()) < layers) {
    kinds.push_back(kinds[kinds.size() - 2]);
  }
  kinds.resize(static_cast<size_t>(layers));
  config.layers = layers;
  config.hash_layers = std::min(config.hash_layers, layers);
}

// The sizes of a block drafter as released; of other widths in proportion.
void set_drafter(ModelConfig& config, const std::string& drafter, bool pro) {
  if (drafter == "mtp") return;
  config.drafter = DrafterKind::kNone;
  config.drafter_stages = 0;
  if (drafter == "none") return;
  if (drafter != "dspark") {
    throw bad_option("--drafter", "is " + printable(drafter, 40), "choose mtp, dspark or none");
  }
  constexpr int kStages = 3;
  constexpr int kBlock = 5;
  constexpr int kNoise = 128799;
  constexpr int kHiddenPerRank = 16;
  constexpr int kProRank = 512;
  config.drafter = DrafterKind::kDspark;
  config.drafter_stages = kStages;
  config.dspark = {.block_size = kBlock,
                   .noise_token = std::min(kNoise, config.vocab_size - 1),
                   .markov_rank = pro ? kProRank : config.hidden_size / kHiddenPerRank};
  for (int layer = std::max(0, config.layers - kStages); layer < config.layers; ++layer) {
    config.dspark.taps.push_back(layer);
  }
}

TokenizerIds given_tokenizer_ids(const SynthOptions& options) {
  return tokenizer_ids(read_text_file(options.tokenizer, kMaxTokenizerBytes),
                       options.tokenizer.string());
}

void set_vocab(ModelConfig& config, const SynthOptions& options) {
  if (options.vocab != 0) {
    config.vocab_size = options.vocab;
  }
  if (options.tokenizer.empty()) {
    check_range("--vocab", config.vocab_size, kSynthTokenizerMinVocab, kMaxVocab,
                " (the least holds all bytes and the special tokens)");
    return;
  }
  const TokenizerIds ids = given_tokenizer_ids(options);
  if (options.vocab == 0) {
    config.vocab_size = std::max(config.vocab_size, ids.count);
  }
  if (config.vocab_size < ids.count) {
    throw bad_option("--vocab",
                     fmt::format("{} is too small for {}, whose largest id is {}", options.vocab,
                                 printable(options.tokenizer.string()), ids.count - 1),
                     fmt::format("choose at least {}", ids.count));
  }
  check_range("--vocab", config.vocab_size, 2, kMaxVocab, "");
  config.bos_token = ids.bos >= 0 ? ids.bos : config.bos_token;
  config.eos_token = ids.eos >= 0 ? ids.eos : config.eos_token;
}

// One file of the checkpoint, as in the release: the embedding, each layer, the head, the MTP
// block.
std::vector<std::vector<TensorSpec>> shards_of(const ModelConfig& config) {
  const size_t layers = static_cast<size_t>(config.layers);
  std::vector<std::vector<TensorSpec>> shards(layers + 3);
  for (TensorSpec& spec : catalogue(config)) {
    size_t shard = layers + 1;
    if (spec.name.starts_with("embed.")) {
      shard = 0;
    } else if (spec.name.starts_with("mtp.")) {
      shard = layers + 2;
    } else if (spec.name.starts_with("layers.")) {
      shard = 1 + std::stoul(spec.name.substr(7));
    }
    shards.at(shard).push_back(std::move(spec));
  }
  std::erase_if(shards, [](const auto& shard) { return shard.empty(); });
  return shards;
}

std::string shard_name(size_t index, size_t count) {
  return fmt::format("model-{:05}-of-{:05}.safetensors", index + 1, count);
}

// As shard_name() makes them.
bool is_shard_name(const std::string& name) {
  constexpr std::string_view kForm = "model-00000-of-00000.safetensors";
  if (name.size() != kForm.size()) return false;
  for (size_t i = 0; i < kForm.size(); ++i) {
    const bool is_digit = name[i] >= '0' && name[i] <= '9';
    if (kForm[i] == '0' ? !is_digit : name[i] != kForm[i]) return false;
  }
  return true;
}

bool is_own_file(const std::string& name) {
  return name == kMarkerFile || name == kConfigFile || name == kIndexFile ||
         name == kTokenizerFile || name == kTokenizerConfigFile || is_shard_name(name);
}

// Whether the directory holds what an earlier run wrote: its marker says so, not its name alone.
bool has_own_marker(const fs::path& directory) {
  constexpr size_t kMaxMarkerBytes = 4096;
  try {
    const std::string text = read_text_file(directory / kMarkerFile, kMaxMarkerBytes);
    return text.find(kGenerator) != std::string::npos;
  } catch (const Error&) {
    return false;
  }
}

// Removes what a synthetic checkpoint consists of, first of all the file that makes it a model.
// Failures are left to whoever writes next; this also runs while an Error is under way.
void remove_own_files(const fs::path& directory) {
  std::error_code ignored;
  fs::remove(directory / kConfigFile, ignored);
  std::vector<fs::path> files;
  for (fs::directory_iterator it(directory, ignored), end; it != end; it.increment(ignored)) {
    if (is_own_file(it->path().filename().string()) && it->path().filename() != kMarkerFile) {
      files.push_back(it->path());
    }
  }
  for (const fs::path& file : files) {
    fs::remove(file, ignored);
  }
  fs::remove(directory / kMarkerFile, ignored);
}

// The directory being written. Until finish() its destructor, or an end by a signal, takes back
// what was written.
class Target {
 public:
  explicit Target(const fs::path& directory) : directory_(directory) {
    std::error_code error;
    const fs::file_status status = fs::status(directory, error);
    if (!fs::exists(status) && error && error != std::errc::no_such_file_or_directory) {
      throw_system_error(directory, "cannot be examined", error.value());
    }
    leftover_.emplace(
        [&] {
          if (fs::exists(status)) {
            claim(status);
          } else {
            create();
          }
        },
        [this] { take_back(); });
  }
  ~Target() {
    if (!finished_) take_back();
  }
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  void finish() {
    leftover_->keep([] {});
    finished_ = true;
  }

  // Throws before anything is written when the file system has less than `bytes` to spare.
  void require_space(uint64_t bytes) const {
    std::error_code error;
    const fs::space_info space = fs::space(directory_, error);
    if (error || space.available >= bytes) return;
    throw Error({.code = ErrorCode::kResourceExhausted,
                 .where = directory_.string(),
                 .what = fmt::format("has {:.1f} GB of free space, and the checkpoint takes {:.1f}",
                                     static_cast<double>(space.available) / 1e9,
                                     static_cast<double>(bytes) / 1e9),
                 .remedy = "free some space, or choose fewer --layers or --experts"});
  }

 private:
  void claim(const fs::file_status& status) {
    if (!fs::is_directory(status)) {
      throw Error({.code = ErrorCode::kInvalidArgument,
                   .where = directory_.string(),
                   .what = "is not a directory",
                   .remedy = "name a new or empty directory"});
    }
    std::error_code error;
    const bool empty = fs::is_empty(directory_, error);
    if (error) throw_system_error(directory_, "cannot be examined", error.value());
    if (empty) return;
    if (!has_own_marker(directory_)) {
      const bool model = fs::exists(directory_ / kConfigFile, error);
      throw Error({.code = ErrorCode::kInvalidArgument,
                   .where = directory_.string(),
                   .what = model ? "holds a model that is not synthetic"
                                 : "is not empty and holds no synthetic checkpoint",
                   .remedy = "name a new or empty directory"});
    }
    remove_own_files(directory_);
  }

  void create() {
    std::error_code error;
    fs::create_directories(directory_, error);
    if (error) throw_system_error(directory_, "cannot be created", error.value());
    created_ = true;
  }

  void take_back() const {
    remove_own_files(directory_);
    if (created_) {
      std::error_code ignored;
      fs::remove(directory_, ignored);
    }
  }

  fs::path directory_;
  bool created_ = false;
  bool finished_ = false;
  std::optional<Leftover> leftover_;
};

void write_file(const fs::path& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

std::string marker_text(const SynthOptions& options, const ModelConfig& config) {
  return fmt::format(
      "{{\n {},\n \"preset\": \"{}\",\n \"layers\": {},\n"
      " \"experts\": {},\n \"vocab\": {},\n \"seed\": {}\n}}\n",
      kGenerator, options.preset, config.layers, config.routed_experts, config.vocab_size,
      options.seed);
}

class Progress {
 public:
  Progress(const SynthOptions& options, uint64_t total) : options_(options), total_(total) {}
  void add(uint64_t bytes) {
    done_ += bytes;
    if (options_.progress) options_.progress(done_, total_);
  }

 private:
  const SynthOptions& options_;
  uint64_t done_ = 0;
  uint64_t total_ = 0;
};

void write_shard(const fs::path& path, const std::vector<TensorSpec>& specs,
                 const ModelConfig& config, uint64_t seed, Progress& progress) {
  std::vector<SafetensorsWriter::Declaration> declarations;
  declarations.reserve(specs.size());
  for (const TensorSpec& spec : specs) {
    declarations.push_back({.name = spec.name, .dtype = spec.dtype, .shape = spec.shape});
  }
  SafetensorsWriter writer(path, declarations);
  std::vector<std::byte> piece(kPieceBytes);
  for (const TensorSpec& spec : specs) {
    const SynthTensor tensor(config, spec, seed);
    const size_t element_bytes = dtype_bytes(spec.dtype);
    const size_t per_piece = kPieceBytes / element_bytes;
    for (size_t first = 0; first < tensor.elements(); first += per_piece) {
      const size_t count = std::min(per_piece, tensor.elements() - first);
      const std::span<std::byte> bytes(piece.data(), count * element_bytes);
      tensor.generate(first, bytes);
      writer.write(bytes);
      progress.add(bytes.size());
    }
  }
  writer.finish();
}

void write_index(const fs::path& path, const std::vector<std::vector<TensorSpec>>& shards,
                 uint64_t total_bytes) {
  AtomicFile file(path);
  file.write(fmt::format("{{\n \"metadata\": {{\n  \"total_size\": {}\n }},\n \"weight_map\": {{",
                         total_bytes));
  std::string_view separator = "\n";
  for (size_t shard = 0; shard < shards.size(); ++shard) {
    std::string lines;
    for (const TensorSpec& spec : shards[shard]) {
      lines +=
          fmt::format("{}  \"{}\": \"{}\"", separator, spec.name, shard_name(shard, shards.size()));
      separator = ",\n";
    }
    file.write(lines);
  }
  file.write("\n }\n}\n");
  file.commit();
}

}  // namespace

std::vector<std::string> synth_presets() { return preset_names(); }

ModelConfig synth_config(const SynthOptions& options) {
  const std::vector<std::string> presets = synth_presets();
  if (std::find(presets.begin(), presets.end(), options.preset) == presets.end()) {
    throw bad_option("preset", "\"" + printable(options.preset, 40) + "\" is unknown",
                     "choose one of " + fmt::format("{}", fmt::join(presets, ", ")));
  }
  ModelConfig config = preset_config(options.preset);
  if (options.layers != 0) {
    check_range("--layers", options.layers, 1, kMaxLayers, "");
    set_layers(config, options.layers);
  }
  if (options.experts != 0) {
    check_range("--experts", options.experts, config.experts_per_token, kMaxExperts,
                " (a token goes to " + std::to_string(config.experts_per_token) + " of them)");
    config.routed_experts = options.experts;
  }
  set_vocab(config, options);
  set_drafter(config, options.drafter, options.preset == "pro");
  return config;
}

void write_synthetic_checkpoint(const SynthOptions& options, const fs::path& directory) {
  const ModelConfig config = synth_config(options);
  const std::vector<std::vector<TensorSpec>> shards = shards_of(config);
  uint64_t total_bytes = 0;
  for (const std::vector<TensorSpec>& shard : shards) {
    for (const TensorSpec& spec : shard) {
      total_bytes += static_cast<uint64_t>(byte_count(spec));
    }
  }
  const std::string tokenizer = options.tokenizer.empty()
                                    ? synthetic_tokenizer_json(config.vocab_size)
                                    : read_text_file(options.tokenizer, kMaxTokenizerBytes);

  Target target(directory);
  target.require_space(total_bytes);
  write_file(directory / kMarkerFile, marker_text(options, config));
  Progress progress(options, total_bytes);
  for (size_t i = 0; i < shards.size(); ++i) {
    write_shard(directory / shard_name(i, shards.size()), shards[i], config, options.seed,
                progress);
  }
  write_index(directory / kIndexFile, shards, total_bytes);
  write_file(directory / kTokenizerFile, tokenizer);
  if (options.tokenizer.empty()) {
    write_file(directory / kTokenizerConfigFile, synthetic_tokenizer_config_json());
  }
  write_file(directory / kConfigFile, config_to_json(config));
  target.finish();
}

}  // namespace hadal
