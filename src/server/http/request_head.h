// What HTTP asks of a request before its body is read (RFC 9110, RFC 9112): the request line, the
// target, and the header fields that decide about framing, host and expectations. Pure functions;
// the bytes are read elsewhere, and what a path or host is good for is the router's business.
#pragma once

#include <string>
#include <string_view>

#include "server/http/http_types.h"

namespace hadal {

// Throws HttpException unless `line`, up to and with its line feed, is METHOD TARGET HTTP/1.x.
void check_request_line(std::string_view line);

// Throws HttpException when no request begins with `byte`, so that what else comes (a TLS
// handshake) need not be waited for.
void check_first_byte(char byte);

struct RequestTarget {
  std::string path;       // percent-decoded, without the query; "*" for OPTIONS *
  std::string query;      // what follows the first '?', as it was sent
  std::string authority;  // of the absolute form, in place of the Host header; else empty
};

// Throws HttpException for a target that no origin server can answer.
RequestTarget parse_request_target(std::string_view method, std::string_view target);

// The beginning of a message as the parser understood it.
struct RequestFraming {
  bool http10 = false;
  bool chunked = false;
  bool has_body = false;
};

struct RequestHead {
  bool http10 = false;
  bool keep_alive = false;        // the client will send further requests
  bool expects_continue = false;  // it waits for 100 before it sends the body
};

// Checks the headers together. Throws HttpException: 400 where the message's end or host is in
// doubt, 415, 417 and 501 for what this server does not speak.
RequestHead read_request_head(const RequestFraming& framing, const HttpHeaders& headers);

}  // namespace hadal
