// One page over HTTP, for exporters of metrics: small, quick, on the local network. Stands on
// measure/client, and says in a meter's words what went wrong.
#pragma once

#include <functional>
#include <string>

namespace hadal {

// Gives the body of the page at the URL; throws Error.
using HttpGet = std::function<std::string(const std::string& url)>;

// http and https only, redirects not followed, no proxy for this machine's own addresses, at most
// 16 MiB, at most so many seconds. Error: kUnavailable (nobody answers, a status that is not 200),
// kDeadlineExceeded, kResourceExhausted (too long).
HttpGet http_get(double seconds);

// The URL, or what contains one, without a name and password in it; printable.
std::string url_to_show(const std::string& url);

}  // namespace hadal
