#include "server/http/uri_host.h"

#include <algorithm>
#include <arpa/inet.h>

namespace hadal {
namespace {

constexpr int kMostPort = 65535;

bool is_uri_digit(char c) { return c >= '0' && c <= '9'; }

bool is_hex(char c) { return is_uri_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// unreserved and sub-delims of RFC 3986.
bool is_name_char(char c) {
  return is_uri_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("-._~!$&'()*+,;=").find(c) != std::string_view::npos;
}

bool is_registered_name(std::string_view name) {
  for (size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '%') {
      if (i + 2 >= name.size() || !is_hex(name[i + 1]) || !is_hex(name[i + 2])) return false;
      i += 2;
    } else if (!is_name_char(name[i])) {
      return false;
    }
  }
  return true;
}

bool is_port(std::string_view port) {
  if (port.size() > 5 || !std::all_of(port.begin(), port.end(), is_uri_digit)) return false;
  int number = 0;
  for (const char digit : port) number = 10 * number + (digit - '0');
  return number <= kMostPort;
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return result;
}

// An address in its shortest form; nullopt when `text` is none of `family`.
std::optional<std::string> canonical_address(int family, const std::string& text) {
  unsigned char bytes[sizeof(in6_addr)];
  char canonical[INET6_ADDRSTRLEN];
  if (inet_pton(family, text.c_str(), bytes) != 1 ||
      inet_ntop(family, bytes, canonical, sizeof(canonical)) == nullptr) {
    return std::nullopt;
  }
  return std::string(canonical);
}

}  // namespace

std::optional<UriHost> parse_uri_host(std::string_view text) {
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view rest = text.substr(end + 1);
    if (!rest.empty() && (rest[0] != ':' || !is_port(rest.substr(1)))) return std::nullopt;
    const std::string_view literal = text.substr(1, end - 1);
    const size_t zone = literal.find('%');  // as "%25eth0" or, by custom, "%eth0"
    if (zone != std::string_view::npos &&
        (zone + 1 == literal.size() ||
         !std::all_of(literal.begin() + static_cast<std::ptrdiff_t>(zone) + 1, literal.end(),
                      [](char c) { return c == '%' || is_name_char(c); }))) {
      return std::nullopt;
    }
    const auto address = canonical_address(AF_INET6, std::string(literal.substr(0, zone)));
    if (!address.has_value()) return std::nullopt;
    return UriHost{.name = *address, .is_address = true};
  }

  const size_t colon = text.find(':');
  if (colon != std::string_view::npos && !is_port(text.substr(colon + 1))) return std::nullopt;
  std::string_view name = text.substr(0, colon);
  if (!is_registered_name(name)) return std::nullopt;
  if (name.ends_with('.')) name.remove_suffix(1);
  if (const auto address = canonical_address(AF_INET, std::string(name))) {
    return UriHost{.name = *address, .is_address = true};
  }
  return UriHost{.name = lower(name)};
}

bool is_loopback_address(const std::string& name) {
  in_addr v4{};
  if (inet_pton(AF_INET, name.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  if (inet_pton(AF_INET6, name.c_str(), &v6) != 1) return false;
  return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
}

}  // namespace hadal
