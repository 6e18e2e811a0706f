#include "server/http_server.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <exception>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>

#include "base/error.h"
#include "server/api_error.h"

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
constexpr size_t kMaxUnsent = size_t{16} << 20;     // a stream whose reader lags more is dropped
constexpr size_t kMaxDiscarded = size_t{64} << 20;  // of a refused body
constexpr milliseconds kDiscardTime{3000};

// What one request's exchange and its connection share. Touched on the server's thread only.
struct Answer {
  explicit Answer(asio::io_context& io) : changed(io) {}

  asio::steady_timer changed;  // cancelled whenever something below changes
  std::optional<HttpResponse> head;
  bool streaming = false;
  bool ended = false;
  bool abandoned = false;
  std::string unsent;
  std::function<void()> on_abandoned;
  int prompt_tokens = 0;
  int completion_tokens = 0;
  std::string request_id;

  void wake() { changed.cancel(); }

  void abandon() {
    if (abandoned || ended) return;
    abandoned = true;
    if (auto callback = std::exchange(on_abandoned, nullptr)) callback();
    wake();
  }
};

// The handler's end of an Answer. Keeps the server's loop alive while anyone holds it.
class HttpExchange final : public Exchange {
 public:
  HttpExchange(asio::io_context& io, HttpRequest request, std::shared_ptr<Answer> answer)
      : io_(io),
        work_(io.get_executor()),
        request_(std::move(request)),
        answer_(std::move(answer)) {}

  ~HttpExchange() override {
    // Dropped unanswered, or in the middle of a stream: the connection must not wait for ever.
    asio::post(io_, [answer = answer_] {
      if (answer->ended) return;
      if (!answer->streaming) {
        answer->head = api_error_response({.status = 500, .message = "the request was dropped"});
      }
      answer->ended = true;
      answer->on_abandoned = nullptr;
      answer->wake();
    });
  }

  const HttpRequest& request() const override { return request_; }

  void respond(HttpResponse response) override {
    asio::post(io_, [answer = answer_, response = std::move(response)]() mutable {
      if (answer->ended || answer->streaming) return;
      answer->head = std::move(response);
      answer->ended = true;
      answer->on_abandoned = nullptr;
      answer->wake();
    });
  }

  void begin_stream(HttpResponse head) override {
    asio::post(io_, [answer = answer_, head = std::move(head)]() mutable {
      if (answer->ended || answer->streaming) return;
      answer->unsent = std::exchange(head.body, {});
      answer->head = std::move(head);
      answer->streaming = true;
      answer->wake();
    });
  }

  void write(std::string part) override {
    asio::post(io_, [answer = answer_, part = std::move(part)] {
      if (answer->ended || answer->abandoned || !answer->streaming) return;
      answer->unsent += part;
      if (answer->unsent.size() > kMaxUnsent) answer->abandon();
      answer->wake();
    });
  }

  void end() override {
    asio::post(io_, [answer = answer_] {
      if (!answer->streaming) return;
      answer->ended = true;
      answer->on_abandoned = nullptr;
      answer->wake();
    });
  }

  void on_abandoned(std::function<void()> callback) override {
    asio::dispatch(io_, [answer = answer_, callback = std::move(callback)] {
      if (answer->abandoned) {
        callback();
      } else if (!answer->ended) {
        answer->on_abandoned = callback;
      }
    });
  }

  void post(std::function<void()> task) override { asio::post(io_, std::move(task)); }

  void set_usage(int prompt_tokens, int completion_tokens) override {
    // At once on the server's thread: an abandoned request is logged right after its callback.
    asio::dispatch(io_, [answer = answer_, prompt_tokens, completion_tokens] {
      answer->prompt_tokens = prompt_tokens;
      answer->completion_tokens = completion_tokens;
    });
  }

  void set_request_id(const std::string& id) override {
    asio::dispatch(io_, [answer = answer_, id] { answer->request_id = id; });
  }

 private:
  asio::io_context& io_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  const HttpRequest request_;
  std::shared_ptr<Answer> answer_;
};

