// Log-probabilities of an answer's tokens in the form of the OpenAI API: the "logprobs" of a
// choice, whole or in the parts that go with a stream's chunks.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "engine/logit_probabilities.h"
#include "text/tokenizer.h"

namespace hadal {

class LogprobsWriter {
 public:
  // `tokenizer` must outlive the writer.
  LogprobsWriter(const Tokenizer& tokenizer, bool wanted)
      : tokenizer_(tokenizer), wanted_(wanted) {}

  bool wanted() const { return wanted_; }
  void add(int32_t token, TokenLogprobs logprobs);
  // {"content": [{"token", "logprob", "bytes", "top_logprobs": [...]}], "refusal": null} of what
  // was added since the last call; null when nothing was. "token" has U+FFFD for bytes that are no
  // whole character; "bytes" has them all.
  nlohmann::ordered_json take();

 private:
  nlohmann::ordered_json entry(int32_t token, float logprob) const;

  const Tokenizer& tokenizer_;
  bool wanted_;
  std::vector<std::pair<int32_t, TokenLogprobs>> pending_;
};

}  // namespace hadal
