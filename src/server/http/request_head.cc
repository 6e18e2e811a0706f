#include "server/http/request_head.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/utf8.h"
#include "server/http/http_error.h"
#include "server/http/uri_host.h"

namespace hadal {
namespace {

[[noreturn]] void refuse(int status, std::string message) {
  throw HttpException({.status = status, .message = std::move(message)});
}

bool is_token_char(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// The members of all header fields `name`, in order, without the empty ones.
std::vector<std::string_view> list_members(const HttpHeaders& headers, std::string_view name) {
  std::vector<std::string_view> members;
  for (const auto& [key, value] : headers) {
    if (!equal_ignoring_case(key, name)) continue;
    for (std::string_view rest = value; !rest.empty();) {
      const size_t comma = std::min(rest.find(','), rest.size());
      const std::string_view member = trimmed(rest.substr(0, comma));
      if (!member.empty()) members.push_back(member);
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }
  return members;
}

bool contains(const std::vector<std::string_view>& members, std::string_view wanted) {
  return std::any_of(members.begin(), members.end(),
                     [&](std::string_view member) { return equal_ignoring_case(member, wanted); });
}

std::string joined(const std::vector<std::string_view>& members) {
  std::string text;
  for (const std::string_view member : members) {
    text += (text.empty() ? "" : ", ") + std::string(member);
  }
  return printable(text, 100);
}

std::string decoded_path(std::string_view path) {
  std::string decoded;
  decoded.reserve(path.size());
  for (size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%') {
      decoded += path[i];
      continue;
    }
    const int high = i + 2 < path.size() ? hex_value(path[i + 1]) : -1;
    const int low = i + 2 < path.size() ? hex_value(path[i + 2]) : -1;
    if (high < 0 || low < 0) {
      refuse(400, "the path has a malformed escape, \"" + printable(path.substr(i, 3), 10) +
                      "\"; a percent sign itself is written %25");
    }
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  if (decoded.find('\0') != std::string::npos) refuse(400, "the path holds a zero byte");
  if (!is_valid_utf8(decoded)) refuse(400, "the path is not UTF-8");
  return decoded;
}

// Framing that two readers could understand differently is how requests are smuggled past a proxy:
// it is refused, never guessed at.
void check_transfer_encoding(const RequestFraming& framing, const HttpHeaders& headers) {
  bool present = false;
  bool has_length = false;
  for (const auto& [key, value] : headers) {
    present |= equal_ignoring_case(key, "Transfer-Encoding");
    has_length |= equal_ignoring_case(key, "Content-Length");
  }
  if (!present) return;
  if (framing.http10) refuse(400, "HTTP/1.0 knows no Transfer-Encoding; send Content-Length");
  if (has_length) refuse(400, "a request has Transfer-Encoding or Content-Length, not both");
  const std::vector<std::string_view> codings = list_members(headers, "Transfer-Encoding");
  if (codings.empty() || !equal_ignoring_case(codings.back(), "chunked") ||
      std::count_if(codings.begin(), codings.end(), [](std::string_view coding) {
        return equal_ignoring_case(coding, "chunked");
      }) != 1) {
    refuse(400, "the Transfer-Encoding \"" + joined(codings) +
                    "\" does not end with chunked, once, so that the end of the body is unknown");
  }
  if (codings.size() > 1) {
    refuse(501, "the Transfer-Encoding \"" + joined(codings) +
                    "\" is not supported; send the body as it is, with Transfer-Encoding: chunked "
                    "or Content-Length");
  }
  if (!framing.chunked) refuse(400, "malformed HTTP: Transfer-Encoding");
}

// Guards look at one, so there must not be another.
void check_origin(const HttpHeaders& headers) {
  const auto is_origin = [](const auto& header) {
    return equal_ignoring_case(header.first, "Origin");
  };
  if (std::ranges::count_if(headers, is_origin) > 1) {
    refuse(400, "the request has more than one Origin header");
  }
}

void check_host(bool http10, const HttpHeaders& headers) {
  std::optional<std::string_view> host;
  for (const auto& [key, value] : headers) {
    if (!equal_ignoring_case(key, "Host")) continue;
    if (host.has_value()) refuse(400, "the request has more than one Host header");
    host = value;
  }
  if (!host.has_value()) {
    if (!http10) refuse(400, "an HTTP/1.1 request needs a Host header");
  } else if (!parse_uri_host(*host).has_value()) {
    refuse(400, "the Host header \"" + printable(*host, 100) + "\" is no host and port");
  }
}

void check_content_encoding(const HttpHeaders& headers) {
  std::vector<std::string_view> codings = list_members(headers, "Content-Encoding");
  std::erase_if(codings,
                [](std::string_view coding) { return equal_ignoring_case(coding, "identity"); });
  if (codings.empty()) return;
  throw HttpException(
      {.status = 415,
       .message = "a body in the Content-Encoding \"" + joined(codings) +
                  "\" is not supported; send it uncompressed, without Content-Encoding",
       .code = "unsupported_content_encoding"});
}

}  // namespace

void check_first_byte(char byte) {
  constexpr char kTlsHandshake = 0x16;
  if (byte == kTlsHandshake) refuse(400, "this server speaks HTTP, not HTTPS; use http://");
  if (!is_token_char(byte)) refuse(400, "malformed HTTP: no request begins like this");
}

void check_request_line(std::string_view line) {
  if (!line.ends_with("\r\n")) refuse(400, "malformed HTTP: lines end with CR and LF");
  line.remove_suffix(2);
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == 0 || last <= first + 1) {
    refuse(400, "malformed HTTP: a request begins with METHOD TARGET HTTP/1.1");
  }
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (!std::all_of(method.begin(), method.end(), is_token_char)) {
    refuse(400, "malformed HTTP: the method is no token");
  }
  for (const char c : target) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= ' ' || byte == 0x7f) {
      refuse(400, "malformed HTTP: the target holds a space or a control character");
    }
  }
  if (version.size() != 8 || !version.starts_with("HTTP/") || !is_digit(version[5]) ||
      version[6] != '.' || !is_digit(version[7])) {
    refuse(400, "malformed HTTP: \"" + printable(version, 20) + "\" is no HTTP version");
  }
  if (version[5] != '1') {
    refuse(505, std::string(version) + " is not supported; this server speaks HTTP/1.1");
  }
}

