// POST /v1/chat/completions: reads the request and has its
// answer delivered, whole or streamed.
#pragma once

#include <memory>

#include "server/http/http_types.h"
#include "server/openai/model_service.h"

namespace hadal {

// Reads the request on the calling thread and returns; the answer follows from the engine's events.
// The client's departure cancels the engine's request. Throws ApiException or Error when the
// request is refused.
void handle_chat_completion(const std::shared_ptr<Exchange>& exchange, const ModelService& service);

}  // namespace hadal
