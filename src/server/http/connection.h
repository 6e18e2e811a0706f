// One client of the server as the server sees it, whatever its stream: it is served until it
// leaves, and asked to leave at the end. How requests are read and answered is
// stream_connection.h's.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <set>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/thread_pool.hpp>

#include "server/http/body_budget.h"
#include "server/http/http_types.h"
#include "server/server_options.h"

namespace hadal {

class Connection;

// What the connections of one server share. All but the workers belongs to the server's thread.
struct ConnectionContext {
  ConnectionContext(const ServerOptions& server_options, HttpHandler http_handler,
                    RequestErrorWriter error_writer);

  const ServerOptions options;
  const HttpHandler handler;
  const RequestErrorWriter write_error;
  const std::shared_ptr<BodyBudget> bodies;
  std::set<Connection*> open;
  std::function<void()> on_last_closed = {};  // after `stopping`
  bool stopping = false;                      // no further requests are read
  boost::asio::io_context io{1};
  boost::asio::thread_pool workers;
  // For large bodies, one at a time: reading their JSON takes seconds and many times their memory,
  // and what else is asked, /health first, must not wait for it.
  boost::asio::thread_pool large_worker{1};
};

// Lives as long as its coroutines; runs on the server's thread only.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  explicit Connection(ConnectionContext& server);
  virtual ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  static boost::asio::awaitable<void> serve(std::shared_ptr<Connection> self);
  // Answers that the server is full.
  static boost::asio::awaitable<void> refuse(std::shared_ptr<Connection> self);

  // Between requests, and none has come.
  virtual bool is_idle() = 0;
  std::chrono::steady_clock::time_point idle_since() const { return idle_since_; }

  // At shutdown, one after the other as patience goes down. Each concerns only connections in the
  // state it names.
  virtual void close_if_idle() = 0;
  virtual void refuse_incomplete() = 0;  // a request that is still arriving
  virtual void refuse_unanswered() = 0;  // an answer that has not begun hears 503, one that has
                                         // breaks off
  virtual void close() = 0;              // whatever is under way

 protected:
  virtual boost::asio::awaitable<void> run() = 0;
  // Answers what was read of a request, if anything, with an error, and tells the log.
  virtual boost::asio::awaitable<void> refuse_request(HttpError error) = 0;

  ConnectionContext& server_;
  std::chrono::steady_clock::time_point idle_since_;
};

// The longest idle of the open connections; nullptr: none is.
Connection* longest_idle(const ConnectionContext& server);

// A connection without encryption.
std::shared_ptr<Connection> make_tcp_connection(ConnectionContext& server,
                                                boost::asio::ip::tcp::socket socket);

}  // namespace hadal
