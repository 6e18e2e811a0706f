#include "server/request_id.h"

#include <algorithm>
#include <utility>

#include "server/answer_headers.h"
#include "server/random_id.h"

namespace hadal {
namespace {

constexpr size_t kLongest = 128;
constexpr char kHeader[] = "X-Request-Id";

bool is_sane(std::string_view id) {
  constexpr std::string_view kMarks = "-_.:/+=@";
  const auto may_stand = [kMarks](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kMarks.find(c) != std::string_view::npos;
  };
  return !id.empty() && id.size() <= kLongest && std::all_of(id.begin(), id.end(), may_stand);
}

}  // namespace

std::string request_id(std::string_view sent) {
  return is_sane(sent) ? std::string(sent) : make_random_id("req_");
}

std::shared_ptr<Exchange> with_request_id(std::shared_ptr<Exchange> exchange) {
  const std::string id = request_id(exchange->request().header(kHeader));
  exchange->set_request_id(id);
  return with_answer_headers(std::move(exchange), {{kHeader, id}});
}

HttpResponse with_request_id(HttpResponse response, const HttpRequest& request) {
  response.request_id = request_id(request.header(kHeader));
  response.headers.emplace_back(kHeader, response.request_id);
  return response;
}

}  // namespace hadal
