// The HTTP/1.1 server beneath the routes: the listening socket, the number of connections and
// an orderly end. What happens on a connection is connection.h's; knows no route and no engine.
#pragma once

#include <cstdint>
#include <memory>

#include "server/http/http_types.h"
#include "server/server_options.h"

namespace hadal {

class HttpServer {
 public:
  // Binds and listens. Throws Error kUnavailable (port in use), kPermissionDenied (privileged
  // port), kInvalidArgument (no such address).
  HttpServer(const ServerOptions& options, HttpHandler handler,
             RequestErrorWriter write_error = plain_error);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  uint16_t port() const;
  bool on_loopback() const;  // only this machine can connect

  // Serves until stop(), then until the last exchange is answered and dropped. Call it once.
  void run();

  // Stops accepting, closes idle connections, lets requests arrive for three seconds more and
  // running exchanges end within ServerOptions::shutdown_timeout, and abandons the rest; a second
  // call abandons them at once. From any thread.
  void stop();

  // The message alone, as text.
  static HttpResponse plain_error(const HttpRequest& request, const HttpError& error);

  struct Impl;  // known to http_server.cc alone

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace hadal
