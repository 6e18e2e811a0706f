#include "server/openai/logprobs_writer.h"

#include <string_view>

#include <nlohmann/json.hpp>

#include "text/detokenizer.h"

namespace hadal {

using nlohmann::ordered_json;

void LogprobsWriter::add(int32_t token, TokenLogprobs logprobs) {
  pending_.emplace_back(token, std::move(logprobs));
}

ordered_json LogprobsWriter::entry(int32_t token, float logprob) const {
  // A model's vocabulary may be larger than its tokenizer's.
  const std::string_view bytes =
      token < tokenizer_.vocab_size() ? tokenizer_.token_bytes(token) : std::string_view();
  ordered_json list = ordered_json::array();
  for (const char byte : bytes) list.push_back(static_cast<unsigned char>(byte));
  Detokenizer detokenizer(tokenizer_);
  std::string text = detokenizer.push(token);
  text += detokenizer.finish();
  return {{"token", std::move(text)}, {"logprob", logprob}, {"bytes", std::move(list)}};
}

ordered_json LogprobsWriter::take() {
  if (pending_.empty()) return nullptr;
  ordered_json content = ordered_json::array();
  for (const auto& [token, logprobs] : pending_) {
    ordered_json value = entry(token, logprobs.logprob);
    ordered_json top = ordered_json::array();
    for (const TokenLogprob& other : logprobs.top) top.push_back(entry(other.token, other.logprob));
    value["top_logprobs"] = std::move(top);
    content.push_back(std::move(value));
  }
  pending_.clear();
  return {{"content", std::move(content)}, {"refusal", nullptr}};
}

}  // namespace hadal
