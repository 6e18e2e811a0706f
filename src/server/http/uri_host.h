// The host of a Host header or an absolute request target (RFC 3986 §3.2.2): reads it, and brings
// the spellings of one host to one form. Decides nothing about who may be asked for.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hadal {

struct UriHost {
  // In lower case, without port, brackets, zone and the dot of the root; an address as inet_ntop
  // writes it. May be empty, as in "Host:" and "Host: :80".
  std::string name;
  bool is_address = false;  // a literal IPv4 or IPv6 address
};

// nullopt: not of the form host[:port].
std::optional<UriHost> parse_uri_host(std::string_view text);

// 127.0.0.0/8, ::1 and the former mapped into IPv6.
bool is_loopback_address(const std::string& name);

}  // namespace hadal
