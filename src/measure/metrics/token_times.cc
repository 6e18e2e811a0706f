#include "measure/metrics/token_times.h"

#include <algorithm>
#include <cmath>

#include "measure/metrics/told_usage.h"

namespace hadal {
namespace {

// What an answer can have in all: nobody is sent more than was asked for.
int64_t most_tokens(const RequestRecord& request) {
  return request.asked_output_tokens > 0 ? request.asked_output_tokens : kMostTokens;
}

// Whether the events carry a count throughout that never falls, at times that never fall, up to no
// more than the answer has.
bool counted(std::span<const TokenStamp> events, const RequestRecord& request) {
  int64_t tokens = 0;
  double seconds = -INFINITY;
  for (const TokenStamp& event : events) {
    if (event.tokens_so_far < tokens || !(event.seconds >= seconds)) return false;
    tokens = event.tokens_so_far;
    seconds = event.seconds;
  }
  const bool is_whole = request.outcome == RequestOutcome::kOk && request.output_tokens;
  return tokens > 0 && tokens <= (is_whole ? *request.output_tokens : most_tokens(request));
}

}  // namespace

TokenCount add_output_tokens(const TokenTimes& answer, AmountOverTime& out) {
  const RequestRecord& request = answer.request;
  const std::span<const TokenStamp> events = answer.events;
  const bool finished = request.outcome == RequestOutcome::kOk;
  if (counted(events, request)) {
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
  const bool is_told = request.output_tokens && *request.output_tokens >= 0 &&
                       (finished || !request.tokens_estimated);
  if (!is_told) {
    if (events.empty()) return {};
    const auto count = static_cast<double>(events.size());
    const double tokens =
        std::min(answer.tokens_per_event * count, static_cast<double>(most_tokens(request)));
    for (const TokenStamp& event : events) out.add_at(event.seconds, tokens / count);
    return {TokenTiming::kEstimated, tokens};
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
