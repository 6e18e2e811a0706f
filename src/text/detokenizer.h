// Turns token ids into text as they come, one at a time: a character whose bytes are spread over
// several tokens is held back until it is whole.
#pragma once

#include <cstdint>
#include <string>

#include "text/tokenizer.h"

namespace hadal {

class Detokenizer {
 public:
  explicit Detokenizer(Tokenizer tokenizer, bool skip_special = false)
      : tokenizer_(std::move(tokenizer)), skip_special_(skip_special) {}

  // The text that is certain now, possibly empty, always whole UTF-8 characters. Bytes proven to
  // form no character become U+FFFD, and so does an id that no token has (a model's vocabulary may
  // be larger than its tokenizer's).
  std::string push(int32_t id);

  // What was held back, as U+FFFD; afterwards a new text may begin. All results of one text joined
  // are what Tokenizer::decode() gives for its ids.
  std::string finish();

 private:
  Tokenizer tokenizer_;
  bool skip_special_;
  std::string held_;  // at most 3 bytes: the beginning of a character
};

}  // namespace hadal
