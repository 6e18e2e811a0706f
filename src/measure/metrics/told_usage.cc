#include "measure/metrics/told_usage.h"

namespace hadal {

void drop_impossible_usage(RequestRecord& request, bool has_text, UsageFaults& faults) {
  const auto drop = [](std::optional<int64_t>& tokens, int64_t& count) {
    tokens.reset();
    ++count;
  };
  bool out_of_range = false;
  const auto check_range = [&](std::optional<int64_t>& tokens, int64_t least) {
    if (!tokens || (*tokens >= least && *tokens <= kMostTokens)) return;
    tokens.reset();
    out_of_range = true;
  };
  check_range(request.input_tokens, 1);
  check_range(request.cached_tokens, 0);
  check_range(request.output_tokens, 0);
  check_range(request.reasoning_tokens, 0);
  faults.out_of_range += out_of_range ? 1 : 0;

  if (request.input_tokens && request.cached_tokens.value_or(0) > *request.input_tokens) {
    drop(request.cached_tokens, faults.cached_beyond_input);
  }
  if (request.tokens_estimated || !request.output_tokens) return;
  if (request.reasoning_tokens.value_or(0) > *request.output_tokens) {
    drop(request.reasoning_tokens, faults.reasoning_beyond_output);
  }
  if (request.asked_output_tokens > 0 && *request.output_tokens > request.asked_output_tokens) {
    drop(request.output_tokens, faults.output_beyond_asked);
  } else if (*request.output_tokens == 0 && has_text) {
    drop(request.output_tokens, faults.no_output_of_a_text);
  }
}

}  // namespace hadal
