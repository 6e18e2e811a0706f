#include "measure/dashboard/http_server.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <microhttpd.h>
#include <netinet/in.h>
#include <semaphore>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include "base/error.h"
#include "measure/dashboard/web_page.h"

namespace hadal {
namespace {

constexpr unsigned kMostConnections = 64;
// Requests that are worked on at once; the others wait. A table of thousands of runs takes seconds
// and some hundred megabytes.
constexpr std::ptrdiff_t kMostAtWork = 4;
constexpr unsigned kIdleSeconds = 30;
constexpr size_t kMemoryOfConnection = size_t{32} << 10;  // request line and headers must fit

struct Address {
  sockaddr_storage storage = {};
  socklen_t length = 0;
  sa_family_t family() const { return storage.ss_family; }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

bool parse_address(const std::string& host, uint16_t port, Address& address) {
  auto* const four = reinterpret_cast<sockaddr_in*>(&address.storage);
  if (inet_pton(AF_INET, host == "localhost" ? "127.0.0.1" : host.c_str(), &four->sin_addr) == 1) {
    four->sin_family = AF_INET;
    four->sin_port = htons(port);
    address.length = sizeof(sockaddr_in);
    return true;
  }
  auto* const six = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (inet_pton(AF_INET6, host.c_str(), &six->sin6_addr) != 1) return false;
  six->sin6_family = AF_INET6;
  six->sin6_port = htons(port);
  address.length = sizeof(sockaddr_in6);
  return true;
}

[[noreturn]] void refuse_address(const std::string& where, int error) {
  if (error == EADDRINUSE) {
    throw Error({.code = ErrorCode::kUnavailable,
                 .where = where,
                 .what = "is taken by another program",
                 .remedy = "choose another with --port, or --port 0 for any that is free"});
  }
  throw Error({.code = error == EACCES ? ErrorCode::kPermissionDenied : ErrorCode::kInvalidArgument,
               .where = where,
               .what = std::string("cannot be listened on: ") + std::strerror(error),
               .remedy = "give an address of this machine, and a port above 1023"});
}

// "name", "name:8080", "[::1]:8080" without the port, in lower case.
std::string host_name(std::string_view header) {
  std::string name(header.substr(0, header.starts_with('[')
                                        ? std::min(header.find(']'), header.size() - 1) + 1
                                        : header.find(':')));
  std::transform(name.begin(), name.end(), name.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return name;
}

// Takes as long whatever the two have in common.
bool same_secret(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0U : 1U;
  for (size_t i = 0; i < a.size(); ++i) {
    difference |=
        static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(i < b.size() ? b[i] : ~a[i]);
  }
  return difference == 0;
}

std::string_view header_of(MHD_Connection* connection, const char* name) {
  const char* value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
  return value == nullptr ? std::string_view() : value;
}

MHD_Result take_argument(void* query, MHD_ValueKind /*kind*/, const char* key, const char* value) {
  auto& map = *static_cast<std::map<std::string, std::string, std::less<>>*>(query);
  map.insert_or_assign(key, value == nullptr ? "" : value);
  return MHD_YES;
}

ApiAnswer refusal(int status, std::string_view message) {
  return {.status = status,
          .body = R"({"error":{"code":"refused","message":")" + std::string(message) + "\"}}"};
}

// One of those at work.
class Place {
 public:
  using Places = std::counting_semaphore<kMostAtWork>;
  explicit Place(Places& places) : places_(places) { places_.acquire(); }
  ~Place() { places_.release(); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

 private:
  Places& places_;
};

}  // namespace

bool stays_on_this_machine(const std::string& host) {
  Address address;
  if (!parse_address(host, 0, address)) return false;
  if (address.family() == AF_INET) return host == "localhost" || host.starts_with("127.");
  const auto* const six = reinterpret_cast<const sockaddr_in6*>(&address.storage);
  return IN6_IS_ADDR_LOOPBACK(&six->sin6_addr) != 0;
}

struct DashboardServer::State {
  DashboardServerOptions options;
  Handler handler;
  MHD_Daemon* daemon = nullptr;
  mutable Place::Places places{kMostAtWork};

  bool is_known_host(std::string_view header) const {
    const std::string name = host_name(header);
    if (name.empty()) return false;
    if (name == "localhost" || name == "127.0.0.1" || name == "[::1]") return true;
    if (name == options.host || name == "[" + options.host + "]") return true;
    return std::any_of(options.allowed_hosts.begin(), options.allowed_hosts.end(),
                       [&](const std::string& host) { return host_name(host) == name; });
  }

