#include "server/http/http_server.h"

#include <chrono>
#include <csignal>
#include <exception>
#include <string>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/error.h"
#include "server/http/connection.h"
#include "server/http/uri_host.h"

namespace hadal {
namespace {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;
using boost::system::error_code;

// Errors as values: a failed accept is no exception here.
constexpr auto kResult = asio::as_tuple(asio::use_awaitable);

}  // namespace

struct HttpServer::Impl {
  Impl(const ServerOptions& server_options, HttpHandler http_handler);
  ~Impl();

  void listen();
  asio::awaitable<void> accept();
  asio::awaitable<void> watch_signals();
  asio::awaitable<void> enforce_shutdown();
  void begin_stop();
  void abandon_all();

  ConnectionContext context;
  Tcp::acceptor acceptor{context.io};
  asio::signal_set signals{context.io};
  asio::steady_timer patience{context.io};
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

HttpServer::Impl::Impl(const ServerOptions& server_options, HttpHandler http_handler)
    : context(server_options, std::move(http_handler)) {
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
    auto [error, socket] = co_await acceptor.async_accept(kResult);
    if (context.stopping) break;
    if (error) {
      // Out of file descriptors, most likely: wait for connections to end.
      asio::steady_timer pause(context.io, std::chrono::milliseconds(100));
      co_await pause.async_wait(kResult);
      continue;
    }
    socket.set_option(Tcp::no_delay(true), error);
    const bool full =
        context.open.size() >= static_cast<size_t>(std::max(1, context.options.max_connections));
    const auto connection = std::make_shared<Connection>(context, std::move(socket));
    asio::co_spawn(context.io,
                   full ? Connection::refuse(connection) : Connection::serve(connection),
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
  patience.expires_after(context.options.shutdown_timeout);
  if (!impatient && !context.open.empty()) co_await patience.async_wait(kResult);
  abandon_all();
  abandoned = true;
  error_code ignored;
  signals.clear(ignored);
}

void HttpServer::Impl::begin_stop() {
  if (std::exchange(context.stopping, true)) {
    impatient = true;
    patience.cancel();
    return;
  }
  error_code ignored;
  acceptor.close(ignored);
  for (Connection* connection : context.open) connection->close_if_idle();
  asio::co_spawn(context.io, enforce_shutdown(), asio::detached);
}

void HttpServer::Impl::abandon_all() {
  for (Connection* connection : context.open) connection->abandon();
}

HttpServer::HttpServer(const ServerOptions& options, HttpHandler handler)
    : impl_(std::make_unique<Impl>(options, std::move(handler))) {}

HttpServer::~HttpServer() = default;

uint16_t HttpServer::port() const { return impl_->acceptor.local_endpoint().port(); }

bool HttpServer::on_loopback() const {
  return is_loopback_address(impl_->acceptor.local_endpoint().address().to_string());
}

void HttpServer::stop() {
  asio::post(impl_->context.io, [impl = impl_.get()] { impl->begin_stop(); });
}

void HttpServer::run() {
  if (impl_->context.options.handle_signals) {
    impl_->signals.add(SIGINT);
    impl_->signals.add(SIGTERM);
    asio::co_spawn(impl_->context.io, impl_->watch_signals(), asio::detached);
  }
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
