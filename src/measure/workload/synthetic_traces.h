// Made-up traces, so that everything that replays recorded ones runs with no download: agents at
// work as AgentX has them, and single requests with timestamps as Mooncake has them. Their figures
// are round and nobody's measurement.
#pragma once

#include <cstdint>

#include "measure/workload/conversations.h"
#include "measure/workload/trace.h"

namespace hadal {

struct AgentTraceOptions {
  uint64_t seed = 0;
  int plays = 16;
  TokenRange turns = {.low = 6, .high = 24};
  int64_t system_tokens = 8192;  // the same in all turns; helpers share the first half of it
  TokenRange added_tokens = {.low = 128, .high = 4096};  // a turn, beside the answer before it
  TokenRange answer_tokens = {.low = 16, .high = 1024};
  SecondsRange think = {.low = 0.2, .high = 8};
  double helper_share = 0.2;   // of turns that begin a helper
  double joined_share = 0.75;  // of helpers that the next turn waits for
  TokenRange helper_turns = {.low = 1, .high = 5};
  double long_pause_share = 0.02;  // of turns that come after a pause of 600 s
  // As if recorded from a server with these.
  double seconds_to_first_token = 1;
  double seconds_per_token = 0.02;
};

// 64-token blocks, ids of a session's own. Throws Error kInvalidArgument for ranges that are none.
Trace make_agent_trace(const AgentTraceOptions& options);

struct RequestTraceOptions {
  uint64_t seed = 0;
  int requests = 256;
  double rate = 2;  // per second, Poisson
  TokenRange input_tokens = {.low = 512, .high = 16384};
  TokenRange output_tokens = {.low = 8, .high = 512};
  int prefixes = 8;  // that requests begin with, each as likely
  int64_t prefix_tokens = 2048;
};

// 512-token blocks with ids of the whole trace, the last of each prompt hashed though not full.
// Throws as above.
Trace make_request_trace(const RequestTraceOptions& options);

}  // namespace hadal
