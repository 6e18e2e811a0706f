// config.json of a DeepSeek V4 model: every size that the engine uses comes from here, and the
// numbers are checked against each other before anything is computed with them.
// Says nothing about tensors (catalogue.h) or memory (memory_needs.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "numeric/weight_format.h"

namespace hadal {

// Which attention a layer runs besides its sliding window.
enum class LayerKind {
  kWindow,  // compress ratio 0: window only
  kCsa,     // ratio 4: compressed sparse attention with a lightning indexer
  kHca,     // ratio 128: heavily compressed attention, all entries visible
};

constexpr int kCsaRatio = 4;
constexpr int kHcaRatio = 128;

enum class DrafterKind { kNone, kMtp, kDspark };

struct YarnScaling {
  float factor = 1;  // 1: no scaling
  int original_positions = 0;
  float beta_fast = 32;
  float beta_slow = 1;
};

// The block drafter of newer checkpoints; all zero where config.json does not describe it.
struct DsparkConfig {
  int block_size = 0;          // rows of a block: the last token and places to fill
  int noise_token = 0;         // that stands in those places
  std::vector<int> taps = {};  // layers whose streams it sees, ascending
  int markov_rank = 0;         // of what a guess depends on the guess before by

  bool operator==(const DsparkConfig&) const = default;
};

struct ModelConfig {
  int layers = 0;       // without the drafter
  int hidden_size = 0;  // d
  int vocab_size = 0;
  int max_positions = 0;
  int bos_token = 0;
  int eos_token = 1;

  int heads = 0;
  int head_dim = 0;  // c; the last rope_dim of it carry positions
  int rope_dim = 0;
  int q_lora_rank = 0;
  int o_groups = 0;
  int o_lora_rank = 0;
  int window = 0;  // tokens, the present one included

  int index_heads = 0;
  int index_head_dim = 0;
  int index_topk = 0;

  int routed_experts = 0;
  int shared_experts = 0;
  int experts_per_token = 0;
  int expert_width = 0;
  int hash_layers = 0;  // the first layers, routed by token id
  float routed_scaling_factor = 1;
  float swiglu_limit = 0;

  int hc_mult = 0;  // residual streams
  int hc_sinkhorn_iters = 0;
  float hc_eps = 0;
  float rms_eps = 0;

  float rope_theta = 0;           // layers without compression
  float compress_rope_theta = 0;  // layers with compression, with YaRN
  YarnScaling yarn;

  std::vector<LayerKind> layer_kinds;  // [layers]
  DrafterKind drafter = DrafterKind::kNone;
  int drafter_stages = 0;  // blocks under mtp.*: 1 for MTP, 3 for DSpark
  DsparkConfig dspark = {};

  // Fields of config.json that hadal does not know, told by inspect and without effect. Those that
  // ask for arithmetic are refused.
  std::vector<std::string> unknown_fields = {};

  int nope_dim() const { return head_dim - rope_dim; }
  int heads_per_group() const { return heads / o_groups; }
  int count(LayerKind kind) const;
  // The stages that can be computed: none of a drafter that config.json does not describe.
  int usable_stages() const {
    if (drafter == DrafterKind::kMtp) return 1;
    return drafter == DrafterKind::kDspark && dspark.block_size > 0 ? drafter_stages : 0;
  }
};

// The compress ratio of a kind: 0, 4 or 128.
int compress_ratio(LayerKind kind);

// Parses and checks the text of a config.json; `where` names it in errors. Throws Error
// kInvalidFile that names the first offending field, its value and what would be consistent.
ModelConfig parse_config(std::string_view json_text, const std::string& where);

// Reads config.json of the model at `path` (model_directory.h). Throws Error; kNotFound when it is
// not the directory of a model.
ModelConfig load_config(const std::filesystem::path& path);
// The text of config.json in a directory that is resolved, without a byte order mark.
std::string read_config_text(const std::filesystem::path& model_dir);

// The text of a config.json that parse_config() reads back as `config`.
std::string config_to_json(const ModelConfig& config);

}  // namespace hadal
