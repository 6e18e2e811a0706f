#include "model/v4/work_buffers.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "base/as_size.h"

namespace hadal {
namespace {

// The stages of a pass in the order they run in; those from kJoinAttention to kCombine run again
// for every layer, so that nothing but the turns lives from one layer to the next.
enum Stage : int {
  kTurns,          // cosines and sines; MTP: its streams
  kJoinAttention,  // the streams become the attention's input
  kProject,        // queries, keys, compressor rows, index queries
  kFinish,         // norms, RoPE, encoding; completed groups are pooled and encoded
  kChoose,         // compressed entries for every row
  kAttend,
  kOutput,
  kSpreadAttention,  // back into the streams
  kJoinExperts,
  kRoute,
  kExperts,
  kShared,
  kCombine,  // with the streams
  kHead,
};

}  // namespace

// Collects the buffers, and gives them their places when all are known.
class WorkBuffers::Layout {
 public:
  explicit Layout(BufferPlan& plan) : plan_(plan) {}

  template <typename T>
  void add(std::string_view name, T*& target, size_t count, Stage first, Stage last) {
    places_.push_back(
        {.index = plan_.add(
             {.name = name, .bytes = count * sizeof(T), .first_use = first, .last_use = last}),
         .set = [](void* to, std::byte* at) { *static_cast<T**>(to) = reinterpret_cast<T*>(at); },
         .target = &target});
  }
  void add(std::string_view name, LinearInputBuffer& target, size_t bytes, Stage first,
           Stage last) {
    places_.push_back(
        {.index = plan_.add({.name = name, .bytes = bytes, .first_use = first, .last_use = last}),
         .set = [](void* to,
                   std::byte* at) { static_cast<LinearInputBuffer*>(to)->set_memory(at); },
         .target = &target});
  }

  void place(AlignedBuffer<std::byte>& memory) {
    plan_.place();
    std::byte* const block = memory.at_least(plan_.bytes());
    for (const Place& place : places_) place.set(place.target, block + plan_.offset(place.index));
  }

 private:
  struct Place {
    size_t index = 0;  // in the plan
    void (*set)(void* to, std::byte* at) = nullptr;
    void* target = nullptr;
  };

