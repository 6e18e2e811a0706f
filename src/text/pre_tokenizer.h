// The pre-tokenizer of a tokenizer.json: cuts text into the pieces that byte-pair merges never
// cross. Supported: Sequence of Split (behaviour Isolated), Digits and ByteLevel, which is all the
// DeepSeek tokenizers use. Everything else is refused by name when the file is read.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/regex.h"

namespace hadal {

class PreTokenizer {
 public:
  // Adds a stage whose matches become pieces of their own, as do the gaps between them. Each stage
  // sees every piece of the stage before as a text of its own: look-around ends at its borders.
  void add_split(Regex pattern) { stages_.push_back(std::move(pattern)); }

  // The pieces of `text` (valid UTF-8) in order; together they are the text, none is empty.
  std::vector<TextRange> split(std::string_view text, Regex::Scratch& scratch) const;

 private:
  std::vector<Regex> stages_;
};

}  // namespace hadal
