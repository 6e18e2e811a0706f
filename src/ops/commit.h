// Making a step's rows part of a sequence, for one layer: their keys go into the window ring,
// completed groups into pages, what the compressors carry on into the state slot. The only
// operation that writes the cache.
#pragma once

#include <cstddef>

#include "ops/context.h"
#include "ops/kv_cache.h"
#include "ops/step_plan.h"

namespace hadal {

struct CommitEntriesArgs {
  LayerKv kv;                 // the entries of the step, and where they belong
  std::byte* pool = nullptr;  // the memory of kv.pool
  int sequence = 0;           // index into the plan's sequences
  int first_row = 0;          // rows of it that were committed before, in this step
  int rows = 0;               // how many of its first rows stay, with those

  // The compressor's state, at `state_offset` of unit `state_unit` of the slot. At most one of:
  int state_unit = 0;
  size_t state_offset = 0;
  const float* tail = nullptr;  // CSA: [plan tail_rows, tail_row_floats]
  size_t tail_row_floats = 0;
  const float* banks = nullptr;  // HCA: [plan banks, bank_floats]
  size_t bank_floats = 0;
};

namespace ref {
void commit_entries(OpContext& context, const CommitEntriesArgs& args);
}

namespace ops {
void commit_entries(OpContext& context, const CommitEntriesArgs& args);
}

}  // namespace hadal