std::string head_text(const HttpResponse& response, std::string_view framing, bool keep_open) {
  std::string text = "HTTP/1.1 " + std::to_string(response.status) + " ";
  text += http_status_text(response.status);
  text += "\r\nContent-Type: " + response.content_type + "\r\n";
  for (const auto& [name, value] : response.headers) text += name + ": " + value + "\r\n";
  text += framing;
  text += keep_open ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
  return text;
}

std::string chunk_text(std::string_view part) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string size;
  for (size_t rest = part.size(); rest > 0; rest >>= 4) size.insert(size.begin(), kHex[rest & 15]);
  return size + "\r\n" + std::string(part) + "\r\n";
}

// The answer to a request that could not be read; nothing when the client has just gone.
std::optional<ApiError> read_error(const error_code& error, const ServerOptions& options) {
  if (error == http::error::end_of_stream || error == http::error::partial_message ||
      error == asio::error::eof || error == asio::error::connection_reset ||
      error == asio::error::operation_aborted) {
    return std::nullopt;
  }
  if (error == beast::error::timeout) {
    return ApiError{.status = 408, .message = "the request did not arrive in time"};
  }
  if (error == http::error::body_limit) {
    return ApiError{.status = 413,
                    .message = "the body is larger than the " +
                               std::to_string(options.max_body_bytes) + " bytes allowed"};
  }
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return ApiError{.status = 431,
                    .message = "the headers are larger than the " +
                               std::to_string(options.max_header_bytes) + " bytes allowed"};
  }
  if (error.category() == make_error_code(http::error::bad_method).category()) {
    return ApiError{.status = 400, .message = "malformed HTTP: " + error.message()};
  }
  return std::nullopt;
}

}  // namespace

class Connection;

struct HttpServer::Impl {
  Impl(const ServerOptions& server_options, HttpHandler http_handler);
  ~Impl();

  void listen();
  asio::awaitable<void> accept();
  asio::awaitable<void> watch_signals();
  asio::awaitable<void> enforce_shutdown();
  void begin_stop();
  void abandon_all();

  const ServerOptions options;
  const HttpHandler handler;
  asio::io_context io{1};
  Tcp::acceptor acceptor{io};
  asio::signal_set signals{io};
  asio::steady_timer patience{io};
  asio::thread_pool workers;
  std::set<Connection*> connections;
  bool stopping = false;
  bool impatient = false;
  bool abandoned = false;  // nothing is left to be stopped
};

namespace {

std::string address_text(const ServerOptions& options) {
  return options.host + ":" + std::to_string(options.port);
}

[[noreturn]] void throw_listen_error(const ServerOptions& options, const error_code& error) {
  if (error == asio::error::address_in_use) {
    throw Error({.code = ErrorCode::kUnavailable,
                 .where = address_text(options),
                 .what = "the port is in use",
                 .remedy = "choose another with --port, or stop the program that holds it"});
  }
  if (error == asio::error::access_denied) {
    throw Error({.code = ErrorCode::kPermissionDenied,
                 .where = address_text(options),
                 .what = "the system does not permit this port",
                 .remedy = "choose a port of 1024 or above with --port"});
  }
  throw Error({.code = ErrorCode::kInvalidArgument,
               .where = address_text(options),
               .what = "cannot listen here: " + error.message(),
               .remedy = "use an address of this machine with --host"});
}

}  // namespace