  BufferPlan& plan_;
  std::vector<Place> places_;
};

void WorkBuffers::reserve(const ModelConfig& config, const OpContext& ops, ActivationPolicy policy,
                          const StepSize& size) {
  if (room_.holds(size)) return;
  const StepSize room = larger_of(room_, size);
  plan_ = {};
  Layout layout(plan_);
  lay_out(layout, config, ops, policy, room);
  layout.place(memory_);
  room_ = room;
}

size_t WorkBuffers::bytes_for(const ModelConfig& config, const OpContext& ops,
                              ActivationPolicy policy, const StepSize& size) {
  WorkBuffers buffers;
  Layout layout(buffers.plan_);
  buffers.lay_out(layout, config, ops, policy, size);
  buffers.plan_.place();
  return buffers.plan_.bytes();
}

void WorkBuffers::lay_out(Layout& layout, const ModelConfig& config, const OpContext& ops,
                          ActivationPolicy policy, const StepSize& room) {
  const size_t rows = as_size(room.rows);
  const size_t hidden = as_size(config.hidden_size);
  const size_t streams = as_size(config.hc_mult);
  const size_t turn = 2 * as_size(config.rope_dim);
  layout.add("window turns", window_turns, rows * turn, kTurns, kHead);
  layout.add("compressed turns", compressed_turns, rows * turn, kTurns, kHead);
  layout.add("csa group turns", csa_group_turns, as_size(room.csa_groups) * turn, kTurns, kHead);
  layout.add("hca group turns", hca_group_turns, as_size(room.hca_groups) * turn, kTurns, kHead);

  const size_t most_rows = as_size(std::max(room.rows, room.logit_rows));
  layout.add("block input", block_input, most_rows * hidden, kTurns, kHead);
  layout.add("block output", block_output, rows * hidden, kTurns, kCombine);
  layout.add("stream products", stream_products, most_rows * (2 + streams) * streams,
             kJoinAttention, kHead);
  layout.add("post", post, rows * streams, kJoinAttention, kCombine);
  layout.add("mixing", mixing, rows * streams * streams, kJoinAttention, kCombine);
  layout.add("head streams", head_streams, as_size(room.logit_rows) * streams * hidden, kHead,
             kHead);
  const bool has_mtp = config.drafter == DrafterKind::kMtp;
  layout.add("projected", projected, has_mtp ? rows * streams * hidden : 0, kTurns, kTurns);
  layout.add("drafter streams", drafter_streams,
             has_mtp && room.drafter ? rows * streams * hidden : 0, kTurns, kFinish);
  const size_t taps_of_row = room.drafter ? config.dspark.taps.size() : 0;
  layout.add("taps", taps, rows * taps_of_row * hidden, kTurns, kHead);
  layout.add("tapped", tapped, taps_of_row > 0 ? rows * hidden : 0, kTurns, kFinish);

  const auto input_bytes = [&](ActivationPolicy form, int input_rows, int columns) {
    return LinearInputBuffer::bytes(ops, form, input_rows, columns);
  };
  const int input_rows = has_mtp ? room.rows * config.hc_mult : room.rows;
  layout.add("taps input", taps_input,
             taps_of_row > 0 ? input_bytes(policy, room.rows,
                                           static_cast<int>(taps_of_row) * config.hidden_size)
                             : 0,
             kTurns, kTurns);
  layout.add("input", input, input_bytes(policy, input_rows, config.hidden_size), kTurns, kShared);

  const size_t heads = as_size(config.heads) * as_size(config.head_dim);
  const size_t index_heads = as_size(config.index_heads);
  layout.add("q latent", q_latent, rows * as_size(config.q_lora_rank), kProject, kProject);
  layout.add("q input", q_input, input_bytes(policy, room.rows, config.q_lora_rank), kProject,
             kProject);
  layout.add("q", q, rows * heads, kProject, kAttend);
  layout.add("kv", kv, rows * as_size(config.head_dim), kProject, kFinish);
  layout.add("compressor rows", compressor_rows, rows * 4 * as_size(config.head_dim), kProject,
             kFinish);
  layout.add("index rows", index_rows, rows * 4 * as_size(config.index_head_dim), kProject,
             kFinish);
  layout.add("pooled", pooled,
             as_size(std::max(room.csa_groups, room.hca_groups)) *
                 as_size(std::max(config.head_dim, config.index_head_dim)),
             kFinish, kFinish);
  layout.add("index q", index_q, rows * index_heads * as_size(config.index_head_dim), kProject,
             kChoose);
  layout.add("index weights", index_weights, rows * index_heads, kProject, kChoose);
  layout.add("chosen", chosen, rows * as_size(config.index_topk), kChoose, kAttend);
  layout.add("attention out", attention_out, rows * heads, kAttend, kOutput);
  const ActivationPolicy attention_form =
      policy == ActivationPolicy::kInt8 ? policy : ActivationPolicy::kNone;
  layout.add("attention input", attention_input,
             input_bytes(attention_form, room.rows, config.heads * config.head_dim), kAttend,
             kOutput);
  const int latent = config.o_groups * config.o_lora_rank;
  layout.add("output latent", output_latent, rows * as_size(latent), kOutput, kOutput);
  layout.add("latent input", latent_input, input_bytes(policy, room.rows, latent), kOutput,
             kOutput);

  const size_t assignments = rows * as_size(config.experts_per_token);
  const int shared_width = std::max(1, config.shared_experts) * config.expert_width;
  layout.add("gate logits", gate_logits, rows * as_size(config.routed_experts), kRoute, kRoute);
  layout.add("experts", experts, assignments, kRoute, kExperts);
  layout.add("expert weights", expert_weights, assignments, kRoute, kExperts);
  layout.add("first of expert", dispatch.first, as_size(config.routed_experts) + 1, kRoute,
             kExperts);
  layout.add("rows of experts", dispatch.row, assignments, kRoute, kExperts);
  layout.add("weights of rows", dispatch.weight, assignments, kRoute, kExperts);
  layout.add("slots", dispatch.slot_of, assignments, kRoute, kCombine);
  layout.add("expert out", expert_out, assignments * hidden, kExperts, kCombine);
  layout.add("shared gate and up", shared_gate_up, 2 * rows * as_size(shared_width), kShared,
             kShared);
  layout.add("shared input", shared_input, input_bytes(policy, room.rows, shared_width), kShared,
             kShared);
  layout.add("shared out", shared_out, rows * hidden, kShared, kCombine);
}

}  // namespace hadal
