// The body of POST /v1/chat/completions, read and checked: from JSON to a turn for the engine.
// docs/api.md lists the fields. Knows the OpenAI form and its neighbours' spellings; the encoding
// of messages is the text layer's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "chat/sampling_defaults.h"
#include "chat/turn.h"
#include "server/api_error.h"
#include "text/tokenizer.h"

namespace hadal {

// What a request is read against.
struct ChatRequestRules {
  std::vector<std::string> model_names;  // those served; the first is the default
  int64_t vocab_size = 0;                // of the model
  SamplingDefaults sampling = {};        // of a request that does not say
  bool strict = false;                   // refuse fields that this server does not know
};

struct ChatCompletionRequest {
  std::string model;  // one of the names served
  ChatTurn turn;
  bool stream = false;
  bool include_usage = false;     // in a stream
  bool hides_reasoning = false;   // the answer leaves it out
  bool one_call = false;          // the answer ends after its first tool call
  bool legacy_functions = false;  // a tool call is told as function_call
  // Names of fields that had no effect because this server does not know them; few and printable.
  std::vector<std::string> unknown_fields;
};

// Reads `body`. A request without a seed gets a random one. Throws ApiException or Error
// (kInvalidArgument) naming the field as it stands in the body.
ChatCompletionRequest read_chat_completion_request(std::string_view body,
                                                   const ChatRequestRules& rules,
                                                   const Tokenizer& tokenizer);

// The answer to a request for a model that is none of `served`.
ApiError model_not_found(std::string_view name, const std::vector<std::string>& served);

}  // namespace hadal
