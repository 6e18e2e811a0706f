// Reads the requests of one stream one after the other, hands them to the workers and writes their
// answers. Works on any stream of Beast's over TCP; stream_connection.cc says on which.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <boost/beast/http/parser.hpp>

#include "server/http/connection.h"
#include "server/http/exchange.h"
#include "server/http/request_body.h"
#include "server/http/request_head.h"

namespace hadal {

template <class Stream>
class StreamConnection final : public Connection {
 public:
  StreamConnection(ConnectionContext& server, Stream stream);

  bool is_idle() override { return idle_ && !input_waits(); }
  void close_if_idle() override;
  void refuse_incomplete() override;
  void refuse_unanswered() override;
  void close() override;

 protected:
  boost::asio::awaitable<void> run() override;
  // Answers and closes, reading on for a while: closing with unread input would reset the
  // connection and take the answer away from a client that is still sending.
  boost::asio::awaitable<void> refuse_request(HttpError error) override;

 private:
  using Parser = boost::beast::http::request_parser<RequestBody>;

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
  boost::asio::awaitable<void> send_response(HttpResponse response);
  // Hands the request to a worker, sends what its exchange says, and returns whether the
  // connection can serve another request.
  boost::asio::awaitable<bool> answer(Parser& parser);
  void dispatch(HttpRequest request, BodyCharge charge, const std::shared_ptr<Answer>& answer);
  // Notices that the client has gone while its answer is being made. What it sends meanwhile is
  // the beginning of its next request.
  static boost::asio::awaitable<void> watch(std::shared_ptr<StreamConnection> self,
                                            std::shared_ptr<Answer> answer);
  // False when the client has gone or took too long.
  boost::asio::awaitable<bool> send(Answer& answer, bool keep_open, bool chunked, bool head_only);
  boost::asio::awaitable<bool> write(const std::string& text);
  void log(RequestLog entry) const;

  // The socket beneath, which has the timeouts.
  auto& transport() { return boost::beast::get_lowest_layer(stream_); }
  std::shared_ptr<StreamConnection> shared_self() {
    return std::static_pointer_cast<StreamConnection>(shared_from_this());
  }

  Stream stream_;
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
