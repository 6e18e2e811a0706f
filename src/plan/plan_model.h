// A model as the planner sees it: the sizes that decide bytes, operations and messages. Made from
// the config.json of a V4 model; built in beside that are V4.1-Flash, as far as its paper goes, and
// older architectures to compare with. Knows nothing of hardware or time.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/v4/config.h"

namespace hadal {

// Layers whose attention is alike.
struct AttentionGroup {
  int layers = 0;
  int window = 0;          // newest tokens seen uncompressed; 0: none kept apart
  double ratio = 0;        // tokens in a compressed entry; 0: no compressed entries
  double topk = 0;         // entries chosen by an indexer; 0: all are seen
  double owned = 1;        // share of the layers with keys of their own; others use a neighbour's
  double scored = 1;       // share of the layers with an indexer pass of their own
  double entry_bytes = 0;  // of a cached key (and value)
  double key_bytes = 0;    // of an index key
  double compressor_width = 0;  // columns that the compressors' projections have
};

struct PlanModel {
  std::string name = {};
  int hidden = 0;
  int vocab = 0;
  int heads = 0;
  double head_dim = 0;   // of keys, for scores
  double value_dim = 0;  // of values
  int q_rank = 0;        // 0: queries in one projection
  double kv_width = 0;   // columns of the projection of keys and values
  int o_groups = 0;
  int o_rank = 0;  // 0: one output projection
  int index_heads = 0;
  int index_dim = 0;
  int experts = 0;
  int shared_experts = 0;
  int topk_experts = 0;
  int expert_width = 0;
  int hash_layers = 0;
  int streams = 1;  // residual streams
  std::vector<AttentionGroup> groups = {};
  double prefill_layers = 1;  // share of the layers that a prompt's tokens pass

  DrafterKind drafter = DrafterKind::kNone;
  int drafter_layers = 0;
  int drafter_experts = 0;
  int drafter_topk = 0;

  int layers() const;
  // What a token of the cache takes in the long run, and a sequence beside that.
  double kv_bytes_per_token() const;
  double sequence_state_bytes() const;
  // Of one sequence of `tokens`: both of them.
  double sequence_bytes(double tokens) const;
};

PlanModel plan_model(const ModelConfig& config, std::string name);

// "pro", "flash", "v4.1-flash", "v3.2", "mla", "gqa", or the directory of a checkpoint or a
// config.json. Throws Error with the nearest name.
PlanModel load_plan_model(const std::string& name);

// Of the models that need no directory.
std::vector<std::string> plan_model_names();

// Gives a checkpoint that has another drafter, or none, that of the DSpark releases: three layers.
void use_dspark(PlanModel& model);

// Parameters of one layer that every token multiplies, the routed experts apart: those kept in FP8
// and those kept wider, split among tensor-parallel ranks or repeated on each.
struct LayerColumns {
  double fp8_split = 0;
  double fp8_whole = 0;
  double wide_split = 0;
  double wide_whole = 0;
};
LayerColumns layer_columns(const PlanModel& model, const AttentionGroup& group);
// A layer of a drafter, which sees a window alone.
AttentionGroup drafter_layer();

// How a checkpoint's routed experts are stored, bytes per parameter, scales included.
struct ParameterBytes {
  double experts = 0.53125;  // FP4 with a scale for 32
  double dense = 1.0;        // FP8
};
// Of a label such as "fp4", "fp8", "mxfp4", "2-bit"; the released form for one not known.
ParameterBytes parameter_bytes(std::string_view precision);

// Bytes of a parameter class of the whole model.
struct ModelBytes {
  double experts = 0;  // routed
  double dense = 0;    // attention, shared experts, gates, norms
  double ends = 0;     // embedding and head
  double drafter = 0;
  double all() const { return experts + dense + ends + drafter; }
};
ModelBytes model_bytes(const PlanModel& model, const ParameterBytes& bytes);

// Distinct experts of a layer that `rows` tokens use when each picks `picked` of `experts` and the
// popularity of experts falls as rank^-skew (0: evenly).
double distinct_experts(double rows, int experts, int picked, double skew);

}  // namespace hadal
