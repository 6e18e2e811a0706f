// Tokenizers for synthetic checkpoints: a made-up byte-level BPE with the special tokens of V4, and
// the check of a given tokenizer.json's ids. Does not tokenise; text/ does.
#pragma once

#include <filesystem>
#include <string>

namespace hadal {

// 16 special tokens and 256 bytes: the smallest vocabulary that can chat.
constexpr int kSynthTokenizerMinVocab = 272;

// A tokenizer.json with one token for every id below `vocab_size` (for at most 475,526 of them; ids
// beyond have no token): ids 0..15 the special tokens (0 begin, 1 end of sentence), 16 + b the byte
// b, then pairs of Latin letters and pairs of those pairs, frequent letters first, some led by a
// space. Text of any language and binary data round-trips. vocab_size >= kSynthTokenizerMinVocab.
std::string synthetic_tokenizer_json(int vocab_size);

// The tokenizer_config.json beside it.
std::string synthetic_tokenizer_config_json();

struct TokenizerIds {
  int count = 0;  // the largest id + 1
  int bos = -1;   // of the V4 begin-of-sentence token; -1: the tokenizer has none
  int eos = -1;
};

// The ids that a tokenizer.json uses. Throws Error kInvalidFile when `json_text` is not one;
// `where` names it.
TokenizerIds tokenizer_ids(const std::string& json_text, const std::string& where);

}  // namespace hadal
