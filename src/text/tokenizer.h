// The byte-level BPE tokenizer of a tokenizer.json: text to token ids and back. It adds no BOS or
// EOS of its own; the chat encoding writes those into the prompt. Immutable after loading: copies
// share their tables, and any number of threads may use one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/regex.h"

namespace hadal {

class Tokenizer {
 public:
  // Throws Error (kNotFound, kInvalidFile ...) that names the file and what is wrong with it.
  static Tokenizer load(const std::filesystem::path& tokenizer_json);
  // `where` names the source in errors.
  static Tokenizer parse(std::string_view json, const std::string& where);

  // The tokens of `text`; added tokens that are spelled out in it become those tokens. Throws Error
  // (kInvalidArgument) naming the byte offset when `text` is not UTF-8.
  std::vector<int32_t> encode(std::string_view text) const;

  // As encode(), but added tokens are recognised only where their spelling lies within one of the
  // `trusted` ranges (bytes of `text`, ascending, disjoint).
  std::vector<int32_t> encode(std::string_view text, std::span<const TextRange> trusted) const;

  // As encode(), but no added token is recognised: "<｜User｜>" in a user's text is plain text.
  std::vector<int32_t> encode_ordinary(std::string_view text) const;

  // The text of `ids`. Bytes that form no character become U+FFFD. Throws Error (kInvalidArgument)
  // for ids outside of 0 to vocab_size() - 1.
  std::string decode(std::span<const int32_t> ids, bool skip_special = false) const;

  // The bytes a token stands for, valid as long as this tokenizer or a copy of it lives; empty for
  // an id that no token has. Throws Error (kInvalidArgument) for ids out of range.
  std::string_view token_bytes(int32_t id) const;

  // The id of an added token, or else of the token with these bytes.
  std::optional<int32_t> find(std::string_view token) const;

  // Whether the token is marked special: not part of the text that a reader should see.
  bool is_special(int32_t id) const;

  // The largest id plus 1. A model's own vocabulary may be larger.
  int vocab_size() const;

 private:
  struct Tables;
  class Encoder;
  explicit Tokenizer(std::shared_ptr<const Tables> tables) : tables_(std::move(tables)) {}

  std::shared_ptr<const Tables> tables_;
};

}  // namespace hadal
