// The end of a step for one sequence: its rows become part of its cache, and where the scheduler
// asked for it, images of its state on the way.
#pragma once

#include "engine/scheduler.h"
#include "engine/sequence_memory.h"
#include "model/model.h"

namespace hadal {

// What needs nothing but the sequence's own blocks, so that threads may share the sequences of a
// step. Rows with images on the way are left to commit_rows, which must follow.
void commit_own_blocks(const Model& model, const StepPlan& plan, int index,
                       const ScheduledRows& rows, const Step& step, SequenceMemory& memory);

// `index` is the sequence's in `plan`, which was made with rows.droppable_rows().
void commit_rows(const Model& model, const StepPlan& plan, int index, const ScheduledRows& rows,
                 const Step& step, SequenceMemory& memory);

}  // namespace hadal
