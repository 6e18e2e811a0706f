// When the tokens of an answer came. Known to the event where the server tells its count as it
// streams; else the answer's tokens are shared out, to its events or evenly over its time. What the
// answer counts in all is the server's usage in each case.
#pragma once

#include <span>

#include "measure/metrics/amount_over_time.h"
#include "measure/records.h"

namespace hadal {

enum class TokenTiming {
  kNone,       // no token known of
  kCounted,    // by the server's count with each event
  kPerEvent,   // usage, shared out equally to the events
  kEvenly,     // usage, spread evenly from the first token to the last
  kEstimated,  // no usage: each event for `tokens_per_event` tokens
};

struct TokenTimes {
  const RequestRecord& request;
  std::span<const TokenStamp> events;
  // For answers whose usage never came because they were cut short: what an event of the others
  // carried on average.
  double tokens_per_event = 1;
};

struct TokenCount {
  TokenTiming timing = TokenTiming::kNone;
  double tokens = 0;
};

// Adds the output tokens of an answer to `out`, each at its time, and says how many there are in
// all, within `out` or not.
TokenCount add_output_tokens(const TokenTimes& answer, AmountOverTime& out);

}  // namespace hadal
