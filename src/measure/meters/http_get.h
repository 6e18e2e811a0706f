// One page over HTTP, for exporters of metrics: small, quick, on the local network. Whatever
// measures a server uses the client of measure/client instead.
#pragma once

#include <functional>
#include <string>

namespace hadal {

// Gives the body of the page at the URL; throws Error.
using HttpGet = std::function<std::string(const std::string& url)>;

// Through libcurl, http and https only, redirects not followed, at most 16 MiB, at most so many
// seconds. Keeps its connection between calls; one thread at a time. Error: kUnavailable (nobody
// answers, a status that is not 200), kDeadlineExceeded, kResourceExhausted (too long).
HttpGet curl_http_get(double seconds);

// The URL, or what contains one, without a name and password in it; printable.
std::string url_to_show(const std::string& url);

}  // namespace hadal
