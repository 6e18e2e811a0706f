// POST /v1/chat/completions: from an exchange through the engine to its answer, whole or streamed.
#pragma once

#include <memory>
#include <string>

#include "server/http/http_types.h"
#include "text/tokenizer.h"

namespace hadal {

class Engine;

// Reads the request on the calling thread and returns; the answer follows from the engine's events.
// The client's departure cancels the engine's request. `engine` must outlive the exchange. Throws
// ApiException or Error when the request is refused.
void handle_chat_completion(const std::shared_ptr<Exchange>& exchange, Engine& engine,
                            const Tokenizer& tokenizer, const std::string& model_name);

}  // namespace hadal
