// Log-probabilities in the form of OpenAI's text completions: lists of tokens, of what each scored,
// of the likeliest in its place, and of where its text begins.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "engine/logit_probabilities.h"
#include "text/detokenizer.h"
#include "text/tokenizer.h"

namespace hadal {

class CompletionLogprobs {
 public:
  // `shows_special`: control tokens are part of the answer's text. `as_ids`: tokens are named
  // "token_id:ID".
  CompletionLogprobs(const Tokenizer& tokenizer, bool shows_special, bool as_ids);

  // The prompt, where the text begins with it: all tokens are part of the text but the first where
  // `skips_first`. `logprobs`: of the tokens from the second on.
  void add_prompt(const std::vector<int32_t>& tokens, std::vector<TokenLogprobs> logprobs,
                  bool skips_first);
  // A token of the answer; `is_hidden`: the text does not have it.
  void add(int32_t token, TokenLogprobs logprobs, bool is_hidden);

  // {"tokens", "token_logprobs", "top_logprobs", "text_offset"} of what was added since the last
  // call; null when nothing was. The first token of a prompt scored nothing, which null says.
  // "top_logprobs" has an object for each token, with the token itself beside the likeliest. Tokens
  // that are no whole characters are named "bytes:\xe4\xbd" as OpenAI does, and offsets count
  // characters of the text.
  nlohmann::ordered_json take();

 private:
  struct Entry {
    int32_t token = 0;
    bool has_logprobs = false;
    TokenLogprobs logprobs = {};
    int64_t offset = 0;
  };

  void pass(int32_t token);
  std::string name(int32_t token) const;

  const Tokenizer& tokenizer_;
  const bool shows_special_;
  const bool as_ids_;
  Detokenizer detokenizer_;
  int64_t characters_ = 0;  // of the text before the next token
  std::vector<Entry> pending_;
};

}  // namespace hadal
