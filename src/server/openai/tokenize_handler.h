// POST /tokenize and POST /detokenize in vLLM's form: which tokens a prompt or a conversation comes
// to, and which text tokens come to. The engine has no part in either.
#pragma once

#include "server/http/http_types.h"
#include "server/openai/model_service.h"

namespace hadal {

// Of {"prompt"}, or of {"messages"} with the fields of a chat request, which decide how its prompt
// is made: {"count", "max_model_len", "tokens"}, and "token_strs" where return_token_strs asks for
// them. Throws ApiException or Error when the request is refused.
void handle_tokenize(Exchange& exchange, const ModelService& service);

// Of {"tokens": [ID, ...]}: {"prompt": TEXT}, control tokens included.
void handle_detokenize(Exchange& exchange, const ModelService& service);

}  // namespace hadal
