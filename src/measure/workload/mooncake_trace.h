// Mooncake's traces: a line a request, {"timestamp": ms, "input_length", "output_length",
// "hash_ids"}. Blocks have 512 tokens; the last is hashed even where it is not full, so a prompt
// has ceil(input_length / 512) of them. Ids hold for the whole file. Requests know no sessions:
// each becomes one, which begins at its timestamp.
#pragma once

#include "measure/workload/trace.h"
#include "measure/workload/trace_line_reader.h"

namespace hadal {

inline constexpr int64_t kMooncakeBlock = 512;

// Throws Error kInvalidFile naming line and field. Unknown fields are named in Trace::remarks.
Trace read_mooncake_trace(TraceLineReader& lines);

}  // namespace hadal
