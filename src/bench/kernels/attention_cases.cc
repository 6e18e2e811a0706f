#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <memory>

#include "base/as_size.h"
#include "base/check.h"
#include "bench/kernels/case_inputs.h"
#include "bench/kernels/kernel_case.h"
#include "bench/kernels/synthetic_prefix.h"
#include "cache/block_pool.h"
#include "checkpoint/v4/memory_needs.h"
#include "model/v4/v4_model.h"
#include "ops/attention.h"
#include "ops/indexer.h"

namespace hadal {
namespace {

// One layer's cache of a sequence of `context` tokens, and the step of its last `rows`.
class CachedSequence {
 public:
  CachedSequence(const ModelConfig& model, LayerKind kind, int context, int rows)
      : config_(one_layer(model, kind)),
        layout_(make_cache_layout(config_)),
        pool_(layout_.block_bytes, blocks_for_sequence(layout_, context)) {
    HADAL_CHECK(reserve_sequence(pool_, layout_, context, cache_));
    fill_synthetic_prefix(config_, layout_, pool_.view(), context, 1, cache_);
    // The rows of the step are found in the pages as well: they are the last of those tokens.
    cache_.length = context - rows;
    const std::vector<int32_t> tokens(as_size(rows), 0);
    const BatchEntry entry{.cache = &cache_, .tokens = tokens};
    plan_ = make_step_plan({&entry, 1}, layout_);
    const int groups =
        std::max<int>(1, static_cast<int>(plan().compression(kCsaRatio).groups.size()));
    new_entries_.at_least(as_size(std::max(rows, groups)) *
                          (layout_.entry.data_bytes() + layout_.entry.scale_bytes()));
    std::fill_n(new_entries_.data(), new_entries_.size(), std::byte{0x38});
  }

  LayerKv view() const {
    const LayerPagePart& page = layout_.pages.front();
    const LayerStatePart& state = layout_.state.front();
    LayerKv kv;
    kv.format = layout_.entry;
    kv.key_format = layout_.index_key;
    kv.plan = &plan_.plan();
    kv.pool = pool_.view().base;
    kv.page_bytes = layout_.block_bytes;
    kv.window = layout_.window;
    kv.ring_unit = state.ring_unit;
    kv.ring_data_offset = state.ring_data_offset;
    kv.ring_scale_offset = state.ring_scale_offset;
    kv.ratio = compress_ratio(config_.layer_kinds.front());
    kv.page_entries = page.entries;
    kv.page_data_offset = page.data_offset;
    kv.page_scale_offset = page.scale_offset;
    kv.page_key_offset = page.key_offset;
    kv.page_key_scale_offset = page.key_scale_offset;
    kv.step_data = kv.step_scales = new_entries_.data();
    kv.group_data = kv.group_scales = kv.group_keys = kv.group_key_scales = new_entries_.data();
    return kv;
  }
  const StepPlan& plan() const { return plan_.plan(); }

 private:
  static ModelConfig one_layer(ModelConfig config, LayerKind kind) {
    config.layers = 1;
    config.layer_kinds = {kind};
    return config;
  }

