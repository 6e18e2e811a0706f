#include "server/http/stream_connection.h"

#include <algorithm>
#include <exception>
#include <optional>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/read.hpp>

#include "base/error.h"
#include "server/http/answer_text.h"
#include "server/http/http_error.h"

namespace hadal {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using Tcp = asio::ip::tcp;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// Errors as values: a dropped connection is no exception here.
constexpr auto kResult = asio::as_tuple(asio::use_awaitable);

constexpr size_t kReadAhead = size_t{16} << 10;     // of a pipelined request, while answering
constexpr size_t kWritePiece = size_t{64} << 10;    // what write_timeout is for
constexpr size_t kReadPiece = size_t{256} << 10;    // of a body, what read_timeout is for
constexpr size_t kLargeBody = size_t{1} << 20;      // has a worker of its own
constexpr size_t kMaxEmptyLines = 1024;             // bytes before a request
constexpr size_t kMaxDiscarded = size_t{64} << 20;  // of a refused body
constexpr milliseconds kReservePause{20};
constexpr milliseconds kDiscardTime{3000};
constexpr milliseconds kLastDiscardTime{500};  // when the server ends

constexpr size_t kBesideHeaders = size_t{128} << 10;  // of the buffer: pieces that are read at once

HttpError shutting_down() {
  return {.status = 503, .message = "the server is shutting down", .code = "unavailable"};
}

std::string_view buffered(const beast::flat_buffer& buffer) {
  return {static_cast<const char*>(buffer.data().data()), buffer.size()};
}

// RFC 9112 §3.2.2: the host of an absolute target counts, whatever the Host header says.
void replace_host(HttpHeaders& headers, const std::string& host) {
  for (auto& [name, value] : headers) {
    if (!equal_ignoring_case(name, "Host")) continue;
    value = host;
    return;
  }
  headers.emplace_back("Host", host);
}

// The answer to a request that could not be read; nothing when the client has just gone.
std::optional<HttpError> read_error(const error_code& error, const ServerOptions& options) {
  if (error == http::error::end_of_stream || error == http::error::partial_message ||
      error == asio::error::eof || error == asio::error::connection_reset ||
      error == asio::error::operation_aborted) {
    return std::nullopt;
  }
  if (error == beast::error::timeout) {
    return HttpError{.status = 408, .message = "the request did not arrive in time"};
  }
  if (error == http::error::body_limit) {
    return HttpError{.status = 413,
                     .message = "the body is larger than the " +
                                std::to_string(options.max_body_bytes) +
                                " bytes allowed; hadal serve --max-body sets how many"};
  }
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return HttpError{.status = 431,
                     .message = "the headers are larger than the " +
                                std::to_string(options.max_header_bytes) +
                                " bytes allowed; hadal serve --max-headers sets how many"};
  }
  if (error == boost::system::errc::not_enough_memory) {
    return HttpError{.status = 503,
                     .message =
                         "other requests' bodies fill the memory set aside for them; try "
                         "again in a few seconds"};
  }
  if (error.category() == make_error_code(http::error::bad_method).category()) {
    return HttpError{.status = 400, .message = "malformed HTTP: " + error.message()};
  }
  return std::nullopt;
}

}  // namespace

template <class Stream>
StreamConnection<Stream>::StreamConnection(ConnectionContext& server, Stream stream)
    : Connection(server),
      stream_(std::move(stream)),
      buffer_(kBesideHeaders + server.options.max_header_bytes),
      started_(Clock::now()),
      watch_ended_(server.io) {}

template <class Stream>
void StreamConnection<Stream>::close_if_idle() {
  // After what has been read already: its connection is not idle, and does not know it yet.
  asio::post(server_.io, [self = shared_self()] {
    if (self->idle_ && !self->input_waits()) self->close();
  });
}

template <class Stream>
void StreamConnection<Stream>::refuse_incomplete() {
  if (!idle_ && !reading_) return;
  refused_ = true;
  // After what has been read already: the next read would not be cancelled.
  asio::post(server_.io, [self = shared_self()] { self->transport().cancel(); });
}

template <class Stream>
void StreamConnection<Stream>::refuse_unanswered() {
  if (answer_ == nullptr) return;
  if (answer_->head.has_value()) {
    if (!answer_->break_off()) close();
  } else {
    answer_->answer_instead(shutting_down());
  }
}

// Not only what is under way now ends, as by cancel(), but also what the coroutines do next.
template <class Stream>
void StreamConnection<Stream>::close() {
  abandoned_ = true;
  idle_ = false;
  if (answer_ != nullptr) answer_->abandon();
  transport().close();
}

