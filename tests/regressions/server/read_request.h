// Reads a chat request as the server does, for the tests of this folder.
#pragma once

#include <string>

#include "base/error.h"
#include "server/api_error.h"
#include "server/openai/chat_reader.h"
#include "support/source_dir.h"
#include "text/tokenizer.h"

namespace hadal::regressions {

inline const Tokenizer& nano_tokenizer() {
  static const Tokenizer tokenizer =
      Tokenizer::load(test::source_path("models/nano/tokenizer.json"));
  return tokenizer;
}

inline ChatCompletionRequest read_request(const std::string& body) {
  return read_chat_completion_request(body, {.model_names = {"nano"}, .vocab_size = 2048},
                                      nano_tokenizer());
}

inline std::string prompt_of(const std::string& body) {
  return nano_tokenizer().decode(read_request(body).turn.prompt);
}

// The param of the refusal; empty when there was none.
inline std::string refused_field(const std::string& body) {
  try {
    read_request(body);
  } catch (const ApiException& error) {
    return error.error().param;
  } catch (const Error& error) {
    return api_error_of(error).param;
  }
  return "";
}

}  // namespace hadal::regressions
