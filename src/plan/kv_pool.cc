#include "plan/kv_pool.h"

#include <algorithm>
#include <cmath>

namespace hadal {
namespace {

// Tokens of a page of compressed keys, in both engines.
constexpr double kPage = 256;
constexpr double kFloat = 4;

double rounded_up(double value, double to) { return std::ceil(value / to) * to; }

// Layers of each kind and the bytes of what they keep.
struct Kinds {
  double layers = 0;  // all, which have a window each
  double csa = 0;
  double hca = 0;
  double window = 0;
  double entry = 0;
  double key = 0;
  // Of a row of compressor state: keys and scores in FP32, of CSA in two roles.
  double csa_row = 0;
  double index_row = 0;
  double hca_row = 0;
};

Kinds kinds_of(const PlanModel& model, const PoolLayout& layout, const PoolSetting& setting) {
  Kinds kinds{.layers = model.layers() + setting.window_layers};
  for (const AttentionGroup& group : model.groups) {
    kinds.window = std::max(kinds.window, static_cast<double>(group.window));
    kinds.entry = std::max(kinds.entry, group.entry_bytes);
    if (group.topk > 0) {
      kinds.csa += group.layers;
      kinds.key = layout.index_key_bytes > 0 ? layout.index_key_bytes : group.key_bytes;
    } else if (group.ratio > 0) {
      kinds.hca += group.layers;
    }
  }
  kinds.csa_row = 2 * 2 * model.head_dim * kFloat;
  kinds.index_row = 2 * 2 * model.index_dim * kFloat;
  kinds.hca_row = 2 * model.head_dim * kFloat;
  return kinds;
}

// vLLM's groups of layers: the compressed keys with 256 tokens in a block, windows (twice, as there
// are about twice as many layers as of each kind) with 64, states of CSA with 4 and of HCA with 8.
constexpr double kWindowBlock = 64;
constexpr double kCsaStateBlock = 4;
constexpr double kHcaStateBlock = 8;
constexpr double kCsaWindow = 8;  // rows of state that the next entry needs
constexpr double kAlign = 576;    // of a page of 8-bit keys

double window_groups(const Kinds& kinds) {
  return std::max(1.0, std::round(kinds.layers / std::min(kinds.csa, kinds.hca)));
}

// Blocks of a group whose layers see `window` rows: those, the rows of a step, and one begun.
double window_blocks(double window, double block, double rows, double tokens) {
  return std::ceil(std::min(window - 1 + rows, tokens) / block) + 1;
}

double blocks_of(const Kinds& kinds, double rows, double tokens) {
  return std::ceil(tokens / kPage) +
         window_groups(kinds) * window_blocks(kinds.window, kWindowBlock, rows, tokens) +
         window_blocks(kCsaWindow, kCsaStateBlock, rows, tokens) +
         window_blocks(kHcaRatio, kHcaStateBlock, rows, tokens);
}

double block_bytes(const Kinds& kinds, const PoolLayout& layout) {
  const double csa = rounded_up(kPage / kCsaRatio * kinds.entry, kAlign);
  const double hca = rounded_up(kPage / kHcaRatio * kinds.entry, kAlign);
  const double state = rounded_up(kCsaStateBlock * kinds.csa_row, kAlign);
  const double index_state = rounded_up(kCsaStateBlock * kinds.index_row, kAlign);
  const double index = rounded_up(kPage / kCsaRatio * kinds.key, kAlign);
  const double windows = std::ceil(kinds.layers / window_groups(kinds));
  if (!layout.packed) return windows * (csa + std::max(index, index_state) + hca);
  return std::max({kinds.csa * (csa + index) + kinds.hca * hca,
                   windows * rounded_up(kWindowBlock * kinds.entry, kAlign),
                   kinds.csa * (state + index_state),
                   kinds.hca * rounded_up(kHcaStateBlock * kinds.hca_row, kAlign)});
}

// SGLang's bytes of a token: compressed keys, and of windows and states a share of as many slots.
double slot_bytes(const Kinds& kinds, const PoolLayout& layout, const PoolSetting& setting) {
  const bool drafts = setting.window_layers > 0;
  const double csa_ring = layout.csa_ring > 0 ? layout.csa_ring : (drafts ? 16 : 8);
  const double hca_ring = layout.hca_ring > 0 ? layout.hca_ring : (drafts ? 256 : 128);
  double window =
      kinds.entry * kinds.layers + csa_ring / kPage * (kinds.csa_row + kinds.index_row) * kinds.csa;
  if (layout.state_by_token) window += hca_ring / kPage * kinds.hca_row * kinds.hca;
  return kinds.csa * (kinds.entry + kinds.key) / kCsaRatio + kinds.hca * kinds.entry / kHcaRatio +
         layout.window_share * window;
}

// SGLang's state of HCA layers where it is kept for each request.
double request_state(const Kinds& kinds, const PoolLayout& layout, const PoolSetting& setting) {
  if (layout.state_by_token) return 0;
  const double ring = layout.hca_ring > 0 ? layout.hca_ring : setting.window_layers > 0 ? 256 : 128;
  return ring * kinds.hca_row * kinds.hca;
}

PoolKind kind_for(const PlanModel& model, const PoolLayout& layout) {
  return has_pool_layout(model) ? layout.kind : PoolKind::kBytes;
}

}  // namespace

bool has_pool_layout(const PlanModel& model) {
  bool csa = false;
  bool hca = false;
  for (const AttentionGroup& group : model.groups) {
    if (group.window == 0 || group.owned != 1) return false;
    csa = csa || (group.ratio == kCsaRatio && group.topk > 0);
    hca = hca || (group.ratio == kHcaRatio && group.topk == 0);
  }
  return csa && hca;
}

double vllm_block_bytes(const PlanModel& model, const PoolLayout& layout,
                        const PoolSetting& setting) {
  return block_bytes(kinds_of(model, layout, setting), layout);
}

double vllm_request_blocks(const PlanModel& model, const PoolSetting& setting, double tokens) {
  return blocks_of(kinds_of(model, {}, setting), setting.rows, tokens);
}

double pool_request_bytes(const PlanModel& model, const PoolLayout& layout,
                          const PoolSetting& setting, double tokens) {
  const Kinds kinds = kinds_of(model, layout, setting);
  switch (kind_for(model, layout)) {
    case PoolKind::kVllm:
      return blocks_of(kinds, 1, tokens) * block_bytes(kinds, layout);
    case PoolKind::kSglang: {
      // A request holds a page of window slots at the least.
      const double slots = std::max(rounded_up(tokens, kPage), kPage / layout.window_share);
      return slots * slot_bytes(kinds, layout, setting) + request_state(kinds, layout, setting);
    }
    case PoolKind::kBytes:
      break;
  }
  return model.sequence_bytes(tokens);
}

double pool_token_bytes(const PlanModel& model, const PoolLayout& layout,
                        const PoolSetting& setting) {
  const Kinds kinds = kinds_of(model, layout, setting);
  switch (kind_for(model, layout)) {
    case PoolKind::kVllm:
      return block_bytes(kinds, layout) / kPage;
    case PoolKind::kSglang:
      return slot_bytes(kinds, layout, setting);
    case PoolKind::kBytes:
      break;
  }
  return model.kv_bytes_per_token();
}

double pool_step_bytes(const PlanModel& model, const PoolLayout& layout,
                       const PoolSetting& setting) {
  if (kind_for(model, layout) != PoolKind::kVllm) return 0;
  const Kinds kinds = kinds_of(model, layout, setting);
  const double blocks =
      blocks_of(kinds, setting.rows, setting.rows) - blocks_of(kinds, 1, setting.rows);
  return blocks * block_bytes(kinds, layout);
}

double pool_tokens(const PlanModel& model, const PoolLayout& layout, const PoolSetting& setting,
                   double bytes) {
  if (bytes <= 0) return 0;
  const Kinds kinds = kinds_of(model, layout, setting);
  if (kind_for(model, layout) == PoolKind::kVllm) {
    const double blocks = std::floor(bytes / block_bytes(kinds, layout));
    return blocks / blocks_of(kinds, setting.rows, setting.longest) * setting.longest;
  }
  return bytes / pool_token_bytes(model, layout, setting);
}

}  // namespace hadal