  ModelConfig config_;
  CacheLayout layout_;
  BlockPool pool_;
  SequenceCache cache_;
  StepPlanner plan_;
  AlignedBuffer<std::byte> new_entries_;  // of the step's own rows and groups
};

struct AttentionBuffers {
  std::unique_ptr<CachedSequence> sequence;
  AlignedBuffer<float> q;
  AlignedBuffer<float> sink;
  AlignedBuffer<float> out;
  AlignedBuffer<float> weights;
  std::vector<int32_t> chosen;
};

struct AttentionShape {
  LayerKind kind = LayerKind::kCsa;
  int context = 0;
  int rows = 1;
};

// Evenly spread over the entries, as far as there are enough.
std::vector<int32_t> spread_choice(int entries, int topk, int rows) {
  std::vector<int32_t> chosen;
  for (int row = 0; row < rows; ++row) {
    for (int i = 0; i < topk; ++i) {
      const auto place = static_cast<int64_t>(i) * entries / topk;
      chosen.push_back(entries >= topk ? static_cast<int32_t>(place) : i < entries ? i : -1);
    }
  }
  return chosen;
}

std::string context_name(int tokens) {
  return tokens >= 1024 ? fmt::format("{}K", tokens / 1024) : std::to_string(tokens);
}

KernelCase attend_case(const CaseModel& model, const AttentionShape& shape) {
  const ModelConfig& c = model.config;
  const bool csa = shape.kind == LayerKind::kCsa;
  const int entries = shape.context / compress_ratio(shape.kind);
  const int seen =
      std::min(shape.context, c.window) + (csa ? std::min(entries, c.index_topk) : entries);
  auto buffers = std::make_shared<AttentionBuffers>();
  return {.group = "attention",
          .name = fmt::format("{} {} at {}, {} entries, {}", model.name, csa ? "CSA" : "HCA",
                              context_name(shape.context), seen,
                              shape.rows == 1 ? "1 row" : fmt::format("{} rows", shape.rows)),
          .bytes = static_cast<double>(seen) * static_cast<double>(kv_entry_bytes(c)),
          .macs = 2.0 * c.heads * c.head_dim * seen * shape.rows,
          .cached = true,
          .run = [=](OpContext& context) {
            if (!buffers->sequence) {
              buffers->sequence = std::make_unique<CachedSequence>(model.config, shape.kind,
                                                                   shape.context, shape.rows);
              const size_t values = as_size(shape.rows * c.heads) * as_size(c.head_dim);
              fill_floats(buffers->q, values);
              fill_floats(buffers->sink, as_size(c.heads));
              buffers->out.at_least(values);
              // Entries of groups that the step completes are left out of the choice.
              const int committed = (shape.context - shape.rows) / compress_ratio(shape.kind);
              if (csa) buffers->chosen = spread_choice(committed, c.index_topk, shape.rows);
            }
            ops::attend(context, {.q = buffers->q.data(),
                                  .sink = buffers->sink.data(),
                                  .kv = buffers->sequence->view(),
                                  .chosen = csa ? buffers->chosen.data() : nullptr,
                                  .topk = c.index_topk,
                                  .out = buffers->out.data(),
                                  .heads = c.heads,
                                  .scale = 1.0F / std::sqrt(static_cast<float>(c.head_dim))});
          }};
}

KernelCase indexer_case(const CaseModel& model, int entries, int rows) {
  const ModelConfig& c = model.config;
  const int context_tokens = entries * kCsaRatio;
  auto buffers = std::make_shared<AttentionBuffers>();
  return {
      .group = "indexer",
      .name = fmt::format("{} {} entries, {}", model.name, context_name(entries),
                          rows == 1 ? "1 row" : fmt::format("{} rows", rows)),
      .bytes = static_cast<double>(entries) * static_cast<double>(index_key_bytes(c)),
      .macs = static_cast<double>(c.index_heads) * c.index_head_dim * entries * rows,
      .arithmetic = Arithmetic::kFp4Int8,
      .cached = true,
      .run = [=](OpContext& context) {
        if (!buffers->sequence) {
          buffers->sequence =
              std::make_unique<CachedSequence>(model.config, LayerKind::kCsa, context_tokens, rows);
          const int query_rows = rows * c.index_heads;
          float* q = fill_floats(buffers->q, as_size(query_rows) * as_size(c.index_head_dim));
          ops::hadamard(
              context, {.x = q, .rows = query_rows, .dim = c.index_head_dim, .round_to_fp4 = true});
          fill_floats(buffers->weights, as_size(query_rows));
          buffers->chosen.resize(as_size(rows * c.index_topk));
        }
        ops::choose_entries(context, {.q = buffers->q.data(),
                                      .weights = buffers->weights.data(),
                                      .kv = buffers->sequence->view(),
                                      .chosen = buffers->chosen.data(),
                                      .heads = c.index_heads,
                                      .topk = c.index_topk});
      }};
}

}  // namespace

std::vector<KernelCase> attention_cases(const CaseOptions& options) {
  constexpr int kKilo = 1024;
  std::vector<AttentionShape> shapes = {{LayerKind::kCsa, 4 * kKilo, 1},
                                        {LayerKind::kHca, 4 * kKilo, 1},
                                        {LayerKind::kHca, 512 * kKilo, 1}};
  std::vector<int> entries = {kKilo, 128 * kKilo};
  if (!options.quick) {
    shapes.push_back({LayerKind::kHca, 128 * kKilo, 1});
    shapes.push_back({LayerKind::kCsa, 4 * kKilo, 32});
    shapes.push_back({LayerKind::kHca, 4 * kKilo, 32});
    entries = {kKilo, 8 * kKilo, 32 * kKilo, 128 * kKilo};
  }
  std::vector<KernelCase> cases;
  for (const CaseModel& model : options.models) {
    for (const AttentionShape& shape : shapes) cases.push_back(attend_case(model, shape));
    for (const int count : entries) {
      // Up to index_topk entries everything is chosen and nothing scored.
      if (count > model.config.index_topk) cases.push_back(indexer_case(model, count, 1));
    }
    if (!options.quick) cases.push_back(indexer_case(model, 8 * kKilo, 8));
  }
  return cases;
}

}  // namespace hadal
