#include "server/router.h"

#include <gtest/gtest.h>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "server/api_error.h"
#include "server/host_guard.h"

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
  void set_style(AnswerStyle given) override { style = std::move(given); }

  AnswerStyle style;
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
  Router router(api_error_response);
  const auto echo = [](const std::shared_ptr<Exchange>& exchange, std::string_view rest) {
    exchange->respond({.body = exchange->request().path + "|" + std::string(rest)});
  };
  router.add({.method = "GET", .path = "/things", .handler = echo});
  router.add({.method = "GET", .path = "/things/", .handler = echo});
  router.add({.method = "POST", .path = "/make", .handler = echo});
  router.add({.method = "GET", .path = "/api", .handler = [](const auto&, auto) {
                throw ApiException({.status = 418, .message = "teapot"});
              }});
  router.add({.method = "GET", .path = "/error", .handler = [](const auto&, auto) {
                throw Error(
                    {.code = ErrorCode::kInvalidArgument, .where = "field", .what = "is wrong"});
              }});
  router.add({.method = "GET", .path = "/fault", .handler = [](const auto&, auto) {
                throw std::runtime_error("oops");
              }});
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
  router.add({.method = "GET", .path = "/v1/list", .handler = echo});
  router.add({.method = "GET", .path = "/v1/list/", .handler = echo});
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

TEST(RouterTest, GuardsStandBeforeAllRoutes) {
  Router router = make_router();
  EXPECT_EQ(ask(router, "GET", "/things", "evil.example").status, 200) << "without a guard";
  std::vector<int> asked;
  router.add_guard(
      [&](const HttpRequest& request, const ErrorWriter& write) -> std::optional<HttpResponse> {
        asked.push_back(1);
        if (request.header("Host") != "evil.example") return std::nullopt;
        return write({.status = 403, .message = "no"});
      });
  router.add_guard([&](const HttpRequest& request, const ErrorWriter&) {
    asked.push_back(2);
    return request.method == "BREW" ? std::optional<HttpResponse>({.status = 299}) : std::nullopt;
  });
  EXPECT_EQ(ask(router, "GET", "/things").status, 200);
  EXPECT_EQ(asked, (std::vector<int>{1, 2}));
  EXPECT_EQ(ask(router, "BREW", "/nothing").status, 299);
  asked.clear();
  EXPECT_EQ(ask(router, "OPTIONS", "*", "evil.example").status, 403);
  EXPECT_EQ(asked, (std::vector<int>{1}));
}

TEST(RouterTest, ARouteHasItsOwnWords) {
  Router router = make_router();
  router.add({.method = "POST",
              .path = "/v1/other",
              .handler = [](const auto&, auto) { throw std::runtime_error("oops"); },
              .keep_alive_text = "ping",
              .write_error =
                  [](const HttpError& error) {
                    return HttpResponse{.status = error.status, .body = "other: " + error.message};
                  }});
  EXPECT_EQ(ask(router, "POST", "/other").body, "other: internal fault: oops");
  EXPECT_EQ(ask(router, "GET", "/v1/other").body, "other: /v1/other takes POST, not GET");
  EXPECT_EQ(router.error_writer("//other/")({.message = "m"}).body, "other: m");
  EXPECT_NE(router.error_writer("/nothing")({.message = "m"}).body.find("\"error\""),
            std::string::npos);
  const auto exchange = std::make_shared<RecordedExchange>(
      HttpRequest{.method = "POST", .path = "/other", .headers = {}, .body = {}});
  router.dispatch(exchange);
  EXPECT_EQ(exchange->style.keep_alive_text, "ping");
}

TEST(RouterTest, WhatIsThereIsListedFromTheTable) {
  EXPECT_NE(ask(make_router(), "GET", "/nothing")
                .body.find("this server answers GET /things, POST /make, GET /api, GET /error and "
                           "GET /fault"),
            std::string::npos);
}

TEST(RouterTest, OptionsOfTheWholeServer) {
  const HttpResponse response = ask(make_router(), "OPTIONS", "*");
  EXPECT_EQ(response.status, 200);
  ASSERT_EQ(response.headers.size(), 1U);
  EXPECT_EQ(response.headers[0].first, "Allow");
  EXPECT_EQ(response.headers[0].second, "GET, HEAD, POST, OPTIONS");
}

}  // namespace
}  // namespace hadal