// One client: reads requests one after the other and writes their answers. Lives as long as its
// coroutines; runs on the server's thread only.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(HttpServer::Impl& server, Tcp::socket socket)
      : server_(server),
        stream_(std::move(socket)),
        buffer_(size_t{128} << 10),
        watch_ended_(server.io) {
    server_.connections.insert(this);
  }
  ~Connection() {
    server_.connections.erase(this);
    if (server_.stopping && server_.connections.empty()) server_.patience.cancel();
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  static asio::awaitable<void> serve(std::shared_ptr<Connection> self) { co_await self->run(); }

  static asio::awaitable<void> refuse(std::shared_ptr<Connection> self) {
    // A name of its own: g++ 12 destroys a braced argument of a co_await expression twice.
    const ApiError error{.status = 503,
                         .message = "too many connections are open; try again in a few seconds"};
    co_await self->send_error(error);
  }

  // At shutdown: closes a connection between requests, and lets others end their request.
  void close_if_idle() {
    if (idle_) stream_.cancel();
  }
  void abandon() {
    if (answer_ != nullptr) answer_->abandon();
    stream_.cancel();
  }

 private:
  asio::awaitable<void> run() {
    while (!server_.stopping) {
      if (!co_await wait_for_request()) break;
      http::request_parser<http::string_body> parser;
      if (!co_await read_request(parser)) break;
      const bool keep_open = co_await answer(parser);
      if (!keep_open) break;
    }
    error_code ignored;
    stream_.socket().shutdown(Tcp::socket::shutdown_both, ignored);
    stream_.close();
  }

  asio::awaitable<bool> wait_for_request() {
    if (buffer_.size() > 0) co_return true;
    idle_ = true;
    stream_.expires_after(server_.options.idle_timeout);
    const auto [error, count] = co_await stream_.async_read_some(buffer_.prepare(4096), kResult);
    idle_ = false;
    if (error) co_return false;
    buffer_.commit(count);
    co_return true;
  }

  asio::awaitable<bool> read_request(http::request_parser<http::string_body>& parser) {
    parser.header_limit(static_cast<uint32_t>(server_.options.max_header_bytes));
    parser.body_limit(server_.options.max_body_bytes);
    started_ = Clock::now();
    stream_.expires_after(server_.options.read_timeout);
    {
      const auto [error, count] =
          co_await http::async_read_header(stream_, buffer_, parser, kResult);
      if (error) {
        co_await report_read_error(error);
        co_return false;
      }
    }
    if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
      const std::string go_on = "HTTP/1.1 100 Continue\r\n\r\n";
      const auto [error, count] = co_await asio::async_write(stream_, asio::buffer(go_on), kResult);
      if (error) co_return false;
    }
    const auto [error, count] = co_await http::async_read(stream_, buffer_, parser, kResult);
    if (error) {
      co_await report_read_error(error);
      co_return false;
    }
    co_return true;
  }

  asio::awaitable<void> report_read_error(const error_code error) {
    const std::optional<ApiError> api = read_error(error, server_.options);
    if (!api.has_value()) co_return;
    log({.method = "-", .path = "-", .status = api->status, .error = api->message});
    // A timeout has closed the stream; only a dead socket is left then.
    if (stream_.socket().is_open()) co_await send_error(*api);
  }

  // Answers and closes, reading on for a while: closing with unread input would reset the
  // connection and take the answer away from a client that is still sending.
  asio::awaitable<void> send_error(ApiError api) {
    stream_.expires_after(server_.options.write_timeout);
    const HttpResponse response = api_error_response(api);
    const std::string text =
        head_text(response, "Content-Length: " + std::to_string(response.body.size()) + "\r\n",
                  false) +
        response.body;
    const auto [write_error, written] =
        co_await asio::async_write(stream_, asio::buffer(text), kResult);
    if (write_error) co_return;
    error_code ignored;
    stream_.socket().shutdown(Tcp::socket::shutdown_send, ignored);
    stream_.expires_after(kDiscardTime);
    size_t discarded = 0;
    while (discarded < kMaxDiscarded) {
      buffer_.clear();
      const auto [error, count] =
          co_await stream_.async_read_some(buffer_.prepare(kWritePiece), kResult);
      if (error) break;
      discarded += count;
    }
  }

  // Hands the request to a worker, sends what its exchange says, and returns whether the
  // connection can serve another request.
  asio::awaitable<bool> answer(http::request_parser<http::string_body>& parser) {
    http::request<http::string_body> message = parser.release();
    const bool keep_alive = message.keep_alive();
    const bool chunked = message.version() >= 11;
    const bool head_only = message.method() == http::verb::head;
    HttpRequest request{.method = std::string(message.method_string()),
                        .path = std::string(message.target()),
                        .headers = {},
                        .body = std::move(message.body())};
    request.path = request.path.substr(0, request.path.find('?'));
    for (const auto& field : message) {
      request.headers.emplace_back(field.name_string(), field.value());
    }
    RequestLog entry{
        .method = printable(request.method, 20), .path = printable(request.path, 100), .error = {}};

    const auto answer = std::make_shared<Answer>(server_.io);
    answer_ = answer;
    dispatch(std::move(request), answer);

    watching_ = true;
    asio::co_spawn(server_.io, watch(shared_from_this(), answer), asio::detached);
    const bool sent = co_await send(*answer, keep_alive && !server_.stopping, chunked, head_only);
    answer->abandon();
    answer_ = nullptr;
    if (watching_) {
      error_code ignored;
      stream_.socket().cancel(ignored);
      watch_ended_.expires_at(Clock::time_point::max());
      co_await watch_ended_.async_wait(kResult);
    }

    entry.status = sent && answer->head.has_value() ? answer->head->status : 499;
    if (answer->head.has_value()) entry.error = answer->head->error;
    entry.prompt_tokens = answer->prompt_tokens;
    entry.completion_tokens = answer->completion_tokens;
    entry.request_id = answer->request_id;
    log(std::move(entry));
    co_return sent&& keep_alive && !server_.stopping && (chunked || !answer->streaming);
  }

  void dispatch(HttpRequest request, const std::shared_ptr<Answer>& answer) {
    auto exchange = std::make_shared<HttpExchange>(server_.io, std::move(request), answer);
    asio::post(server_.workers, [&handler = server_.handler, exchange = std::move(exchange)] {
      try {
        handler(exchange);
      } catch (const std::exception& error) {
        exchange->respond(api_error_response({.status = 500, .message = error.what()}));
      } catch (...) {
        exchange->respond(api_error_response({.status = 500, .message = "internal fault"}));
      }
    });
  }

  // Notices that the client has gone while its answer is being made. What it sends meanwhile is
  // the beginning of its next request.
  static asio::awaitable<void> watch(std::shared_ptr<Connection> self,
                                     std::shared_ptr<Answer> answer) {
    while (self->answer_ == answer && self->buffer_.size() < kReadAhead) {
      self->stream_.expires_never();  // for this read alone when a write is under way
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

  // False when the client has gone or took too long.
  asio::awaitable<bool> send(Answer& answer, bool keep_open, bool chunked, bool head_only) {
    bool head_sent = false;
    for (;;) {
      if (answer.abandoned) co_return false;
      std::string text;
      if (!head_sent && answer.head.has_value()) {
        head_sent = true;
        const HttpResponse& head = *answer.head;
        if (!answer.streaming) {
          text = head_text(head, "Content-Length: " + std::to_string(head.body.size()) + "\r\n",
                           keep_open);
          if (!head_only) text += head.body;
          co_return co_await write(text);
        }
        text =
            head_text(head, chunked ? "Transfer-Encoding: chunked\r\n" : "", keep_open && chunked);
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
        answer.unsent = ": still working\n\n";
      }
    }
  }

  asio::awaitable<bool> write(const std::string& text) {
    for (size_t sent = 0; sent < text.size();) {
      const size_t piece = std::min(kWritePiece, text.size() - sent);
      stream_.expires_after(server_.options.write_timeout);
      const auto [error, count] =
          co_await asio::async_write(stream_, asio::buffer(text.data() + sent, piece), kResult);
      if (error) co_return false;
      sent += count;
    }
    co_return true;
  }

  void log(RequestLog entry) const {
    if (!server_.options.on_request) return;
    entry.milliseconds = std::chrono::duration<double, std::milli>(Clock::now() - started_).count();
    server_.options.on_request(entry);
  }

  HttpServer::Impl& server_;
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  Clock::time_point started_ = Clock::now();  // of the present request
  bool idle_ = false;                         // between requests
  std::shared_ptr<Answer> answer_;            // of the present request
  bool watching_ = false;
  asio::steady_timer watch_ended_;
};

HttpServer::Impl::Impl(const ServerOptions& server_options, HttpHandler http_handler)
    : options(server_options),
      handler(std::move(http_handler)),
      workers(static_cast<size_t>(std::max(1, server_options.worker_threads))) {
  listen();
}

HttpServer::Impl::~Impl() { workers.join(); }

void HttpServer::Impl::listen() {
  error_code error;
  Tcp::endpoint endpoint;
  const asio::ip::address address = asio::ip::make_address(options.host, error);
  if (!error) {
    endpoint = {address, options.port};
  } else {
    Tcp::resolver resolver(io);
    const auto found = resolver.resolve(options.host, std::to_string(options.port), error);
    if (error || found.empty()) throw_listen_error(options, error);
    endpoint = *found.begin();
  }
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(Tcp::acceptor::reuse_address(true), error);
  if (!error && endpoint.address().is_v6()) {
    acceptor.set_option(asio::ip::v6_only(false), error);
  }
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) throw_listen_error(options, error);
}