template <class Stream>
asio::awaitable<void> StreamConnection<Stream>::run() {
  // What was sent before the end began is still answered.
  while (!server_.stopping || input_waits()) {
    if (!co_await wait_for_request()) break;
    Parser parser;
    if (!co_await read_request(parser)) break;
    const bool keep_open = co_await answer(parser);
    if (!keep_open) break;
  }
  idle_ = false;
  // Closing with unread input would reset the connection and take the end of the answer away.
  if (buffer_.size() > 0 || input_waits()) co_await discard_input();
  error_code ignored;
  transport().socket().shutdown(Tcp::socket::shutdown_both, ignored);
  transport().close();
}

template <class Stream>
asio::awaitable<bool> StreamConnection<Stream>::wait_for_request() {
  idle_ = true;
  idle_since_ = Clock::now();
  transport().expires_after(server_.options.idle_timeout);
  size_t skipped = 0;
  for (;;) {
    std::string_view bytes = buffered(buffer_);
    size_t empty = 0;
    while (bytes.substr(empty).starts_with('\n') || bytes.substr(empty).starts_with("\r\n")) {
      empty += bytes[empty] == '\n' ? 1 : 2;
    }
    buffer_.consume(empty);
    skipped += empty;
    if (skipped > kMaxEmptyLines) co_return false;
    bytes = buffered(buffer_);
    if (!bytes.empty() && bytes != "\r") break;
    const auto [error, count] = co_await stream_.async_read_some(buffer_.prepare(4096), kResult);
    if (error) co_return false;
    buffer_.commit(count);
  }
  idle_ = false;
  co_return true;
}

// No coroutine: g++ 12 misplaces the frame of one that has the temporaries of `= {}`.
template <class Stream>
void StreamConnection<Stream>::begin_request() {
  started_ = Clock::now();
  reading_ = true;
  request_ = {};
  head_ = {};
  transport().expires_after(server_.options.read_timeout);
}

template <class Stream>
asio::awaitable<bool> StreamConnection<Stream>::read_request(Parser& parser) {
  begin_request();
  bool read = co_await read_request_line();
  if (read) read = co_await read_head(parser);
  if (read) read = co_await read_body(parser);
  co_return read;
}

template <class Stream>
asio::awaitable<bool> StreamConnection<Stream>::read_request_line() {
  std::optional<HttpError> refused;
  for (;;) {
    const std::string_view bytes = buffered(buffer_);
    const size_t end = bytes.find('\n');
    try {
      check_first_byte(bytes[0]);
      if (end != std::string_view::npos) {
        check_request_line(bytes.substr(0, end + 1));
        // A later version of HTTP/1 is read as the one this server knows.
        static_cast<char*>(buffer_.data().data())[end - 2] = bytes[end - 2] == '0' ? '0' : '1';
        co_return true;
      }
    } catch (const HttpException& error) {
      refused = error.error();
    }
    if (refused.has_value()) break;
    if (bytes.size() >= server_.options.max_header_bytes) {
      refused = HttpError{.status = 414, .message = "the request's target is too long"};
      break;
    }
    const auto [error, count] = co_await stream_.async_read_some(buffer_.prepare(4096), kResult);
    if (error) {
      co_await report_read_error(error);
      co_return false;
    }
    buffer_.commit(count);
  }
  co_await refuse_request(*refused);
  co_return false;
}

template <class Stream>
asio::awaitable<bool> StreamConnection<Stream>::read_head(Parser& parser) {
  parser.header_limit(static_cast<uint32_t>(server_.options.max_header_bytes));
  parser.body_limit(server_.options.max_body_bytes);
  const auto [read_error, count] =
      co_await http::async_read_header(stream_, buffer_, parser, kResult);
  const auto& message = parser.get();
  request_.method = std::string(message.method_string());
  request_.path = std::string(message.target().substr(0, message.target().find('?')));
  if (read_error) {
    co_await report_read_error(read_error);
    co_return false;
  }
  // Taken here, because trailers are merged into the parser's fields.
  for (const auto& field : message) {
    request_.headers.emplace_back(field.name_string(), field.value());
  }
  std::optional<HttpError> refused;
  try {
    head_ =
        read_request_head({.http10 = message.version() < 11,
                           .chunked = parser.chunked(),
                           .has_body = parser.chunked() || parser.content_length().value_or(0) > 0},
                          request_.headers);
    RequestTarget target =
        parse_request_target(request_.method, std::string_view(message.target()));
    request_.path = std::move(target.path);
    request_.query = std::move(target.query);
    if (!target.authority.empty()) replace_host(request_.headers, target.authority);
  } catch (const HttpException& error) {
    refused = error.error();
  }
  if (refused.has_value()) {
    co_await refuse_request(*refused);
    co_return false;
  }
  co_return true;
}

