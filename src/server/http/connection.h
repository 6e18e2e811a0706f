// One client of the server: reads its requests one after the other, hands them to the workers and
// writes their answers. Accepts nothing itself, and knows neither signals nor the order of an end.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>

#include "server/api_error.h"
#include "server/http/exchange.h"
#include "server/http/http_types.h"
#include "server/http/request_body.h"
#include "server/http/request_head.h"
#include "server/server_options.h"

namespace hadal {

class Connection;

// What the connections of one server share. All but the workers belongs to the server's thread.
struct ConnectionContext {
  ConnectionContext(const ServerOptions& server_options, HttpHandler http_handler);

  const ServerOptions options;
  const HttpHandler handler;
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
  Connection(ConnectionContext& server, boost::asio::ip::tcp::socket socket);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  static boost::asio::awaitable<void> serve(std::shared_ptr<Connection> self);
  // Answers that the server is full.
  static boost::asio::awaitable<void> refuse(std::shared_ptr<Connection> self);

  // At shutdown, one after the other as patience goes down. Each concerns only connections in the
  // state it names.
  void close_if_idle();      // between requests, and none has come
  void refuse_incomplete();  // a request that is still arriving
  void refuse_unanswered();  // an answer that has not begun hears 503, one that has is cut
  void close();              // whatever is under way

 private:
  using Parser = boost::beast::http::request_parser<RequestBody>;

  boost::asio::awaitable<void> run();
  // Until a byte of a request is in the buffer; passes over empty lines before it.
  boost::asio::awaitable<bool> wait_for_request();
  void begin_request();
  // Each answers a request that it refuses itself, and returns false then.
  boost::asio::awaitable<bool> read_request(Parser& parser);
  boost::asio::awaitable<bool> read_request_line();
  boost::asio::awaitable<bool> read_head(Parser& parser);
  boost::asio::awaitable<bool> read_body(Parser& parser);
  // Takes `size` bytes of the budget for a body, when they are to be had within read_timeout.
  boost::asio::awaitable<bool> reserve(BodyCharge& charge, size_t size);
  boost::asio::awaitable<void> report_read_error(boost::system::error_code error);
  bool input_waits();  // sent by the client, and not read
  // Takes what the client still sends, for a while.
  boost::asio::awaitable<void> discard_input();
  boost::asio::awaitable<void> refuse_request(ApiError api);
  // Answers and closes, reading on for a while: closing with unread input would reset the
  // connection and take the answer away from a client that is still sending.
  boost::asio::awaitable<void> send_error(ApiError api);
  // Hands the request to a worker, sends what its exchange says, and returns whether the
  // connection can serve another request.
  boost::asio::awaitable<bool> answer(Parser& parser);
  void dispatch(HttpRequest request, BodyCharge charge, const std::shared_ptr<Answer>& answer);
  // Notices that the client has gone while its answer is being made. What it sends meanwhile is
  // the beginning of its next request.
  static boost::asio::awaitable<void> watch(std::shared_ptr<Connection> self,
                                            std::shared_ptr<Answer> answer);
  // False when the client has gone or took too long.
  boost::asio::awaitable<bool> send(Answer& answer, bool keep_open, bool chunked, bool head_only);
  boost::asio::awaitable<bool> write(const std::string& text);
  void log(RequestLog entry) const;

  ConnectionContext& server_;
  boost::beast::tcp_stream stream_;
  boost::beast::flat_buffer buffer_;
  std::chrono::steady_clock::time_point started_;  // of the present request
  bool idle_ = false;                              // between requests
  bool reading_ = false;                           // a request that is not whole
  bool refused_ = false;                           // the request that is being read
  HttpRequest request_;                            // the present one, as far as it is read
  RequestHead head_;
  std::shared_ptr<Answer> answer_;  // of the present request
  bool abandoned_ = false;          // at shutdown
  bool watching_ = false;
  boost::asio::steady_timer watch_ended_;
};

}  // namespace hadal
