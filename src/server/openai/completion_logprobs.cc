#include "server/openai/completion_logprobs.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/utf8.h"

namespace hadal {

using nlohmann::ordered_json;

namespace {

// Code points of UTF-8 text: every byte but those that continue one.
int64_t count_characters(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; });
}

std::string bytes_name(std::string_view bytes) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string name = "bytes:";
  for (const char byte : bytes) {
    const auto value = static_cast<unsigned char>(byte);
    name += "\\x";
    name += kHex[value >> 4];
    name += kHex[value & 15];
  }
  return name;
}

}  // namespace

CompletionLogprobs::CompletionLogprobs(const Tokenizer& tokenizer, bool shows_special, bool as_ids)
    : tokenizer_(tokenizer),
      shows_special_(shows_special),
      as_ids_(as_ids),
      detokenizer_(tokenizer) {}

void CompletionLogprobs::add_prompt(const std::vector<int32_t>& tokens,
                                    std::vector<TokenLogprobs> logprobs, bool skips_first) {
  for (size_t i = 0; i < tokens.size(); ++i) {
    Entry entry{.token = tokens[i], .offset = characters_};
    if (i > 0 && i <= logprobs.size()) {
      entry.has_logprobs = true;
      entry.logprobs = std::move(logprobs[i - 1]);
    }
    pending_.push_back(std::move(entry));
    if (i > 0 || !skips_first) pass(tokens[i]);
  }
  characters_ += count_characters(detokenizer_.finish());
}

void CompletionLogprobs::add(int32_t token, TokenLogprobs logprobs, bool is_hidden) {
  pending_.push_back({.token = token,
                      .has_logprobs = true,
                      .logprobs = std::move(logprobs),
                      .offset = characters_});
  const bool is_known = token >= 0 && token < tokenizer_.vocab_size();
  const bool is_special = is_known && tokenizer_.is_special(token);
  if (!is_hidden && (shows_special_ || !is_special)) pass(token);
}

void CompletionLogprobs::pass(int32_t token) {
  characters_ += count_characters(detokenizer_.push(token));
}

std::string CompletionLogprobs::name(int32_t token) const {
  // A model's vocabulary may be larger than its tokenizer's.
  const bool is_known = token >= 0 && token < tokenizer_.vocab_size();
  const std::string_view bytes = is_known ? tokenizer_.token_bytes(token) : std::string_view();
  if (as_ids_ || bytes.empty()) return "token_id:" + std::to_string(token);
  return is_valid_utf8(bytes) ? std::string(bytes) : bytes_name(bytes);
}

ordered_json CompletionLogprobs::take() {
  if (pending_.empty()) return nullptr;
  ordered_json tokens = ordered_json::array();
  ordered_json scores = ordered_json::array();
  ordered_json tops = ordered_json::array();
  ordered_json offsets = ordered_json::array();
  for (const Entry& entry : pending_) {
    tokens.push_back(name(entry.token));
    offsets.push_back(entry.offset);
    if (!entry.has_logprobs) {
      scores.push_back(nullptr);
      tops.push_back(nullptr);
      continue;
    }
    scores.push_back(entry.logprobs.logprob);
    ordered_json top = ordered_json::object();
    for (const TokenLogprob& other : entry.logprobs.top) {
      top.emplace(name(other.token), other.logprob);
    }
    top.emplace(name(entry.token), entry.logprobs.logprob);
    tops.push_back(std::move(top));
  }
  pending_.clear();
  return {{"tokens", std::move(tokens)},
          {"token_logprobs", std::move(scores)},
          {"top_logprobs", std::move(tops)},
          {"text_offset", std::move(offsets)}};
}

}  // namespace hadal
