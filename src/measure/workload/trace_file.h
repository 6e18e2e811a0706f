// hadal's own file for recorded and made-up loads, JSONL: a first line
//   {"schema": "hadal.trace/1", "name": ..., "block_tokens": 64, "block_scope": "session"|"trace"}
// and a line a session
//   {"id": ..., "starts": 1.5, "requests": [{"at", "took", "in", "out", "blocks": [[0, 10], 25],
//    "agent", "after", "after_sent", "delay"}]}
// as docs/measuring.md explains. And the way to any trace: by what its first line says.
#pragma once

#include <filesystem>
#include <functional>
#include <string_view>

#include "measure/workload/trace.h"
#include "measure/workload/trace_line_reader.h"

namespace hadal {

inline constexpr std::string_view kTraceSchema = "hadal.trace/1";

// Throws Error kInvalidFile naming line and field; unknown keys are refused with the nearest known
// one, and another version of the schema by name.
Trace read_hadal_trace(TraceLineReader& lines);

// Calls write(line) for each line, its end included. What is written reads back equal.
void write_hadal_trace(const Trace& trace, const std::function<void(std::string_view)>& write);

// A file of any of the three forms. Throws Error kInvalidFile for another.
Trace read_trace(const std::filesystem::path& path);
// The same of a text; `name` is what errors call it.
Trace read_trace_text(std::string_view text, const std::string& name);

}  // namespace hadal
