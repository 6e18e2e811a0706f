// Who computes steps: the engine decides what to compute, an executor where. It has the model, the
// buffers of a step and the memory that block ids refer to; nothing above it knows whether that is
// this process, another one or a device (local_executor.h is this process).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/function_ref.h"
#include "cache/cache_geometry.h"
#include "engine/step_message.h"
#include "model/model.h"

namespace hadal {

class Executor {
 public:
  virtual ~Executor() = default;

  virtual const CacheGeometry& geometry() const = 0;
  virtual int vocab_size() const = 0;

  // Computes the rows of all sequences. Advances nothing. The result lasts until the next step.
  // What it throws concerns all sequences of the step.
  virtual const StepResult& run(const StepMessage& message) = 0;
  // Makes rows of the step run last part of their sequences' blocks; at most one message for each
  // sequence in a call, and `rows` never less than in an earlier one.
  virtual void commit(std::span<const CommitMessage> messages) = 0;

  // The model's drafter as steps feed it and draft() asks it; none where it is not used.
  virtual ModelDrafter drafter() const = 0;
  // Between commit and the next step, where there is a drafter. Changes no cache. The result lasts
  // until the next message.
  virtual const DraftResult& draft(const DraftMessage& message) = 0;

  // Bytes of the buffers of a step, all of which were taken at the start.
  virtual size_t step_buffer_bytes() const = 0;

  // The threads of this host that idle between steps: calls body(item, thread) for every item, with
  // `thread` in [0, host_threads()).
  virtual int host_threads() const = 0;
  virtual void for_each(int items, FunctionRef<void(int item, int thread)> body) = 0;
};

}  // namespace hadal
