// The body of POST /v1/chat/completions, read and checked: from JSON to a turn for the engine.
// docs/api.md lists the fields. Knows the OpenAI form and its neighbours' spellings; the encoding
// of messages is the text layer's.
#pragma once

#include <string>
#include <string_view>

#include "chat/turn.h"
#include "text/tokenizer.h"

namespace hadal {

struct ChatCompletionRequest {
  ChatTurn turn;
  bool stream = false;
  bool include_usage = false;  // in a stream
};

// Reads `body`. `model_name` is the only model there is. A request without a seed gets a random
// one. Throws ApiException or Error (kInvalidArgument) naming the field.
ChatCompletionRequest read_chat_completion_request(std::string_view body,
                                                   const std::string& model_name,
                                                   const Tokenizer& tokenizer);

}  // namespace hadal
