#include "server/router.h"

#include <gtest/gtest.h>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "server/api_error.h"

namespace hadal {
namespace {

// Keeps the answer it is given.
class RecordedExchange final : public Exchange {
 public:
  explicit RecordedExchange(HttpRequest request) : request_(std::move(request)) {}

  const HttpRequest& request() const override { return request_; }
  void respond(HttpResponse given) override { response = std::move(given); }
  void begin_stream(HttpResponse) override {}
  void write(std::string) override {}
  void end() override {}
  void on_abandoned(std::function<void()>) override {}
  void on_break_off(std::function<void()>) override {}
  void post(std::function<void()> task) override { task(); }
  void set_usage(int, int) override {}

  std::optional<HttpResponse> response;

 private:
  HttpRequest request_;
};

HttpResponse ask(const Router& router, const std::string& method, const std::string& path,
                 const std::string& host = "localhost:8000") {
  const auto exchange = std::make_shared<RecordedExchange>(
      HttpRequest{.method = method, .path = path, .headers = {{"hOsT", host}}, .body = {}});
  router.dispatch(exchange);
  return exchange->response.value_or(HttpResponse{.status = 0});
}

Router make_router() {
  Router router;
  const auto echo = [](const std::shared_ptr<Exchange>& exchange, std::string_view rest) {
    exchange->respond({.body = exchange->request().path + "|" + std::string(rest)});
  };
  router.add("GET", "/things", echo);
  router.add("GET", "/things/", echo);
  router.add("POST", "/make", echo);
  router.add("GET", "/api",
             [](const auto&, auto) { throw ApiException({.status = 418, .message = "teapot"}); });
  router.add("GET", "/error", [](const auto&, auto) {
    throw Error({.code = ErrorCode::kInvalidArgument, .where = "field", .what = "is wrong"});
  });
  router.add("GET", "/fault", [](const auto&, auto) { throw std::runtime_error("oops"); });
  return router;
}

TEST(RouterTest, FindsRoutesAndWhatFollows) {
  const Router router = make_router();
  EXPECT_EQ(ask(router, "GET", "/things").body, "/things|");
  EXPECT_EQ(ask(router, "GET", "/things/a/b").body, "/things/a/b|a/b");
  EXPECT_EQ(ask(router, "HEAD", "/things").status, 200);
}

TEST(RouterTest, PathsAreFoundInManySpellings) {
  Router router = make_router();
  const auto echo = [](const std::shared_ptr<Exchange>& exchange, std::string_view rest) {
    exchange->respond({.body = std::string(rest)});
  };
  router.add("GET", "/v1/list", echo);
  router.add("GET", "/v1/list/", echo);
  for (const char* path : {"/v1/list", "/list", "/v1/v1/list", "//v1///list//", "/list/"}) {
    EXPECT_EQ(ask(router, "GET", path).status, 200) << path;
  }
  EXPECT_EQ(ask(router, "GET", "/list/a/b/").body, "a/b");
  EXPECT_EQ(ask(router, "GET", "/v1/v1/list/v1/v1/a").body, "v1/v1/a");
  EXPECT_EQ(ask(router, "POST", "/list").status, 405);
  // What is there without the version is not looked for with it.
  EXPECT_EQ(ask(router, "GET", "/v1/things").status, 404);
  EXPECT_EQ(ask(router, "GET", "/v1").status, 404);
  EXPECT_EQ(ask(router, "GET", "/v1list").status, 404);
}

TEST(RouterTest, CanonicalPaths) {
  for (const auto& [path, canonical] :
       std::vector<std::pair<std::string, std::string>>{{"", ""},
                                                        {"/", "/"},
                                                        {"///", "/"},
                                                        {"/a//b/", "/a/b"},
                                                        {"/v1/v1", "/v1/v1"},
                                                        {"/v1/v1/v1/a", "/v1/a"},
                                                        {"/v1/a/v1/v1/b", "/v1/a/v1/v1/b"},
                                                        {"*", "*"}}) {
    EXPECT_EQ(canonical_path(path), canonical) << path;
  }
}

TEST(RouterTest, UnknownPathsAndMethods) {
  const Router router = make_router();
  EXPECT_EQ(ask(router, "GET", "/nothing").status, 404);
  EXPECT_EQ(ask(router, "GET", "").status, 404);
  const HttpResponse wrong = ask(router, "DELETE", "/things");
  EXPECT_EQ(wrong.status, 405);
  ASSERT_EQ(wrong.headers.size(), 1U);
  EXPECT_EQ(wrong.headers[0].second, "GET, HEAD");
  EXPECT_EQ(ask(router, "HEAD", "/make").status, 405);
}

TEST(RouterTest, ErrorsOfHandlersBecomeAnswers) {
  const Router router = make_router();
  EXPECT_EQ(ask(router, "GET", "/api").status, 418);
  const HttpResponse error = ask(router, "GET", "/error");
  EXPECT_EQ(error.status, 400);
  EXPECT_EQ(error.body,
            "{\"error\":{\"message\":\"field: is wrong\",\"type\":\"invalid_request_error\","
            "\"param\":\"field\",\"code\":\"invalid_argument\"}}\n");
  EXPECT_EQ(ask(router, "GET", "/fault").status, 500);
}

TEST(RouterTest, ForeignHostsAreRefused) {
  Router router = make_router();
  EXPECT_EQ(ask(router, "GET", "/things", "evil.example").status, 200) << "without a guard";
  router.set_guard(HostGuard({"llm.example"}));
  EXPECT_EQ(ask(router, "GET", "/things", "LocalHost:99").status, 200);
  EXPECT_EQ(ask(router, "GET", "/things", "[::1]:8000").status, 200);
  EXPECT_EQ(ask(router, "GET", "/things", "llm.example.:443").status, 200);
  EXPECT_EQ(ask(router, "GET", "/things", "localhost.evil.example:8000").status, 403);
  const HttpResponse refused = ask(router, "OPTIONS", "*", "evil.example");
  EXPECT_EQ(refused.status, 403);
  EXPECT_NE(refused.body.find("--allowed-host evil.example"), std::string::npos);
}

TEST(RouterTest, OptionsOfTheWholeServer) {
  const HttpResponse response = ask(make_router(), "OPTIONS", "*");
  EXPECT_EQ(response.status, 200);
  ASSERT_EQ(response.headers.size(), 1U);
  EXPECT_EQ(response.headers[0].first, "Allow");
}

}  // namespace
}  // namespace hadal