asio::awaitable<void> HttpServer::Impl::accept() {
  while (!stopping) {
    auto [error, socket] = co_await acceptor.async_accept(kResult);
    if (stopping) break;
    if (error) {
      // Out of file descriptors, most likely: wait for connections to end.
      asio::steady_timer pause(io, milliseconds(100));
      co_await pause.async_wait(kResult);
      continue;
    }
    socket.set_option(Tcp::no_delay(true), error);
    const bool full =
        connections.size() >= static_cast<size_t>(std::max(1, options.max_connections));
    const auto connection = std::make_shared<Connection>(*this, std::move(socket));
    asio::co_spawn(io, full ? Connection::refuse(connection) : Connection::serve(connection),
                   asio::detached);
  }
}

asio::awaitable<void> HttpServer::Impl::watch_signals() {
  // begin_stop may run to its end at once; a wait begun after that would never end.
  while (!abandoned) {
    const auto [error, signal] = co_await signals.async_wait(kResult);
    if (error) co_return;
    begin_stop();
  }
}

asio::awaitable<void> HttpServer::Impl::enforce_shutdown() {
  patience.expires_after(options.shutdown_timeout);
  if (!impatient && !connections.empty()) co_await patience.async_wait(kResult);
  abandon_all();
  abandoned = true;
  error_code ignored;
  signals.clear(ignored);
}

