#include "model/v4/dspark_drafting.h"

#include <algorithm>

#include "base/as_size.h"
#include "base/check.h"
#include "base/memory_cutter.h"
#include "numeric/elementary.h"
#include "ops/embedding.h"
#include "ops/linear.h"
#include "ops/rows.h"

namespace hadal {
namespace {

LayerRange stages_of(const ModelConfig& config) {
  return {.first = config.layers, .end = config.layers + config.usable_stages()};
}

}  // namespace

DsparkDrafting::DsparkDrafting(const ModelParts& model, ForwardPass& pass, OpContext& ops)
    : model_(model), pass_(pass), ops_(ops) {}

DsparkDrafting::Buffers DsparkDrafting::cut(MemoryCutter& cutter, const ModelConfig& config,
                                            int sequences) {
  const size_t count = as_size(sequences);
  const size_t hidden = as_size(config.hidden_size);
  const size_t rank = as_size(config.dspark.markov_rank);
  const size_t vocab = as_size(config.vocab_size);
  return {.y = cutter.take<float>(count * as_size(config.dspark.block_size) * hidden),
          .embedding = cutter.take<float>(count * rank),
          .logits = cutter.take<float>(count * vocab),
          .base = cutter.take<float>(count * vocab),
          .joined = cutter.take<float>(count * (hidden + rank)),
          .confidence = cutter.take<float>(count)};
}

void DsparkDrafting::place(int sequences) {
  MemoryCutter measure(nullptr);
  cut(measure, model_.config, sequences);
  MemoryCutter cutter(memory_.at_least(measure.used()));
  buffers_ = cut(cutter, model_.config, sequences);
}

StepSize DsparkDrafting::size_for(const ModelConfig& config, int sequences) {
  const int rows = sequences * config.dspark.block_size;
  return {.rows = rows, .logit_rows = rows, .tail_rows = rows, .banks = rows};
}

size_t DsparkDrafting::bytes_for(const ModelConfig& config, const CacheLayout& layout,
                                 const StepLimits& limits) {
  MemoryCutter measure(nullptr);
  cut(measure, config, limits.sequences);
  return measure.used() +
         Step::bytes_for(config, layout, size_for(config, limits.sequences), stages_of(config));
}

void DsparkDrafting::reserve(const StepLimits& limits) {
  place(limits.sequences);
  step_.place(model_.config, model_.layout, size_for(model_.config, limits.sequences),
              stages_of(model_.config));
}

size_t DsparkDrafting::memory_bytes() const { return memory_.size() + step_.memory_bytes(); }

void DsparkDrafting::feed(const StepPlan& plan, const CachePoolView& pool, Step& step) {
  pass_.feed_dspark(plan, pool, step);
}

void DsparkDrafting::commit(OpContext& ops, const CommitArgs& args) const {
  commit_layers(ops, args, stages_of(args.config));
}

StepPlan DsparkDrafting::blocks(const StepPlan& plan, std::span<const DraftStart> starts) {
  const size_t block = as_size(model_.config.dspark.block_size);
  const size_t rows = starts.size() * block;
  block_tokens_.assign(rows, model_.config.dspark.noise_token);
  block_positions_.resize(rows);
  block_row_sequence_.resize(rows);
  block_rows_.resize(rows);
  block_sequences_.resize(starts.size());
  for (size_t i = 0; i < starts.size(); ++i) {
    const SequenceStep& sequence = plan.sequences[as_size(starts[i].sequence)];
    const int anchor = sequence.start + starts[i].rows;
    block_tokens_[i * block] = starts[i].token;
    for (size_t j = 0; j < block; ++j) {
      block_positions_[i * block + j] = anchor + static_cast<int>(j);
      block_row_sequence_[i * block + j] = static_cast<int32_t>(i);
      block_rows_[i * block + j] = static_cast<int32_t>(i * block + j);
    }
    block_sequences_[i] = {.first_row = static_cast<int>(i * block),
                           .rows = static_cast<int>(block),
                           .start = anchor,
                           .first_state_unit = sequence.first_state_unit};
  }
  return {.rows = static_cast<int>(rows),
          .tokens = block_tokens_,
          .positions = block_positions_,
          .row_sequence = block_row_sequence_,
          .sequences = block_sequences_,
          .state_table = plan.state_table,
          .logit_rows = block_rows_,
          .is_block = true,
          .compressions = compressions_.of(starts.size())};
}

void DsparkDrafting::begin(const StepPlan& plan, const CachePoolView& pool, const Step&,
                           std::span<const DraftStart> starts) {
  place(static_cast<int>(starts.size()));
  pass_.forward_dspark(blocks(plan, starts), pool, step_, buffers_.y);
  of_draft_.clear();
  tokens_.clear();
  for (size_t i = 0; i < starts.size(); ++i) {
    of_draft_.push_back(static_cast<int32_t>(i));
    tokens_.push_back(starts[i].token);
  }
  depth_ = 0;
  choose_from();
}

void DsparkDrafting::go_on(std::span<const DraftStep> steps) {
  of_draft_.clear();
  tokens_.clear();
  for (const DraftStep& step : steps) {
    of_draft_.push_back(step.draft);
    tokens_.push_back(step.token);
  }
  ++depth_;
  HADAL_CHECK(depth_ < model_.config.dspark.block_size);
  choose_from();
}

void DsparkDrafting::choose_from() {
  const DsparkWeights& dspark = *model_.weights.dspark;
  const ModelConfig& config = model_.config;
  const int rows = static_cast<int>(tokens_.size());
  const size_t vocab = as_size(config.vocab_size);
  const size_t hidden = as_size(config.hidden_size);
  const size_t rank = as_size(config.dspark.markov_rank);
  from_.resize(tokens_.size());
  std::ranges::transform(of_draft_, from_.begin(),
                         [&](int32_t draft) { return draft * config.dspark.block_size + depth_; });
  ops::embed(ops_, {.tokens = tokens_.data(),
                    .table = dspark.markov_w1,
                    .out = buffers_.embedding,
                    .rows = rows});
  ops::linear(ops_, {.x = buffers_.embedding,
                     .weight = dspark.markov_w2,
                     .out = buffers_.logits,
                     .rows = rows,
                     .x_stride = rank,
                     .out_stride = vocab});
  ops::gather_rows(ops_, {.x = step_.logits.data(),
                          .row_index = from_.data(),
                          .out = buffers_.base,
                          .rows = rows,
                          .columns = vocab});
  ops::add(
      ops_,
      {.x = buffers_.base, .out = buffers_.logits, .rows = rows, .columns = config.vocab_size});
  for (int row = 0; row < rows; ++row) {
    float* const joined = buffers_.joined + as_size(row) * (hidden + rank);
    std::copy_n(buffers_.y + as_size(from_[as_size(row)]) * hidden, hidden, joined);
    std::copy_n(buffers_.embedding + as_size(row) * rank, rank, joined + hidden);
  }
  ops::linear(ops_, {.x = buffers_.joined,
                     .weight = dspark.confidence,
                     .out = buffers_.confidence,
                     .rows = rows,
                     .x_stride = hidden + rank,
                     .out_stride = 1});
  for (int row = 0; row < rows; ++row) {
    float& value = buffers_.confidence[row];
    value = 1.0F / (1.0F + elementary::exp(-value));
  }
  logits_ = {buffers_.logits, as_size(rows) * vocab};
  confidence_ = {buffers_.confidence, as_size(rows)};
}

}  // namespace hadal
