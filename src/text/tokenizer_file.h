// What a tokenizer.json (the format of the Hugging Face tokenizers library) says, read and checked
// for form: names, types, ranges, and that every component is one that hadal knows. tokenizer.h
// makes a tokenizer of it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/pre_tokenizer.h"

namespace hadal {

// Token ids stay below this: the largest known vocabulary is a hundredth of it, and tables are
// sized by the largest id.
inline constexpr int64_t kMaxTokenId = int64_t{1} << 24;

struct AddedToken {
  int32_t id = 0;
  std::string content;
  bool special = false;      // skipped when decoding for a reader
  bool lstrip = false;       // swallows white space before it
  bool rstrip = false;       // swallows white space after it
  bool normalized = false;   // searched for after the others
  bool single_word = false;  // found only where no word character touches it
};

struct TokenizerFile {
  std::vector<AddedToken> added_tokens;
  std::vector<std::pair<std::string, int32_t>> vocab;  // byte-level spellings
  std::vector<std::pair<std::string, std::string>> merges;
  bool ignore_merges = false;  // a piece that is a token as a whole is that token
  PreTokenizer pre_tokenizer;
};

// Throws Error (kInvalidFile, `where`).
TokenizerFile parse_tokenizer_file(std::string_view json, const std::string& where);

}  // namespace hadal
