// POST /v1/chat/completions: reads the request and has its
// answer delivered, whole or streamed.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "chat/sampling_defaults.h"
#include "server/http/http_types.h"
#include "text/tokenizer.h"

namespace hadal {

class Engine;

// What answers chat requests. Engine and tokenizer must outlive the exchanges.
struct ChatService {
  Engine& engine;
  const Tokenizer& tokenizer;
  std::vector<std::string> model_names = {};  // the first is the default
  SamplingDefaults sampling = {};             // as ServerOptions::sampling
  bool strict = false;                        // as ServerOptions::strict
  // Hears the names of fields that a request had and this server does not know.
  std::function<void(const std::vector<std::string>&)> on_unknown_fields = {};
};

// Reads the request on the calling thread and returns; the answer follows from the engine's events.
// The client's departure cancels the engine's request. Throws ApiException or Error when the
// request is refused.
void handle_chat_completion(const std::shared_ptr<Exchange>& exchange, const ChatService& service);

}  // namespace hadal