template <class Stream>
asio::awaitable<bool> StreamConnection<Stream>::read_body(Parser& parser) {
  RequestBody::value_type& body = parser.get().body();
  body.charge = BodyCharge(server_.bodies);
  // All at once, before the client is told to go on: bodies that grew side by side would each take
  // a part of the budget, and none would be read to its end.
  const auto announced = static_cast<size_t>(parser.content_length().value_or(0));
  const bool reserved = co_await reserve(body.charge, announced);
  if (!reserved) co_return false;
  if (head_.expects_continue) {
    const std::string go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    const auto [error, count] = co_await asio::async_write(stream_, asio::buffer(go_on), kResult);
    if (error) co_return false;
  }
  // Patience is for every piece: a long prompt may come over a slow line.
  size_t timed = 0;
  while (!parser.is_done()) {
    const auto [error, count] = co_await http::async_read_some(stream_, buffer_, parser, kResult);
    if (error) {
      body = RequestBody::value_type();
      co_await report_read_error(error);
      co_return false;
    }
    if (body.text.size() - timed >= kReadPiece) {
      timed = body.text.size();
      transport().expires_after(server_.options.read_timeout);
    }
  }
  reading_ = false;
  co_return true;
}

template <class Stream>
asio::awaitable<bool> StreamConnection<Stream>::reserve(BodyCharge& charge, size_t size) {
  const Clock::time_point patience = Clock::now() + server_.options.read_timeout;
  asio::steady_timer pause(server_.io);
  while (!refused_ && !charge.grow_to(size)) {
    if (abandoned_) co_return false;
    if (Clock::now() >= patience) {
      const error_code full =
          boost::system::errc::make_error_code(boost::system::errc::not_enough_memory);
      co_await report_read_error(full);
      co_return false;
    }
    pause.expires_after(kReservePause);
    co_await pause.async_wait(kResult);
  }
  if (refused_) {
    co_await report_read_error(asio::error::operation_aborted);
    co_return false;
  }
  transport().expires_after(server_.options.read_timeout);
  co_return true;
}

template <class Stream>
asio::awaitable<void> StreamConnection<Stream>::report_read_error(const error_code error) {
  std::optional<HttpError> api = read_error(error, server_.options);
  if (refused_ && error == asio::error::operation_aborted) api = shutting_down();
  if (!api.has_value()) co_return;
  co_await refuse_request(*api);
}

template <class Stream>
asio::awaitable<void> StreamConnection<Stream>::refuse_request(HttpError error) {
  reading_ = false;
  HttpResponse response = server_.write_error(request_, error);
  log({.method = request_.method.empty() ? "-" : printable(request_.method, 20),
       .path = request_.path.empty() ? "-" : printable(request_.path, 100),
       .status = response.status,
       .error = error.message,
       .request_id = response.request_id});
  // A timeout has closed the stream; only a dead socket is left then.
  if (transport().socket().is_open()) co_await send_response(std::move(response));
}

template <class Stream>
asio::awaitable<void> StreamConnection<Stream>::send_response(HttpResponse response) {
  transport().expires_after(server_.options.write_timeout);
  std::string text = head_text(response, length_framing(response), false);
  if (request_.method != "HEAD") text += response.body;
  const auto [write_error, written] =
      co_await asio::async_write(stream_, asio::buffer(text), kResult);
  if (!write_error) co_await discard_input();
}

template <class Stream>
bool StreamConnection<Stream>::input_waits() {
  error_code ignored;
  return transport().socket().available(ignored) > 0;
}

template <class Stream>
asio::awaitable<void> StreamConnection<Stream>::discard_input() {
  error_code ignored;
  transport().socket().shutdown(Tcp::socket::shutdown_send, ignored);
  transport().expires_after(server_.stopping ? kLastDiscardTime : kDiscardTime);
  size_t discarded = 0;
  while (discarded < kMaxDiscarded) {
    buffer_.clear();
    const auto [error, count] =
        co_await stream_.async_read_some(buffer_.prepare(kWritePiece), kResult);
    if (error) break;
    discarded += count;
  }
}

