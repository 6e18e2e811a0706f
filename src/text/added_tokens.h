// Finds the added tokens of a tokenizer ("<｜User｜>", "</think>") where they are spelled out in
// text, the way the Hugging Face library does: leftmost first, of several the longest, those
// marked `normalized` only in what the others leave.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "text/regex.h"
#include "text/tokenizer_file.h"

namespace hadal {

struct AddedTokenMatch {
  TextRange range;  // with the white space that lstrip and rstrip swallow
  int32_t id = 0;
};

class AddedTokenFinder {
 public:
  AddedTokenFinder() = default;
  // Contents are unique and not empty.
  explicit AddedTokenFinder(std::vector<AddedToken> tokens);

  // The matches in `text` (valid UTF-8) whose spelling lies within one of `allowed`, which are
  // ascending and disjoint; ascending.
  std::vector<AddedTokenMatch> find(std::string_view text,
                                    std::span<const TextRange> allowed) const;

  const std::vector<AddedToken>& tokens() const { return tokens_; }

 private:
  struct Node {
    std::vector<std::pair<unsigned char, uint32_t>> children;  // ascending
    int32_t token = -1;                                        // index into tokens_
  };

  void find_pass(std::string_view text, std::span<const TextRange> allowed, bool normalized,
                 std::vector<AddedTokenMatch>& matches) const;
  const AddedToken* longest_at(std::string_view text, size_t position, size_t end,
                               bool normalized) const;

  std::vector<AddedToken> tokens_;
  std::vector<Node> trie_;
};

}  // namespace hadal