  ApiAnswer answer(MHD_Connection* connection, const char* url, std::string_view method) const {
    if (!is_known_host(header_of(connection, MHD_HTTP_HEADER_HOST))) {
      return refusal(MHD_HTTP_MISDIRECTED_REQUEST,
                     "this host name is not known here; --allowed-host adds one");
    }
    if (method != MHD_HTTP_METHOD_GET && method != MHD_HTTP_METHOD_HEAD) {
      return refusal(MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD are known here");
    }
    ApiRequest request{.path = url};
    MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, take_argument, &request.query);
    if (!options.token.empty() && request.path.starts_with("/api/") &&
        !same_secret(header_of(connection, MHD_HTTP_HEADER_AUTHORIZATION),
                     "Bearer " + options.token)) {
      return refusal(MHD_HTTP_UNAUTHORIZED, "the token is missing or wrong");
    }
    const Place place(places);
    return handler(request);
  }

  static MHD_Result respond(MHD_Connection* connection, const ApiAnswer& answer) {
    MHD_Response* response = MHD_create_response_from_buffer(
        answer.body.size(), const_cast<char*>(answer.body.data()), MHD_RESPMEM_MUST_COPY);
    if (response == nullptr) return MHD_NO;
    const auto add = [&](const char* name, std::string_view value) {
      MHD_add_response_header(response, name, std::string(value).c_str());
    };
    add(MHD_HTTP_HEADER_CONTENT_TYPE, answer.content_type);
    add("Content-Security-Policy", served_page_policy());
    add("X-Content-Type-Options", "nosniff");
    add("Referrer-Policy", "no-referrer");
    add("Cross-Origin-Resource-Policy", "same-origin");
    add("Cross-Origin-Opener-Policy", "same-origin");
    add(MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (answer.status == MHD_HTTP_METHOD_NOT_ALLOWED) add(MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    if (answer.status == MHD_HTTP_UNAUTHORIZED) add(MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
    if (!answer.file_name.empty()) {
      add(MHD_HTTP_HEADER_CONTENT_DISPOSITION, "attachment; filename=\"" + answer.file_name + "\"");
    }
    const MHD_Result result =
        MHD_queue_response(connection, static_cast<unsigned>(answer.status), response);
    MHD_destroy_response(response);
    return result;
  }

  static MHD_Result handle(void* state, MHD_Connection* connection, const char* url,
                           const char* method, const char* /*version*/, const char* /*upload*/,
                           size_t* upload_size, void** of_request) {
    // The first call is made before a body could have come, to be able to refuse one.
    static char seen = 0;
    if (*of_request == nullptr) {
      *of_request = &seen;
      return MHD_YES;
    }
    if (*upload_size != 0) {
      *upload_size = 0;
      return MHD_YES;
    }
    try {
      return respond(connection, static_cast<State*>(state)->answer(connection, url, method));
    } catch (const std::exception&) {
      return MHD_NO;
    }
  }
};

DashboardServer::DashboardServer(DashboardServerOptions options, Handler handler)
    : state_(std::make_unique<State>()) {
  state_->options = std::move(options);
  state_->handler = std::move(handler);
  const std::string where = state_->options.host + ", port " + std::to_string(state_->options.port);
  Address address;
  if (!parse_address(state_->options.host, state_->options.port, address)) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "--host",
                 .what = "is no address: " + printable(state_->options.host, 80),
                 .remedy = "give one such as 127.0.0.1 or ::1"});
  }
  // The daemon would hide why a socket cannot be bound.
  const int listener = ::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0) refuse_address(where, errno);
  const int yes = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (::bind(listener, address.get(), address.length) != 0 || ::listen(listener, 64) != 0) {
    const int error = errno;
    ::close(listener);
    refuse_address(where, error);
  }
  unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION;
  if (address.family() == AF_INET6) flags |= MHD_USE_IPv6;
  state_->daemon = MHD_start_daemon(
      flags, 0, nullptr, nullptr, &State::handle, state_.get(), MHD_OPTION_LISTEN_SOCKET, listener,
      MHD_OPTION_CONNECTION_LIMIT, kMostConnections, MHD_OPTION_CONNECTION_TIMEOUT, kIdleSeconds,
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, kMemoryOfConnection, MHD_OPTION_END);
  if (state_->daemon == nullptr) {
    ::close(listener);
    throw Error({.code = ErrorCode::kResourceExhausted,
                 .where = where,
                 .what = "a server cannot be started: the system has no thread or file to give"});
  }
  sockaddr_storage bound = {};
  socklen_t length = sizeof bound;
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&bound), &length);
  state_->options.port =
      ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6*>(&bound)->sin6_port
                                        : reinterpret_cast<const sockaddr_in*>(&bound)->sin_port);
}

DashboardServer::~DashboardServer() { MHD_stop_daemon(state_->daemon); }

uint16_t DashboardServer::port() const { return state_->options.port; }

}  // namespace hadal
