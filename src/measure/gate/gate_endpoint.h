// What the correctness gate needs of an endpoint: one question, one answer. The seam that tests put
// servers of their own behind. Knows paths and JSON bodies, nothing of canaries.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "measure/client/http_loop.h"

namespace hadal {

inline constexpr int kHttpOk = 200;

struct GateReply {
  int status = 0;            // of HTTP; 0: no answer came, `failure` says why
  std::string body = {};     // as it came
  std::string failure = {};  // one line, printable
};

class GateEndpoint {
 public:
  virtual ~GateEndpoint() = default;
  // `path` begins with a slash ("/v1/models"); an empty `json` is a GET.
  virtual GateReply ask(std::string_view path, const std::string& json) = 0;
  // For reports.
  virtual std::string name() const = 0;
};

// "http://h/v1" and "/v1/models" have /v1 once; what engines offer beside /v1 ("/tokenize") is
// asked beside it.
std::string endpoint_url(std::string_view base, std::string_view path);

// Over HTTP. Asks again where the answer is 429 or 503, at most four times, after what Retry-After
// says (ten seconds at most).
class HttpGateEndpoint final : public GateEndpoint {
 public:
  explicit HttpGateEndpoint(std::string url, HttpLoopOptions options = {});

  GateReply ask(std::string_view path, const std::string& json) override;
  std::string name() const override { return url_; }

 private:
  std::string url_;
  HttpLoopOptions options_;
  std::vector<std::string> secrets_;  // of its headers, that no reply may quote
};

}  // namespace hadal
