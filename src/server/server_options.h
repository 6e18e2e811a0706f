// What a server is told at its start: address, limits, patience, the name of its model, and where
// it reports requests. Plain data; `hadal serve --help` lists those that users set.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "chat/chat_encoding.h"
#include "chat/sampling_defaults.h"

namespace hadal {

// One finished request, for the log. Never holds prompts or answers.
struct RequestLog {
  std::string method;
  std::string path;  // printable, cut to 100 bytes, without the query
  int status = 0;    // 499: the client left before the end of the answer
  int prompt_tokens = 0;
  int completion_tokens = 0;
  double milliseconds = 0;
  std::string error;            // the message of an error answer; may be empty
  std::string request_id = {};  // the client's X-Request-Id or one made here; "": could not be read
};

struct ServerOptions {
  std::string host = "127.0.0.1";  // an address or name of this machine
  uint16_t port = 8000;            // 0: any free one, see Server::port
  std::string model_name = "hadal";
  std::vector<std::string> other_names = {};  // by which requests may call the model as well
  SamplingDefaults sampling = {};  // where a request does not say, see chat/sampling_defaults.h
  ReasoningEfforts efforts = ReasoningEfforts::kHighMax;  // of the model
  bool strict = false;  // refuse fields that are not known, unless a request says otherwise
  // Names that a Host header may carry besides addresses and localhost: NAME, *.NAME or *. Without
  // any, all are accepted unless the server listens on loopback, see HostGuard.
  std::vector<std::string> allowed_hosts = {};

  // Web pages that may ask from a browser, besides those of this server's own host, of this machine
  // and of allowed_hosts: SCHEME://HOST[:PORT], null or *, see OriginGuard.
  std::vector<std::string> allowed_origins = {};

  size_t max_body_bytes = size_t{8} << 20;  // of one request, see default_max_body in server.h
  // Of the bodies of all requests together; no less than four of the largest.
  size_t max_all_bodies_bytes = size_t{256} << 20;
  size_t max_header_bytes = size_t{16} << 10;
  int max_connections = 256;
  int worker_threads = 2;  // parse and tokenise requests

  std::chrono::milliseconds idle_timeout{75'000};      // between requests of a connection
  std::chrono::milliseconds read_timeout{30'000};      // for a head, and for 256 KiB of a body
  std::chrono::milliseconds write_timeout{30'000};     // for a reader to take 64 KiB
  std::chrono::milliseconds keep_alive{15'000};        // comment into a silent stream
  std::chrono::milliseconds shutdown_timeout{30'000};  // for running requests after stop()

  // Called on the server's thread for every request; must not block or throw.
  std::function<void(const RequestLog&)> on_request = {};
  // Called once for each name of a request's field that had no effect because this server does not
  // know it. The name is printable and short; there are at most 256. From any thread; must not
  // throw.
  std::function<void(const std::string& name)> on_unknown_field = {};
};

}  // namespace hadal
