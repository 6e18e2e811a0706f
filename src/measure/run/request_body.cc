#include <array>
#include <charconv>
#include <fmt/format.h>

#include "json/python_json.h"
#include "measure/run/endpoint.h"

namespace hadal {
namespace {

void append_tokens(std::string& out, const std::vector<int32_t>& tokens) {
  constexpr size_t kLongest = 12;  // digits, sign and comma
  out.reserve(out.size() + 8 * tokens.size());
  out += '[';
  std::array<char, kLongest> digits = {};
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (i > 0) out += ',';
    const auto end = std::to_chars(digits.data(), digits.data() + kLongest, tokens[i]).ptr;
    out.append(digits.data(), end);
  }
  out += ']';
}

void append_messages(std::string& out, const std::vector<PromptMessage>& messages) {
  out += '[';
  for (size_t i = 0; i < messages.size(); ++i) {
    if (i > 0) out += ',';
    out += R"({"role":)" + json_string(messages[i].role) + R"(,"content":)" +
           json_string(messages[i].content) + "}";
  }
  out += ']';
}

}  // namespace

std::string request_body(const Endpoint& endpoint, const Prompt& prompt,
                         const BodyOptions& options) {
  std::string body = R"({"model":)" + json_string(endpoint.model);
  if (endpoint.is_chat) {
    body += R"(,"messages":)";
    if (prompt.form == PromptForm::kText) {
      append_messages(body, {{.role = "user", .content = prompt.text}});
    } else {
      append_messages(body, prompt.messages);
    }
  } else {
    body += R"(,"prompt":)";
    if (prompt.form == PromptForm::kTokens) {
      append_tokens(body, prompt.tokens);
    } else {
      body += json_string(prompt.text);
    }
  }
  body += fmt::format(R"(,"max_tokens":{},"temperature":{})", options.output_tokens,
                      options.temperature);
  if (options.ignore_eos && endpoint.takes_ignore_eos) body += R"(,"ignore_eos":true)";
  if (options.stream) {
    body += R"(,"stream":true)";
    if (endpoint.has_usage) {
      body += R"(,"stream_options":{"include_usage":true)";
      if (endpoint.has_continuous_usage) body += R"(,"continuous_usage_stats":true)";
      body += "}";
    }
  }
  return body + "}";
}

}  // namespace hadal
