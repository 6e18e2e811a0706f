// Which names of this server a Host header may carry. A web page of elsewhere can make its own name
// resolve to this machine (DNS rebinding) and so reach a server that only listens on loopback; it
// cannot do so with an address, with localhost or with a name the user has allowed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hadal {

class HostGuard {
 public:
  // Accepts every host.
  HostGuard() = default;
  // Accepts addresses, localhost, names below it, and `names`: NAME, *.NAME for all below it, or *
  // for any. Throws Error kInvalidArgument for what is no host name; a port is ignored.
  explicit HostGuard(const std::vector<std::string>& names);

  // `host`: the value of a Host header; empty when the request names none, as HTTP/1.0 may and no
  // browser does.
  bool accepts(std::string_view host) const;

  // Whether `name`, in lower case and without a port, is among the names given.
  bool lists(std::string_view name) const;

  // Why a host is refused and what to do.
  static std::string refusal(std::string_view host);

 private:
  bool any_ = true;
  std::vector<std::string> names_;
  std::vector<std::string> suffixes_;  // with the dot
};

}  // namespace hadal
