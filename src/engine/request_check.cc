#include "engine/request_check.h"

#include <algorithm>

#include "base/error.h"

namespace hadal {

int check_request(const GenerateRequest& request, const RequestLimits& limits) {
  const int vocab = limits.vocab;
  check_sampling_options(request.sampling, vocab);
  if (request.max_tokens < 0) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "max_tokens",
                 .what = "is " + std::to_string(request.max_tokens),
                 .remedy = "give a number of at least 1"});
  }
  if (request.prompt.empty()) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "prompt",
                 .what = "has no tokens",
                 .remedy = "give at least one"});
  }
  for (size_t i = 0; i < request.prompt.size(); ++i) {
    if (request.prompt[i] >= 0 && request.prompt[i] < vocab) continue;
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "prompt",
                 .what = "token " + std::to_string(i) + " is " + std::to_string(request.prompt[i]) +
                         ", outside the vocabulary of " + std::to_string(vocab),
                 .remedy = "use the tokenizer that belongs to the model"});
  }
  const size_t least_tokens = request.prompt.size() + (request.prompt_only ? 0 : 1);
  if (least_tokens > static_cast<size_t>(limits.context)) {
    throw Error({.code = ErrorCode::kResourceExhausted,
                 .where = "prompt",
                 .what = "has " + std::to_string(request.prompt.size()) +
                         " tokens, and the context holds " + std::to_string(limits.context) +
                         " with the answer (" + limits.holds() + ")",
                 .remedy = "shorten the prompt"});
  }
  const int room = limits.context - static_cast<int>(request.prompt.size());
  const int most_tokens = request.prompt_only       ? 0
                          : request.max_tokens == 0 ? room
                                                    : std::min(room, request.max_tokens);
  if (request.min_tokens < 0 || request.min_tokens > most_tokens) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "min_tokens",
                 .what = "is " + std::to_string(request.min_tokens),
                 .remedy = "give a number from 0 to the " + std::to_string(most_tokens) +
                           " tokens that the answer can have"});
  }
  if (request.prompt_logprobs &&
      (*request.prompt_logprobs < 0 || *request.prompt_logprobs > kMostTopLogprobs)) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "prompt_logprobs",
                 .what = "is " + std::to_string(*request.prompt_logprobs),
                 .remedy = "give a number from 0 to " + std::to_string(kMostTopLogprobs)});
  }
  if (request.suffix_begin < 0 ||
      static_cast<size_t>(request.suffix_begin) > request.prompt.size()) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "suffix_begin",
                 .what = "is " + std::to_string(request.suffix_begin) + ", outside the prompt",
                 .remedy = "give the place of a token, or 0"});
  }
  return most_tokens;
}

}  // namespace hadal
