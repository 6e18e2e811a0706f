#include "server/host_guard.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "server/http/uri_host.h"

namespace hadal {
namespace {

// What can be written after --allowed-host without a thought for the shell.
bool is_plain_name(std::string_view name) {
  return !name.empty() && name.front() != '-' && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
  });
}

}  // namespace

HostGuard::HostGuard(const std::vector<std::string>& names) : any_(false) {
  for (const std::string& name : names) {
    if (name == "*") {
      any_ = true;
      continue;
    }
    const bool below = name.starts_with("*.");
    const std::optional<UriHost> host = parse_uri_host(below ? name.substr(2) : name);
    if (!host.has_value() || !(host->is_address || is_plain_name(host->name))) {
      throw Error({.code = ErrorCode::kInvalidArgument,
                   .where = "--allowed-host " + printable(name, 100),
                   .what = "is no host name",
                   .remedy = "give the name alone, as in llm.example.org, or *.example.org for all "
                             "names below it; of names in other scripts the form with xn--"});
    }
    if (below) {
      suffixes_.push_back("." + host->name);
    } else {
      names_.push_back(host->name);
    }
  }
}

bool HostGuard::accepts(std::string_view host) const {
  if (any_) return true;
  const std::optional<UriHost> parsed = parse_uri_host(host);
  if (!parsed.has_value()) return false;
  const std::string& name = parsed->name;
  return name.empty() || parsed->is_address || name == "localhost" ||
         name.ends_with(".localhost") || lists(name);
}

bool HostGuard::lists(std::string_view name) const {
  return any_ || std::find(names_.begin(), names_.end(), name) != names_.end() ||
         std::any_of(suffixes_.begin(), suffixes_.end(),
                     [&](const std::string& suffix) { return name.ends_with(suffix); });
}

std::string HostGuard::refusal(std::string_view host) {
  const std::optional<UriHost> parsed = parse_uri_host(host);
  std::string message = "this server does not answer to the host \"" + printable(host, 100) + "\"";
  if (parsed.has_value() && is_plain_name(parsed->name) && parsed->name.size() <= 253) {
    message +=
        "; if a proxy or tunnel of yours passes this name on, start hadal serve with "
        "--allowed-host " +
        parsed->name;
  }
  return message;
}

}  // namespace hadal
