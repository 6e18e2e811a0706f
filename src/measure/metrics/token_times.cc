#include "measure/metrics/token_times.h"

#include <algorithm>
#include <cmath>

namespace hadal {
namespace {

// Whether the events carry a count throughout that never falls, at times that never fall.
bool counted(std::span<const TokenStamp> events) {
  int64_t tokens = 0;
  double seconds = -INFINITY;
  for (const TokenStamp& event : events) {
    if (event.tokens_so_far < tokens || !(event.seconds >= seconds)) return false;
    tokens = event.tokens_so_far;
    seconds = event.seconds;
  }
  return tokens > 0;
}

}  // namespace

TokenCount add_output_tokens(const TokenTimes& answer, AmountOverTime& out) {
  const RequestRecord& request = answer.request;
  const std::span<const TokenStamp> events = answer.events;
  const bool finished = request.outcome == RequestOutcome::kOk;
  if (counted(events)) {
    int64_t before = 0;
    for (const TokenStamp& event : events) {
      out.add_at(event.seconds, static_cast<double>(event.tokens_so_far - before));
      before = event.tokens_so_far;
    }
    // What the usage at the end has beyond the last event's count came with no event of its own.
    const int64_t rest = finished ? request.output_tokens.value_or(before) - before : 0;
    if (rest > 0) out.add_at(events.back().seconds, static_cast<double>(rest));
    return {TokenTiming::kCounted, static_cast<double>(before + std::max<int64_t>(rest, 0))};
  }
  if (!request.output_tokens || *request.output_tokens < 0) {
    if (events.empty()) return {};
    for (const TokenStamp& event : events) out.add_at(event.seconds, answer.tokens_per_event);
    return {TokenTiming::kEstimated, answer.tokens_per_event * static_cast<double>(events.size())};
  }
  const auto tokens = static_cast<double>(*request.output_tokens);
  if (!events.empty()) {
    const double each = tokens / static_cast<double>(events.size());
    for (const TokenStamp& event : events) out.add_at(event.seconds, each);
    return {TokenTiming::kPerEvent, tokens};
  }
  if (tokens == 0) return {};
  // An answer that was not streamed was made at some time between its question and its end.
  const double first = request.first_token.value_or(request.sent);
  const double last = request.last_token.value_or(request.ended);
  if (request.first_token && tokens > 1) {
    out.add_at(first, 1);
    out.add_evenly(first, last, tokens - 1);
  } else {
    out.add_evenly(first, last, tokens);
  }
  return {TokenTiming::kEvenly, tokens};
}

}  // namespace hadal