void HttpServer::Impl::begin_stop() {
  if (std::exchange(stopping, true)) {
    impatient = true;
    patience.cancel();
    return;
  }
  error_code ignored;
  acceptor.close(ignored);
  for (Connection* connection : connections) connection->close_if_idle();
  asio::co_spawn(io, enforce_shutdown(), asio::detached);
}

void HttpServer::Impl::abandon_all() {
  for (Connection* connection : connections) connection->abandon();
}

HttpServer::HttpServer(const ServerOptions& options, HttpHandler handler)
    : impl_(std::make_unique<Impl>(options, std::move(handler))) {}

HttpServer::~HttpServer() = default;

uint16_t HttpServer::port() const { return impl_->acceptor.local_endpoint().port(); }

void HttpServer::stop() {
  asio::post(impl_->io, [impl = impl_.get()] { impl->begin_stop(); });
}

void HttpServer::run() {
  if (impl_->options.handle_signals) {
    impl_->signals.add(SIGINT);
    impl_->signals.add(SIGTERM);
    asio::co_spawn(impl_->io, impl_->watch_signals(), asio::detached);
  }
  asio::co_spawn(impl_->io, impl_->accept(), asio::detached);
  for (;;) {
    try {
      impl_->io.run();
      return;
    } catch (const std::exception& error) {
      // A task of a handler failed; the other connections go on.
      if (impl_->options.on_request) {
        impl_->options.on_request(
            {.method = "-", .path = "-", .status = 500, .error = error.what()});
      }
    }
  }
}

}  // namespace hadal
