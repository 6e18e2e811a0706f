#include "model/v4/mtp_drafting.h"

#include <algorithm>
#include <cstring>

#include "base/as_size.h"
#include "base/check.h"
#include "base/memory_cutter.h"
#include "ops/rows.h"

namespace hadal {
namespace {

// The window of the MTP block in a block of its own: data, then scales.
size_t window_scales_offset(const CacheLayout& layout) {
  return round_up(as_size(layout.window) * layout.entry.data_bytes(), kCacheLine);
}

size_t window_bytes(const CacheLayout& layout) {
  return round_up(
      window_scales_offset(layout) + as_size(layout.window) * layout.entry.scale_bytes(),
      kCacheLine);
}

// The streams of the last token, in the state of a sequence of the plan.
std::byte* last_streams(const CacheLayout& layout, const StepPlan& plan,
                        const SequenceStep& sequence, const CachePoolView& pool) {
  const size_t unit = as_size(sequence.first_state_unit + layout.streams_unit);
  return pool.block(plan.state_table[unit]) + layout.streams_offset;
}

}  // namespace

MtpDrafting::MtpDrafting(const ModelParts& model, ForwardPass& pass, OpContext& ops)
    : model_(model), pass_(pass), ops_(ops), window_layout_(model.layout) {
  LayerStatePart& window = window_layout_.state[as_size(model.config.layers)];
  window.ring_unit = 0;
  window.ring_data_offset = 0;
  window.ring_scale_offset = window_scales_offset(model.layout);
  window_layout_.block_bytes = window_bytes(model.layout);
}

StepSize MtpDrafting::size_for(int sequences) {
  return {.rows = sequences, .logit_rows = sequences, .tail_rows = sequences, .banks = sequences};
}

size_t MtpDrafting::bytes_for(const ModelConfig& config, const CacheLayout& layout,
                              const StepLimits& limits) {
  const size_t streams = as_size(config.hc_mult) * as_size(config.hidden_size) * sizeof(float);
  return as_size(limits.sequences) * (window_bytes(layout) + streams) +
         Step::bytes_for(config, layout, size_for(limits.sequences),
                         {.first = config.layers, .end = config.layers + 1});
}

void MtpDrafting::reserve(const StepLimits& limits) {
  const size_t sequences = as_size(limits.sequences);
  windows_.at_least(sequences * window_layout_.block_bytes);
  streams_.at_least(sequences * stream_floats());
  step_.place(model_.config, model_.layout, size_for(limits.sequences),
              {.first = model_.config.layers, .end = model_.config.layers + 1});
}

size_t MtpDrafting::memory_bytes() const {
  return windows_.size() + streams_.size() * sizeof(float) + step_.memory_bytes();
}

size_t MtpDrafting::stream_floats() const {
  return as_size(model_.config.hc_mult) * as_size(model_.config.hidden_size);
}

CachePoolView MtpDrafting::windows() {
  return {.base = windows_.data(), .block_bytes = window_layout_.block_bytes};
}

StepPlan MtpDrafting::lagging(const StepPlan& plan) {
  lag_positions_.resize(as_size(plan.rows));
  std::ranges::transform(plan.positions, lag_positions_.begin(),
                         [](int32_t position) { return std::max(0, position - 1); });
  lag_sequences_.assign(plan.sequences.begin(), plan.sequences.end());
  for (SequenceStep& sequence : lag_sequences_) {
    // The first token of all follows nothing: its row is computed and never seen.
    const int none = sequence.start == 0 ? 1 : 0;
    sequence.first_row += none;
    sequence.rows -= none;
    sequence.start = std::max(0, sequence.start - 1);
  }
  StepPlan lag = plan;
  lag.positions = lag_positions_;
  lag.sequences = lag_sequences_;
  return lag;
}

void MtpDrafting::feed(const StepPlan& plan, const CachePoolView& pool, Step& step) {
  // Each row reads the streams of the one before it, the first of a sequence those that it carries.
  float* const streams = pass_.drafter_streams();
  stream_rows_.resize(as_size(plan.rows));
  for (int row = 0; row < plan.rows; ++row) stream_rows_[as_size(row)] = row - 1;
  for (const SequenceStep& sequence : plan.sequences) {
    stream_rows_[as_size(sequence.first_row)] = -1;
    float* const first = streams + as_size(sequence.first_row) * stream_floats();
    const size_t bytes = stream_floats() * sizeof(float);
    if (sequence.drafter_rows == 0) {
      std::memset(first, 0, bytes);
    } else {
      std::memcpy(first, last_streams(model_.layout, plan, sequence, pool), bytes);
    }
  }
  ops::gather_rows(ops_, {.x = step.streams.data(),
                          .row_index = stream_rows_.data(),
                          .out = streams,
                          .rows = plan.rows,
                          .columns = stream_floats()});
  pass_.feed_mtp(lagging(plan), pool, step);
}

void MtpDrafting::commit(OpContext& ops, const CommitArgs& args) const {
  if (args.rows == 0) return;
  const SequenceStep& sequence = args.plan.sequences[as_size(args.sequence)];
  const int none = sequence.start == 0 ? 1 : 0;
  StepPlan lag = args.plan;
  lag.positions = lag_positions_;
  lag.sequences = lag_sequences_;
  const int layer = args.config.layers;
  commit_layers(ops,
                {.config = args.config,
                 .layout = args.layout,
                 .plan = lag,
                 .pool = args.pool,
                 .step = args.step,
                 .sequence = args.sequence,
                 .first_row = std::max(0, args.first_row - none),
                 .rows = args.rows - none},
                {.first = layer, .end = layer + 1});
  const size_t last = as_size(sequence.first_row + args.rows - 1);
  std::memcpy(last_streams(args.layout, args.plan, sequence, args.pool),
              args.step.streams.data() + last * stream_floats(), stream_floats() * sizeof(float));
}

void MtpDrafting::Rows::resize(size_t count) {
  tokens.resize(count);
  positions.resize(count);
  of_draft.resize(count);
  from.resize(count);
  sequences.resize(count);
  for (size_t i = places.size(); i < count; ++i) places.push_back(static_cast<int32_t>(i));
}

StepPlan MtpDrafting::plan_of(const Rows& rows) {
  const size_t count = rows.tokens.size();
  return {.rows = static_cast<int>(count),
          .tokens = rows.tokens,
          .positions = rows.positions,
          .row_sequence = std::span(rows.places).first(count),
          .sequences = rows.sequences,
          .state_table = rows.of_draft,
          .logit_rows = std::span(rows.places).first(count),
          .compressions = compressions_.of(count)};
}

void MtpDrafting::begin(const StepPlan& plan, const CachePoolView& pool, const Step& step,
                        std::span<const DraftStart> starts) {
  const size_t count = starts.size();
  windows_.at_least(count * window_layout_.block_bytes);
  rows_.resize(count);
  const LayerStatePart& window = model_.layout.state[as_size(model_.config.layers)];
  for (size_t i = 0; i < count; ++i) {
    const SequenceStep& sequence = plan.sequences[as_size(starts[i].sequence)];
    const size_t unit = as_size(sequence.first_state_unit + window.ring_unit);
    const std::byte* const ring = pool.block(plan.state_table[unit]);
    std::byte* const copy = windows().block(static_cast<int32_t>(i));
    const size_t data_bytes = as_size(model_.layout.window) * model_.layout.entry.data_bytes();
    const size_t scale_bytes = as_size(model_.layout.window) * model_.layout.entry.scale_bytes();
    std::memcpy(copy, ring + window.ring_data_offset, data_bytes);
    std::memcpy(copy + window_scales_offset(model_.layout), ring + window.ring_scale_offset,
                scale_bytes);
    const int position = sequence.start + starts[i].rows - 1;
    rows_.tokens[i] = starts[i].token;
    rows_.positions[i] = position;
    rows_.of_draft[i] = static_cast<int32_t>(i);
    rows_.from[i] = sequence.first_row + starts[i].rows - 1;
    rows_.sequences[i] = {.first_row = static_cast<int>(i),
                          .rows = 1,
                          .start = position,
                          .first_state_unit = static_cast<int>(i)};
  }
  ops::gather_rows(ops_, {.x = step.streams.data(),
                          .row_index = rows_.from.data(),
                          .out = streams_.at_least(count * stream_floats()),
                          .rows = static_cast<int>(count),
                          .columns = stream_floats()});
  run();
}

void MtpDrafting::go_on(std::span<const DraftStep> steps) {
  const StepPlan plan = plan_of(rows_);
  const int layer = model_.config.layers;
  next_.resize(steps.size());
  size_t row = 0;
  for (size_t i = 0; i < steps.size(); ++i) {
    // Those that go on keep their order.
    while (rows_.of_draft[row] != steps[i].draft) ++row;
    commit_layers(ops_,
                  {.config = model_.config,
                   .layout = window_layout_,
                   .plan = plan,
                   .pool = windows(),
                   .step = step_,
                   .sequence = static_cast<int>(row),
                   .rows = 1},
                  {.first = layer, .end = layer + 1});
    next_.tokens[i] = steps[i].token;
    next_.positions[i] = rows_.positions[row] + 1;
    next_.of_draft[i] = steps[i].draft;
    next_.from[i] = static_cast<int32_t>(row);
    next_.sequences[i] = {.first_row = static_cast<int>(i),
                          .rows = 1,
                          .start = next_.positions[i],
                          .first_state_unit = static_cast<int>(i)};
  }
  ops::gather_rows(ops_, {.x = step_.streams.data(),
                          .row_index = next_.from.data(),
                          .out = streams_.data(),
                          .rows = static_cast<int>(steps.size()),
                          .columns = stream_floats()});
  std::swap(rows_, next_);
  run();
}

void MtpDrafting::run() {
  const size_t count = rows_.tokens.size();
  pass_.forward_mtp(plan_of(rows_), {streams_.data(), count * stream_floats()}, windows(), step_,
                    window_layout_);
}

}  // namespace hadal
