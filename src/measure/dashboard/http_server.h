// A small HTTP server for one page and its data, on threads of its own: GET and HEAD, names of
// hosts checked against other sites that lead a browser here (DNS rebinding), headers that keep the
// page to itself, an optional token. What is answered is the handler's business. libmicrohttpd's
// header stays in the .cc.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "measure/dashboard/dashboard_api.h"

namespace hadal {

struct DashboardServerOptions {
  std::string host = "127.0.0.1";  // an address to listen on
  uint16_t port = 0;               // 0: any that is free
  // Names by which the page is asked for, besides loopback's own and `host`.
  std::vector<std::string> allowed_hosts = {};
  // What every request for data must carry as "Authorization: Bearer"; empty: none is asked for.
  std::string token = {};
};

class DashboardServer {
 public:
  using Handler = std::function<ApiAnswer(const ApiRequest&)>;

  // Listens when it returns. `handler` is called on the connections' threads, for a few requests at
  // once.
  // Throws Error: kUnavailable (the port is taken), kInvalidArgument (no address of this machine),
  // kPermissionDenied.
  DashboardServer(DashboardServerOptions options, Handler handler);
  // Answers what has begun, then ends.
  ~DashboardServer();
  DashboardServer(const DashboardServer&) = delete;
  DashboardServer& operator=(const DashboardServer&) = delete;

  uint16_t port() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Whether an address reaches this machine alone.
bool stays_on_this_machine(const std::string& host);

}  // namespace hadal
