// The OpenAI-compatible server of one engine and one model: POST /v1/chat/completions and
// /v1/completions, /tokenize and /detokenize, GET /v1/models, /health, /version and /metrics
// (docs/api.md). Owns the sockets; engine and tokenizer
// belong to the caller and must outlive it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "server/server_options.h"

namespace hadal {

class Engine;
class Tokenizer;

// A body that holds any prompt of `max_context` tokens, in bytes. JSON that escapes ASCII, which no
// writer needs to do, may be longer.
size_t default_max_body(int max_context);

class Server {
 public:
  // Binds and listens; answers nothing before run(). Throws Error as HttpServer does.
  Server(Engine& engine, const Tokenizer& tokenizer, const ServerOptions& options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  uint16_t port() const;
  // Serves on the calling thread until stop(), then until every request has ended. Call it once.
  void run();
  // Stops accepting and lets running requests end within options.shutdown_timeout; the second call
  // ends them at once. From any thread.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hadal