template <class Stream>
asio::awaitable<bool> StreamConnection<Stream>::answer(Parser& parser) {
  const bool keep_alive = head_.keep_alive;
  const bool chunked = !head_.http10;
  const bool head_only = request_.method == "HEAD";
  RequestLog entry{
      .method = printable(request_.method, 20), .path = printable(request_.path, 100), .error = {}};
  const auto answer = std::make_shared<Answer>(
      server_.io, [&server = server_, heading = request_](const HttpError& error) {
        return server.write_error(heading, error);
      });
  RequestBody::value_type& body = parser.get().body();
  request_.body = std::move(body.text);
  answer_ = answer;
  dispatch(std::move(request_), std::move(body.charge), answer);

  watching_ = true;
  asio::co_spawn(server_.io, watch(shared_self(), answer), asio::detached);
  const bool sent = co_await send(*answer, keep_alive, chunked, head_only);
  answer->abandon();
  answer_ = nullptr;
  if (watching_) {
    error_code ignored;
    transport().socket().cancel(ignored);
    watch_ended_.expires_at(Clock::time_point::max());
    co_await watch_ended_.async_wait(kResult);
  }

  entry.status = sent && answer->head.has_value() ? answer->head->status : 499;
  if (answer->head.has_value()) entry.error = answer->head->error;
  if (entry.error.empty()) entry.error = answer->late_error;
  entry.prompt_tokens = answer->prompt_tokens;
  entry.completion_tokens = answer->completion_tokens;
  entry.request_id = answer->request_id;
  log(std::move(entry));
  co_return sent&& keep_alive && !server_.stopping && (chunked || !answer->streaming);
}

template <class Stream>
void StreamConnection<Stream>::dispatch(HttpRequest request, BodyCharge charge,
                                        const std::shared_ptr<Answer>& answer) {
  auto exchange = make_exchange(server_.io, std::move(request), std::move(charge), answer);
  asio::thread_pool& workers =
      exchange->request().body.size() >= kLargeBody ? server_.large_worker : server_.workers;
  asio::post(workers, [&server = server_, answer, exchange = std::move(exchange)] {
    std::string fault;
    try {
      server.handler(exchange);
      return;
    } catch (const std::exception& error) {
      fault = error.what();
    } catch (...) {
      fault = "internal fault";
    }
    asio::post(server.io, [answer, fault] { answer->fail({.status = 500, .message = fault}); });
  });
}

template <class Stream>
asio::awaitable<void> StreamConnection<Stream>::watch(std::shared_ptr<StreamConnection> self,
                                                      std::shared_ptr<Answer> answer) {
  while (self->answer_ == answer && self->buffer_.size() < kReadAhead) {
    self->transport().expires_never();  // for this read alone when a write is under way
    const auto [error, count] =
        co_await self->stream_.async_read_some(self->buffer_.prepare(4096), kResult);
    if (error) {
      if (error != asio::error::operation_aborted) answer->abandon();
      break;
    }
    self->buffer_.commit(count);
  }
  self->watching_ = false;
  self->watch_ended_.cancel();
}

template <class Stream>
asio::awaitable<bool> StreamConnection<Stream>::send(Answer& answer, bool keep_open, bool chunked,
                                                     bool head_only) {
  bool head_sent = false;
  for (;;) {
    if (answer.abandoned) co_return false;
    std::string text;
    if (!head_sent && answer.head.has_value()) {
      head_sent = true;
      const HttpResponse& head = *answer.head;
      if (!answer.streaming) {
        text = head_text(head, length_framing(head), keep_open && !server_.stopping);
        if (!head_only) text += head.body;
        co_return co_await write(text);
      }
      text = head_text(head, chunked ? "Transfer-Encoding: chunked\r\n" : "",
                       keep_open && chunked && !server_.stopping);
    }
    const bool last = answer.ended;
    const std::string part = std::exchange(answer.unsent, {});
    if (!part.empty() && !head_only) text += chunked ? chunk_text(part) : part;
    if (last && head_sent && chunked && !head_only) text += "0\r\n\r\n";
    if (!text.empty() && !co_await write(text)) co_return false;
    if (last) co_return true;
    if (!answer.unsent.empty() || answer.ended || answer.abandoned) continue;

    answer.changed.expires_after(server_.options.keep_alive);
    const auto [error] = co_await answer.changed.async_wait(kResult);
    if (!error && head_sent && !answer.ended && answer.unsent.empty()) {
      answer.unsent = answer.style.keep_alive_text;
    }
  }
}

template <class Stream>
asio::awaitable<bool> StreamConnection<Stream>::write(const std::string& text) {
  for (size_t sent = 0; sent < text.size();) {
    const size_t piece = std::min(kWritePiece, text.size() - sent);
    transport().expires_after(server_.options.write_timeout);
    const auto [error, count] =
        co_await asio::async_write(stream_, asio::buffer(text.data() + sent, piece), kResult);
    if (error) co_return false;
    sent += count;
  }
  co_return true;
}

template <class Stream>
void StreamConnection<Stream>::log(RequestLog entry) const {
  if (!server_.options.on_request) return;
  entry.milliseconds = std::chrono::duration<double, std::milli>(Clock::now() - started_).count();
  server_.options.on_request(entry);
}

template class StreamConnection<beast::tcp_stream>;

std::shared_ptr<Connection> make_tcp_connection(ConnectionContext& server, Tcp::socket socket) {
  return std::make_shared<StreamConnection<beast::tcp_stream>>(
      server, beast::tcp_stream(std::move(socket)));
}

}  // namespace hadal
