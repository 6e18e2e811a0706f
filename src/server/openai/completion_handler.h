// POST /v1/completions: reads the request and has its answer delivered, whole or streamed, with a
// choice for each prompt.
#pragma once

#include <memory>

#include "server/http/http_types.h"
#include "server/openai/model_service.h"

namespace hadal {

// As handle_chat_completion.
void handle_completion(const std::shared_ptr<Exchange>& exchange, const ModelService& service);

}  // namespace hadal
