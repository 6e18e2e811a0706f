#include "measure/workload/trace.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "measure/workload/endless_cache.h"

namespace hadal {

void append_block(std::vector<BlockRun>& runs, int64_t id) {
  HADAL_CHECK(id >= 0 && id < kBlockIds);
  if (!runs.empty() && id == runs.back().first + runs.back().count) {
    ++runs.back().count;
  } else {
    runs.push_back({.first = id, .count = 1});
  }
}

int64_t count_blocks(const std::vector<BlockRun>& runs) {
  int64_t count = 0;
  for (const BlockRun& run : runs) count += run.count;
  return count;
}

TraceTotals trace_totals(const Trace& trace) {
  TraceTotals totals{.sessions = static_cast<int64_t>(trace.sessions.size())};
  EndlessCache cache;
  for (const TraceSession& session : trace.sessions) {
    if (!trace.blocks_are_global) cache = EndlessCache();
    int last_agent = 0;
    for (const TraceRequest& request : session.requests) {
      ++totals.requests;
      totals.input_tokens += request.input_tokens;
      totals.output_tokens += request.output_tokens;
      totals.blocks += count_blocks(request.blocks);
      totals.prefix_hits += cache.insert(request.blocks);
      last_agent = std::max(last_agent, request.agent);
    }
    totals.agents += last_agent;
  }
  return totals;
}

}  // namespace hadal
