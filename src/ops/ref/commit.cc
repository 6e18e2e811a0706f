#include "ops/commit.h"

#include <algorithm>
#include <cstring>

#include "base/as_size.h"
#include "base/check.h"

namespace hadal::ref {
namespace {

const SequenceStep& sequence_of(const CommitEntriesArgs& args) {
  return args.kv.plan->sequences[as_size(args.sequence)];
}

std::byte* block(const CommitEntriesArgs& args, int32_t id) {
  return args.pool + as_size(id) * args.kv.page_bytes;
}

std::byte* state_unit(const CommitEntriesArgs& args, int unit) {
  return block(args, args.kv.plan->state_table[as_size(sequence_of(args).first_state_unit + unit)]);
}

void commit_window(const CommitEntriesArgs& args) {
  const LayerKv& kv = args.kv;
  const SequenceStep& sequence = sequence_of(args);
  const size_t data_bytes = kv.format.data_bytes();
  const size_t scale_bytes = kv.format.scale_bytes();
  std::byte* const unit = state_unit(args, kv.ring_unit);
  for (int r = std::max(args.first_row, args.rows - kv.window); r < args.rows; ++r) {
    const size_t row = as_size(sequence.first_row + r);
    const size_t slot = as_size((sequence.start + r) % kv.window);
    std::memcpy(unit + kv.ring_data_offset + slot * data_bytes, kv.step_data + row * data_bytes,
                data_bytes);
    std::memcpy(unit + kv.ring_scale_offset + slot * scale_bytes,
                kv.step_scales + row * scale_bytes, scale_bytes);
  }
}

// Entries of the groups that the rows complete.
void commit_groups(const CommitEntriesArgs& args) {
  const LayerKv& kv = args.kv;
  const SequenceStep& sequence = sequence_of(args);
  const CompressionPlan& compression = kv.plan->compression(kv.ratio);
  const auto copy = [](std::byte* to, const std::byte* from, size_t slot, size_t source,
                       size_t bytes) {
    std::memcpy(to + slot * bytes, from + source * bytes, bytes);
  };
  const int end = compression.first_group[as_size(args.sequence) + 1];
  for (int g = compression.first_group[as_size(args.sequence)]; g < end; ++g) {
    const CompletedGroup& group = compression.groups[as_size(g)];
    if (group.last_row < sequence.first_row + args.first_row) continue;
    if (group.last_row >= sequence.first_row + args.rows) break;
    std::byte* const page = block(
        args, kv.plan->page_table[as_size(sequence.first_page + group.group / kv.page_entries)]);
    const size_t slot = as_size(group.group % kv.page_entries);
    const size_t source = as_size(g);
    copy(page + kv.page_data_offset, kv.group_data, slot, source, kv.format.data_bytes());
    copy(page + kv.page_scale_offset, kv.group_scales, slot, source, kv.format.scale_bytes());
    if (kv.group_keys == nullptr) continue;
    copy(page + kv.page_key_offset, kv.group_keys, slot, source, kv.key_format.data_bytes());
    copy(page + kv.page_key_scale_offset, kv.group_key_scales, slot, source,
         kv.key_format.scale_bytes());
  }
}

void commit_tail(const CommitEntriesArgs& args, float* state) {
  const SequenceStep& sequence = sequence_of(args);
  const int first_kept_row = sequence.rows - sequence.tail_rows();
  for (int r = std::max(args.first_row, args.rows - kCsaStateRows); r < args.rows; ++r) {
    const size_t slot = as_size((sequence.start + r) % kCsaStateRows);
    std::copy_n(
        args.tail + as_size(sequence.first_tail_row + r - first_kept_row) * args.tail_row_floats,
        args.tail_row_floats, state + slot * args.tail_row_floats);
  }
}

void commit_bank(const CommitEntriesArgs& args, float* state) {
  const SequenceStep& sequence = sequence_of(args);
  const int bank = args.rows - (sequence.rows - sequence.droppable_rows);
  std::copy_n(args.banks + as_size(sequence.first_bank + bank) * args.bank_floats, args.bank_floats,
              state);
}

}  // namespace

void commit_entries(OpContext&, const CommitEntriesArgs& args) {
  const SequenceStep& sequence = sequence_of(args);
  HADAL_CHECK(args.first_row <= args.rows && args.rows <= sequence.rows);
  HADAL_CHECK(args.rows >= sequence.rows - sequence.droppable_rows);
  commit_window(args);
  if (args.kv.ratio == 0) return;
  commit_groups(args);
  auto* const state =
      reinterpret_cast<float*>(state_unit(args, args.state_unit) + args.state_offset);
  if (args.tail != nullptr) commit_tail(args, state);
  if (args.banks != nullptr) commit_bank(args, state);
}

}  // namespace hadal::ref
