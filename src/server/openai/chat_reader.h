// The body of POST /v1/chat/completions, read and checked: from JSON to a turn for the engine.
// docs/api.md lists the fields. Knows the OpenAI form and its neighbours' spellings; the encoding
// of messages is the text layer's.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "chat/turn.h"
#include "server/openai/answer_fields.h"
#include "text/tokenizer.h"

namespace hadal {

struct ChatCompletionRequest {
  std::string model;  // one of the names served
  ChatTurn turn;
  AnswerForm form;
  bool hides_reasoning = false;   // the answer leaves it out
  bool one_call = false;          // the answer ends after its first tool call
  bool legacy_functions = false;  // a tool call is told as function_call
  // Names of fields that had no effect because this server does not know them; few and printable.
  std::vector<std::string> unknown_fields;
};

// Reads `body`. A request without a seed gets a random one. Throws ApiException or Error
// (kInvalidArgument) naming the field as it stands in the body.
ChatCompletionRequest read_chat_completion_request(std::string_view body, const RequestRules& rules,
                                                   const Tokenizer& tokenizer);
// The same of a body that is read already, and whose messages are moved from.
ChatCompletionRequest read_chat_completion_request(nlohmann::ordered_json& json,
                                                   const RequestRules& rules,
                                                   const Tokenizer& tokenizer);

}  // namespace hadal