RequestTarget parse_request_target(std::string_view method, std::string_view target) {
  if (method == "CONNECT") {
    refuse(501, "this server is no proxy; CONNECT is not supported");
  }
  RequestTarget result;
  if (target == "*") {
    if (method != "OPTIONS") refuse(400, "the target * is for OPTIONS only");
    result.path = "*";
    return result;
  }
  if (target.find('#') != std::string_view::npos) {
    refuse(400, "the target holds a fragment (#), which is not sent to a server");
  }
  if (!target.starts_with('/')) {
    const size_t scheme = target.find("://");
    if (scheme == std::string_view::npos ||
        !(equal_ignoring_case(target.substr(0, scheme), "http") ||
          equal_ignoring_case(target.substr(0, scheme), "https"))) {
      refuse(400, "the target \"" + printable(target, 100) +
                      "\" is neither a path nor a URL of http or https");
    }
    target.remove_prefix(scheme + 3);
    const size_t end = std::min(target.find_first_of("/?"), target.size());
    result.authority = target.substr(0, end);
    target.remove_prefix(end);
    const std::optional<UriHost> host = parse_uri_host(result.authority);
    if (!host.has_value() || host->name.empty()) {
      refuse(400, "the target's \"" + printable(result.authority, 100) + "\" is no host and port");
    }
  }
  const size_t question = std::min(target.find('?'), target.size());
  const std::string_view path = target.substr(0, question);
  result.query = target.substr(std::min(question + 1, target.size()));
  // An empty path is possible in the absolute form; OPTIONS then asks for the server as a whole.
  if (path.empty()) {
    result.path = method == "OPTIONS" && target.empty() ? "*" : "/";
  } else {
    result.path = decoded_path(path);
  }
  return result;
}

RequestHead read_request_head(const RequestFraming& framing, const HttpHeaders& headers) {
  const bool http10 = framing.http10;
  check_transfer_encoding(framing, headers);
  check_host(http10, headers);
  check_origin(headers);
  if (framing.has_body) check_content_encoding(headers);

  RequestHead head{.http10 = http10};
  const std::vector<std::string_view> connection = list_members(headers, "Connection");
  head.keep_alive =
      !contains(connection, "close") && (!http10 || contains(connection, "keep-alive"));
  // HTTP/1.0 knows no expectations.
  if (!http10) {
    const std::vector<std::string_view> expected = list_members(headers, "Expect");
    for (const std::string_view expectation : expected) {
      if (!equal_ignoring_case(expectation, "100-continue")) {
        refuse(417,
               "the expectation \"" + joined(expected) + "\" is not known; only 100-continue is");
      }
    }
    head.expects_continue = framing.has_body && !expected.empty();
  }
  return head;
}

}  // namespace hadal
