// One thread's share of a load: HTTP requests in flight, their answers as they come, and timers.
// Stands on libcurl's multi interface over epoll, so TLS, proxies (as the environment names them,
// never for loopback) and connections are its business.
// Knows nothing of tokens. Everything but wake() belongs to the thread that calls run().
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "measure/client/loop_lag.h"

namespace hadal {

// Seconds of the monotonic clock.
double monotonic_seconds();

struct HttpLoopOptions {
  double connect_timeout = 10;  // seconds
  // Of the answer: so long without a byte ends a request. 0: never.
  double idle_timeout = 600;
  bool verify_tls = true;
  std::string ca_file = {};               // empty: the system's
  std::vector<std::string> headers = {};  // "Name: value", of every request
  std::string user_agent = "hadal-measure";
};

struct OutgoingRequest {
  std::string url = {};
  std::string body = {};  // empty: GET, otherwise POST of JSON
  double timeout = 0;     // seconds for all of it; 0: none
};

// How a transfer ended. `failure` is empty for any complete answer, whatever its status.
struct HttpEnd {
  std::string failure = {};   // "resolve", "connect", "tls", "timeout", "reset", "truncated", ...
  std::string text = {};      // one line, printable
  int status = 0;             // 0: no answer came
  std::string location = {};  // of a redirect, which is not followed
  std::optional<double> retry_after = {};  // seconds
  std::string content_type = {};
  std::string server = {};  // the header of that name
  double seconds = 0;       // on the monotonic clock: when it ended
};

// Receives one answer. Must live until on_end.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  // The connection stands, and the request is about to be written to it. Again where a connection
  // that was kept turned out to be dead.
  virtual void on_sent(double /*now*/) {}
  // The first bytes of the answer have come.
  virtual void on_headers(int status, std::string_view content_type, double now) = 0;
  // `now`: when they were read. What it throws ends the transfer with failure "garbage". Must not
  // start or cancel transfers; on_end may.
  virtual void on_body(std::string_view bytes, double now) = 0;
  virtual void on_end(const HttpEnd& end) = 0;
};

class HttpLoop {
 public:
  explicit HttpLoop(HttpLoopOptions options);
  ~HttpLoop();
  HttpLoop(const HttpLoop&) = delete;
  HttpLoop& operator=(const HttpLoop&) = delete;

  using TransferId = uint64_t;

  // `handler` hears of it from run(), never during this call.
  TransferId start(OutgoingRequest request, HttpHandler& handler);
  // on_end is called with failure "cancelled", during this call. Unknown ids are passed over.
  void cancel(TransferId id);
  void cancel_all();
  // `time` on the monotonic clock; one in the past is called at once from run().
  void at(double time, std::function<void()> call);
  void clear_timers();

  size_t in_flight() const;

  // Until `finished` says so, which is asked whenever something has happened.
  void run(const std::function<bool()>& finished);
  // From any thread: `finished` is asked again.
  void wake();

  const LoopLag& lag() const;
  void reset_lag();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hadal
