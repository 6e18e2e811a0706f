// Agentic-coding traces in Weka's form, which AgentX replays: a line a play, {"id", "block_size",
// "hash_id_scope", "requests": [...]}. A request is {"t", "type": "s" or "n", "in", "out",
// "hash_ids", "api_time", "think_time", ...}, a helper {"t", "type": "subagent", "status",
// "requests": [...]}. Only full blocks are hashed; ids hold within a play, helpers included.
//
// What a request waits for follows from the record: for all of its agent's answers that had ended
// by then, and of helpers that it joins; where none had, it is sent as long after the agent's
// request before it as in the record, while that one runs. A helper whose status is "completed" is
// joined by the agent's next request, one "async_launched" by none, any other if it had ended.
#pragma once

#include "measure/workload/trace.h"
#include "measure/workload/trace_line_reader.h"

namespace hadal {

// Throws Error kInvalidFile naming line and field. What was left out, cut or unknown is in
// Trace::remarks.
Trace read_weka_trace(TraceLineReader& lines);

}  // namespace hadal
