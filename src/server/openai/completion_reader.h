// The body of POST /v1/completions, read and checked: from JSON to a turn for the engine for each
// of its prompts. docs/api.md lists the fields. Prompts are taken as they are: no conversation is
// made of them, and nothing is looked for in what comes of them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "chat/turn.h"
#include "server/openai/answer_fields.h"
#include "text/tokenizer.h"

namespace hadal {

struct CompletionPrompt {
  ChatTurn turn = {};
  // The begin of a sentence stands before the text of the prompt, which does not have it.
  bool bos_added = false;
  std::string path;  // in the body
};

struct CompletionRequest {
  std::string model;                      // one of the names served
  std::vector<CompletionPrompt> prompts;  // at least one
  AnswerForm form;
  bool echo = false;           // the answer begins with its prompt
  bool tokens_as_ids = false;  // log-probabilities name tokens by their ids
  // Names of fields that had no effect because this server does not know them; few and printable.
  std::vector<std::string> unknown_fields;
};

// Reads `body`. A request without a seed gets a random one for each prompt. Throws ApiException or
// Error (kInvalidArgument) naming the field as it stands in the body.
CompletionRequest read_completion_request(std::string_view body, const RequestRules& rules,
                                          const Tokenizer& tokenizer);

// The tokens of a text that is a prompt by itself. The begin of a sentence is put before it where
// the text does not bring its own, unless `add_special_tokens` is false.
struct TextTokens {
  std::vector<int32_t> tokens;
  bool bos_added = false;
};
TextTokens tokenize_text(const Tokenizer& tokenizer, std::string_view text,
                         bool add_special_tokens);

}  // namespace hadal
