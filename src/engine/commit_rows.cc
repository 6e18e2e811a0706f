#include "engine/commit_rows.h"

namespace hadal {

void commit_own_blocks(const Model& model, const StepPlan& plan, int index,
                       const ScheduledRows& rows, const Step& step, SequenceMemory& memory) {
  if (!rows.image_rows.empty()) return;
  model.commit(plan, index, rows.rows, memory.pool().view(), step, rows.sequence->cache);
}

void commit_rows(const Model& model, const StepPlan& plan, int index, const ScheduledRows& rows,
                 const Step& step, SequenceMemory& memory) {
  Sequence& sequence = *rows.sequence;
  const int end = plan.sequences[static_cast<size_t>(index)].start + rows.rows;
  const CachePoolView pool = memory.pool().view();
  for (const int image_rows : rows.image_rows) {
    model.commit(plan, index, image_rows, pool, step, sequence.cache);
    memory.take_image(sequence);
  }
  if (sequence.cache.length < end) {
    model.commit(plan, index, rows.rows, pool, step, sequence.cache);
  }
  memory.committed(sequence);
}

}  // namespace hadal
