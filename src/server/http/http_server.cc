#include "server/http/http_server.h"

#include <chrono>
#include <exception>
#include <string>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/error.h"
#include "server/http/connection.h"
#include "server/http/http_error.h"
#include "server/http/uri_host.h"

namespace hadal {
namespace {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;
using boost::system::error_code;

// Errors as values: a failed accept is no exception here.
constexpr auto kAsValues = asio::as_tuple(asio::use_awaitable);

// At shutdown: for a request that has begun to arrive, and for the last answers to be written.
constexpr std::chrono::milliseconds kArrivalTime{3000};
constexpr std::chrono::milliseconds kLastWords{500};

}  // namespace

struct HttpServer::Impl {
  Impl(const ServerOptions& server_options, HttpHandler http_handler,
       RequestErrorWriter error_writer);
  ~Impl();

  void listen();
  asio::awaitable<void> accept();
  void add(Tcp::socket socket);
  void begin_stop();
  asio::awaitable<void> enforce_shutdown();

  ConnectionContext context;
  Tcp::acceptor acceptor{context.io};
  asio::steady_timer patience{context.io};  // cancelled when there is nothing to wait for
  bool impatient = false;
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

HttpServer::Impl::Impl(const ServerOptions& server_options, HttpHandler http_handler,
                       RequestErrorWriter error_writer)
    : context(server_options, std::move(http_handler), std::move(error_writer)) {
  context.on_last_closed = [this] { patience.cancel(); };
  listen();
}

HttpServer::Impl::~Impl() {
  context.workers.join();
  context.large_worker.join();
}

void HttpServer::Impl::listen() {
  const ServerOptions& options = context.options;
  error_code error;
  Tcp::endpoint endpoint;
  const asio::ip::address address = asio::ip::make_address(options.host, error);
  if (!error) {
    endpoint = {address, options.port};
  } else {
    Tcp::resolver resolver(context.io);
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
  while (!context.stopping) {
    auto [error, socket] = co_await acceptor.async_accept(kAsValues);
    if (error && !context.stopping) {
      // Out of file descriptors, most likely: wait for connections to end.
      asio::steady_timer pause(context.io, std::chrono::milliseconds(100));
      co_await pause.async_wait(kAsValues);
    } else if (!error) {
      add(std::move(socket));
    }
  }
}

void HttpServer::Impl::add(Tcp::socket socket) {
  error_code ignored;
  socket.set_option(Tcp::no_delay(true), ignored);
  const bool full =
      context.open.size() >= static_cast<size_t>(std::max(1, context.options.max_connections));
  // Whoever has nothing to ask makes way for one who may.
  Connection* idle = full ? longest_idle(context) : nullptr;
  if (idle != nullptr) idle->close();
  const auto connection = make_tcp_connection(context, std::move(socket));
  asio::co_spawn(
      context.io,
      full && idle == nullptr ? Connection::refuse(connection) : Connection::serve(connection),
      asio::detached);
}

asio::awaitable<void> HttpServer::Impl::enforce_shutdown() {
  // What was accepted a moment ago is not among the open connections yet.
  co_await asio::post(context.io, asio::use_awaitable);
  const auto begin = std::chrono::steady_clock::now();
  const auto timeout = context.options.shutdown_timeout;
  const auto waits = [this] { return !impatient && !context.open.empty(); };

  patience.expires_at(begin + std::min(timeout, kArrivalTime));
  if (waits()) co_await patience.async_wait(kAsValues);
  for (Connection* connection : context.open) connection->refuse_incomplete();

  patience.expires_at(begin + timeout);
  if (waits()) co_await patience.async_wait(kAsValues);
  for (Connection* connection : context.open) connection->refuse_unanswered();

  patience.expires_after(kLastWords);
  if (!context.open.empty()) co_await patience.async_wait(kAsValues);
  for (Connection* connection : context.open) connection->close();
}

void HttpServer::Impl::begin_stop() {
  if (std::exchange(context.stopping, true)) {
    impatient = true;
    patience.cancel();
    return;
  }
  // Those that the system has accepted already would be reset with the acceptor.
  error_code error;
  acceptor.non_blocking(true, error);
  while (!error) {
    Tcp::socket socket(context.io);
    acceptor.accept(socket, error);
    if (!error) add(std::move(socket));
  }
  acceptor.close(error);
  for (Connection* connection : context.open) connection->close_if_idle();
  asio::co_spawn(context.io, enforce_shutdown(), asio::detached);
}

HttpServer::HttpServer(const ServerOptions& options, HttpHandler handler,
                       RequestErrorWriter write_error)
    : impl_(std::make_unique<Impl>(options, std::move(handler), std::move(write_error))) {}

HttpResponse HttpServer::plain_error(const HttpRequest& /*request*/, const HttpError& error) {
  return plain_error_response(error);
}

HttpServer::~HttpServer() = default;

uint16_t HttpServer::port() const { return impl_->acceptor.local_endpoint().port(); }

bool HttpServer::on_loopback() const {
  return is_loopback_address(impl_->acceptor.local_endpoint().address().to_string());
}

void HttpServer::stop() {
  asio::post(impl_->context.io, [impl = impl_.get()] { impl->begin_stop(); });
}

void HttpServer::run() {
  asio::co_spawn(impl_->context.io, impl_->accept(), asio::detached);
  for (;;) {
    try {
      impl_->context.io.run();
      return;
    } catch (const std::exception& error) {
      // A task of a handler failed; the other connections go on.
      if (impl_->context.options.on_request) {
        impl_->context.options.on_request(
            {.method = "-", .path = "-", .status = 500, .error = error.what()});
      }
    }
  }
}

}  // namespace hadal
