// A recorded load in one form, whatever recorded it: sessions of requests with their lengths, the
// blocks that their prompts begin with, what each waited for and how long. The other formats are
// read into it (weka_trace.h, mooncake_trace.h), hadal's own file holds it (trace_file.h), and
// trace_replay.h plays it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace hadal {

// Ids of blocks are from 0 to below this.
inline constexpr int64_t kBlockIds = int64_t{1} << 62;

// Blocks with the ids first, first + 1, ...: prompts are long and their ids mostly in a row.
struct BlockRun {
  int64_t first = 0;
  int64_t count = 0;
  bool operator==(const BlockRun&) const = default;
};

// Appends one block, to the last run where it goes on there.
void append_block(std::vector<BlockRun>& runs, int64_t id);
int64_t count_blocks(const std::vector<BlockRun>& runs);

struct TraceRequest {
  double at = 0;    // recorded: seconds after its session began
  double took = 0;  // recorded: seconds until its answer had ended; 0: not known
  int64_t input_tokens = 0;
  int64_t output_tokens = 0;
  // Of the prompt's beginning. Equal ids stand for equal tokens. What they do not cover is of this
  // request alone; the last may reach beyond the prompt, which then ends within it.
  std::vector<BlockRun> blocks = {};
  int agent = 0;  // 0: the session's own; others: helpers
  // Places in the session of requests before this one, and how long after the last of these events
  // it is sent; where there are none, how long after the session began.
  std::vector<int> after_end = {};
  std::vector<int> after_sent = {};
  double delay = 0;  // seconds
  bool operator==(const TraceRequest&) const = default;
};

struct TraceSession {
  std::string id = {};
  std::optional<double> starts = {};        // recorded: seconds after the trace began
  std::vector<TraceRequest> requests = {};  // by `at`
  bool operator==(const TraceSession&) const = default;
};

struct Trace {
  std::string name = {};
  std::string format = {};    // that it was read from: "weka", "mooncake", "hadal.trace/1"
  int64_t block_tokens = 64;  // of a full block
  // Whether equal ids of different sessions are the same block; else ids count within a session.
  bool blocks_are_global = false;
  std::vector<TraceSession> sessions = {};
  // What the reader met and did not take as it stood, in words.
  std::vector<std::string> remarks = {};
};

struct TraceTotals {
  int64_t sessions = 0;
  int64_t requests = 0;
  int64_t agents = 0;  // helpers
  int64_t input_tokens = 0;
  int64_t output_tokens = 0;
  int64_t blocks = 0;
  int64_t prefix_hits = 0;  // blocks that an endless prefix cache would have had
};

TraceTotals trace_totals(const Trace& trace);

}  // namespace hadal
