// The HTTP/1.1 server beneath the routes: sockets, parsing within limits, timeouts, keep-alive,
// streamed answers, departure of clients and an orderly end. Knows no route and no engine.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "server/http_types.h"
#include "server/server_options.h"

namespace hadal {

// Called on one of several worker threads for every complete request; must be safe to call
// concurrently. What it throws becomes a 500.
using HttpHandler = std::function<void(std::shared_ptr<Exchange>)>;

class HttpServer {
 public:
  // Binds and listens. Throws Error kUnavailable (port in use), kPermissionDenied (privileged
  // port), kInvalidArgument (no such address).
  HttpServer(const ServerOptions& options, HttpHandler handler);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  uint16_t port() const;

  // Serves until stop(), then until the last exchange is answered and dropped. Call it once.
  void run();

  // Stops accepting, lets running exchanges end within ServerOptions::shutdown_timeout, abandons
  // the rest; a second call abandons them at once. From any thread.
  void stop();

  struct Impl;  // known to http_server.cc alone

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace hadal
