#include "server/http/connection.h"

#include <algorithm>
#include <utility>

namespace hadal {
namespace {

constexpr size_t kLargestBodies = 4;  // that the budget holds at least

}  // namespace

ConnectionContext::ConnectionContext(const ServerOptions& server_options, HttpHandler http_handler,
                                     RequestErrorWriter error_writer)
    : options(server_options),
      handler(std::move(http_handler)),
      write_error(std::move(error_writer)),
      bodies(std::make_shared<BodyBudget>(std::max(
          server_options.max_all_bodies_bytes, kLargestBodies * server_options.max_body_bytes))),
      workers(static_cast<size_t>(std::max(1, server_options.worker_threads))) {}

Connection::Connection(ConnectionContext& server)
    : server_(server), idle_since_(std::chrono::steady_clock::now()) {
  server_.open.insert(this);
}

Connection::~Connection() {
  server_.open.erase(this);
  if (server_.stopping && server_.open.empty() && server_.on_last_closed) server_.on_last_closed();
}

boost::asio::awaitable<void> Connection::serve(std::shared_ptr<Connection> self) {
  co_await self->run();
}

boost::asio::awaitable<void> Connection::refuse(std::shared_ptr<Connection> self) {
  // A name of its own: g++ 12 destroys a braced argument of a co_await expression twice.
  const HttpError error{.status = 503,
                        .message = "too many connections are open; try again in a few seconds"};
  co_await self->refuse_request(error);
}

Connection* longest_idle(const ConnectionContext& server) {
  Connection* found = nullptr;
  for (Connection* connection : server.open) {
    if (!connection->is_idle()) continue;
    if (found == nullptr || connection->idle_since() < found->idle_since()) found = connection;
  }
  return found;
}

}  // namespace hadal
