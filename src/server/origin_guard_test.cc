#include "server/origin_guard.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace hadal {
namespace {

TEST(OriginGuardTest, PagesOfElsewhereAreRefused) {
  const OriginGuard guard({}, {});
  EXPECT_TRUE(guard.accepts("", "localhost:8000")) << "no page";
  for (const char* origin : {"http://localhost:3000", "http://LOCALHOST", "https://a.localhost:1",
                             "http://127.0.0.1:8000", "http://[::1]:8000", "tauri://localhost"}) {
    EXPECT_TRUE(guard.accepts(origin, "localhost:8000")) << origin;
  }
  for (const char* origin :
       {"https://evil.example", "null", "http://203.0.113.5", "http://localhost.evil.example",
        "https://evil.example:8000", "app://obsidian.md", "nonsense", "http://", "*"}) {
    EXPECT_FALSE(guard.accepts(origin, "localhost:8000")) << origin;
    EXPECT_EQ(guard.allowed_origin(origin), "");
  }
}

TEST(OriginGuardTest, PagesOfTheServersOwnHostMayAsk) {
  const OriginGuard guard({}, {"*.example.org"});
  EXPECT_TRUE(guard.accepts("https://llm.example.com", "llm.example.com:443"));
  EXPECT_TRUE(guard.accepts("http://192.168.1.7:8000", "192.168.1.7:8000"));
  EXPECT_FALSE(guard.accepts("http://192.168.1.8", "192.168.1.7:8000"));
  EXPECT_TRUE(guard.accepts("https://chat.example.org", "localhost"));
  EXPECT_EQ(guard.allowed_origin("https://chat.example.org"), "");
}

TEST(OriginGuardTest, AllowedOriginsAreTakenInEverySpelling) {
  const OriginGuard guard({"https://Chat.example.org:443/", "app://obsidian.md", "null"}, {});
  for (const char* origin : {"https://chat.example.org", "app://obsidian.md", "null"}) {
    EXPECT_TRUE(guard.accepts(origin, "localhost")) << origin;
    EXPECT_EQ(guard.allowed_origin(origin), origin);
  }
  EXPECT_FALSE(guard.accepts("http://chat.example.org", "localhost")) << "another scheme";
  EXPECT_FALSE(guard.accepts("https://chat.example.org:444", "localhost")) << "another port";
  const OriginGuard any({"*"}, {});
  EXPECT_TRUE(any.accepts("https://evil.example", "localhost"));
  EXPECT_EQ(any.allowed_origin("https://evil.example"), "*");
}

TEST(OriginGuardTest, WhatIsNoOriginIsRefusedAtTheStart) {
  for (const char* origin : {"chat.example.org", "https://a/b", "://a", "https://", "https://a b",
                             "", "https://*.example.org"}) {
    EXPECT_THROW(OriginGuard({origin}, {}), Error) << origin;
  }
}

TEST(OriginGuardTest, PreflightsOfAllowedPagesAreAnswered) {
  const OriginGuard guard({"https://chat.example"}, {});
  HttpRequest request{.method = "OPTIONS",
                      .path = "/v1/chat/completions",
                      .headers = {{"Origin", "https://chat.example"},
                                  {"Access-Control-Request-Method", "POST"},
                                  {"Access-Control-Request-Headers", "content-type"}},
                      .body = {}};
  const std::optional<HttpResponse> answer = preflight_answer(guard, request);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->headers.back(),
            (std::pair<std::string, std::string>{"Access-Control-Allow-Headers", "content-type"}));
  EXPECT_EQ(cors_headers(guard, request).front().second, "https://chat.example");
  request.method = "POST";
  EXPECT_FALSE(preflight_answer(guard, request).has_value());
  request.method = "OPTIONS";
  request.headers[0].second = "https://other.example";
  EXPECT_FALSE(preflight_answer(guard, request).has_value());
  EXPECT_TRUE(cors_headers(guard, request).empty());
}

}  // namespace
}  // namespace hadal
