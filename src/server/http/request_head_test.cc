#include "server/http/request_head.h"

#include <gtest/gtest.h>

#include "server/api_error.h"

namespace hadal {
namespace {

template <typename Check>
int status_of(const Check& check) {
  try {
    check();
  } catch (const HttpException& error) {
    return error.error().status;
  }
  return 200;
}

int line_status(std::string_view line) {
  return status_of([&] { check_request_line(line); });
}

int target_status(std::string_view method, std::string_view target) {
  return status_of([&] { parse_request_target(method, target); });
}

int head_status(const HttpHeaders& headers, bool has_body = true, bool http10 = false) {
  return status_of([&] {
    read_request_head({.http10 = http10, .chunked = true, .has_body = has_body}, headers);
  });
}

TEST(RequestLineTest, WellFormedLinesAreAccepted) {
  for (const char* line : {"GET / HTTP/1.1\r\n", "GET / HTTP/1.0\r\n", "BREW /pot HTTP/1.7\r\n",
                           "OPTIONS * HTTP/1.1\r\n", "GET /\xe6\xa8\xa1 HTTP/1.1\r\n"}) {
    EXPECT_EQ(line_status(line), 200) << line;
  }
}

TEST(RequestLineTest, OtherVersionsAreNotSupported) {
  for (const char* line : {"PRI * HTTP/2.0\r\n", "GET / HTTP/0.9\r\n", "GET / HTTP/3.0\r\n"}) {
    EXPECT_EQ(line_status(line), 505) << line;
  }
}

TEST(RequestLineTest, MalformedLinesAreRefused) {
  for (const char* line : {"\r\n",
                           "\n",
                           "GET /\r\n",
                           "GET\r\n",
                           "GET / HTTP/1.1\n",
                           "GET / HTTP/1.1 \r\n",
                           " GET / HTTP/1.1\r\n",
                           "GET  / HTTP/1.1\r\n",
                           "GET /a b HTTP/1.1\r\n",
                           "GET  HTTP/1.1\r\n",
                           "GET / http/1.1\r\n",
                           "GET / HTTP/1\r\n",
                           "GET / HTTP/11\r\n",
                           "GET / HTTP/1.10\r\n",
                           "GET / HTTP/-1.1\r\n",
                           "GET / HTTP/1.x\r\n",
                           "G(T / HTTP/1.1\r\n",
                           "GET /\t HTTP/1.1\r\n",
                           "GET /\x01 HTTP/1.1\r\n",
                           "GET /\x7f HTTP/1.1\r\n",
                           "GET /\r HTTP/1.1\r\n"}) {
    EXPECT_EQ(line_status(line), 400) << line;
  }
}

TEST(RequestTargetTest, PathsAreDecodedOnce) {
  const auto path = [](std::string_view target) {
    return parse_request_target("GET", target).path;
  };
  EXPECT_EQ(path("/v1/models?limit=1&a=%zz"), "/v1/models");
  EXPECT_EQ(path("/v1/models/deepseek-ai%2FDeepSeek-V4-Flash"),
            "/v1/models/deepseek-ai/DeepSeek-V4-Flash");
  EXPECT_EQ(path("/%76%31/mod%65ls"), "/v1/models");
  EXPECT_EQ(path("/a%252Fb"), "/a%2Fb");
  EXPECT_EQ(path("/a+b"), "/a+b");
  EXPECT_EQ(path("/a%3Fb?c"), "/a?b");
  EXPECT_EQ(path("/%e6%A8%A1"), "/模");
  EXPECT_EQ(path("/%2e%2E/a/.."), "/../a/..");
  EXPECT_EQ(path("//a"), "//a");
}

TEST(RequestTargetTest, MalformedPathsAreRefused) {
  for (const char* target : {"/%", "/%2", "/%g0", "/%0g", "/a%2", "/%%41", "/%00", "/a%00b", "/%ff",
                             "/%c0%af", "/%ed%a0%80", "/\xff", "/a#b", "", "a", "v1/models"}) {
    EXPECT_EQ(target_status("GET", target), 400) << target;
  }
}

TEST(RequestTargetTest, AbsoluteTargetsGiveHostAndPath) {
  const auto absolute = [](std::string_view target) {
    const RequestTarget result = parse_request_target("GET", target);
    return result.authority + "|" + result.path;
  };
  EXPECT_EQ(absolute("http://localhost:8000/v1/models?x"), "localhost:8000|/v1/models");
  EXPECT_EQ(absolute("HTTP://A"), "A|/");
  EXPECT_EQ(absolute("hTTps://[::1]:1?q=/x"), "[::1]:1|/");
  EXPECT_EQ(absolute("http://a/b%20c"), "a|/b c");
  EXPECT_EQ(absolute("http://a//b"), "a|//b");
  for (const char* target : {"http://", "http:///a", "http:a", "http:/a", "ftp://a/", "://a",
                             "http://user@a/", "http://a:b@c/", "http://a:99999/", "http://[::1/",
                             "http://a\\b/", "http://:80/", "localhost:8000", "http//a"}) {
    EXPECT_EQ(target_status("GET", target), 400) << target;
  }
}

TEST(RequestTargetTest, FormsOfOtherMethods) {
  EXPECT_EQ(parse_request_target("OPTIONS", "*").path, "*");
  EXPECT_EQ(parse_request_target("OPTIONS", "http://a:1").path, "*");
  EXPECT_EQ(parse_request_target("OPTIONS", "http://a/").path, "/");
  EXPECT_EQ(target_status("GET", "*"), 400);
  EXPECT_EQ(target_status("OPTIONS", "*x"), 400);
  EXPECT_EQ(target_status("CONNECT", "localhost:80"), 501);
  EXPECT_EQ(target_status("CONNECT", "/v1/models"), 501);
}

TEST(RequestHeadTest, OneHostOfHttp11) {
  EXPECT_EQ(head_status({}), 400);
  EXPECT_EQ(head_status({}, true, true), 200);
  EXPECT_EQ(head_status({{"hOST", "a:1"}}), 200);
  EXPECT_EQ(head_status({{"Host", ""}}), 200);
  for (const bool http10 : {false, true}) {
    EXPECT_EQ(head_status({{"Host", "a"}, {"host", "a"}}, true, http10), 400);
    for (const char* host : {"a b", "a, b", "http://a", "a/b", "a@b", "a:b", "[::1", "\xff"}) {
      EXPECT_EQ(head_status({{"Host", host}}, true, http10), 400) << host;
    }
  }
}

TEST(RequestHeadTest, TransferEncodings) {
  const auto status = [](const char* value) {
    return head_status({{"Host", "a"}, {"Transfer-Encoding", value}});
  };
  for (const char* value : {"chunked", "Chunked", " chunked\t", ", chunked,"}) {
    EXPECT_EQ(status(value), 200) << value;
  }
  for (const char* value : {"gzip, chunked", "gzip,chunked", "deflate, gzip, CHUNKED", "x, chunked",
                            "gzip;q=1, chunked"}) {
    EXPECT_EQ(status(value), 501) << value;
  }
  for (const char* value : {"", "gzip", "identity", "chunked, gzip", "chunked, chunked", "xchunked",
                            "chunked;a=b", "\"chunked\"", "chunked x", "chunked, identity"}) {
    EXPECT_EQ(status(value), 400) << value;
  }
  EXPECT_EQ(
      head_status({{"Host", "a"}, {"Transfer-Encoding", "gzip"}, {"Transfer-Encoding", "chunked"}}),
      501);
  EXPECT_EQ(head_status({{"Host", "a"}, {"Transfer-Encoding", "chunked"}, {"Content-Length", "1"}}),
            400);
  EXPECT_EQ(head_status({{"Host", "a"}, {"Transfer-Encoding", "gzip"}, {"Content-Length", "1"}}),
            400);
  EXPECT_EQ(head_status({{"Transfer-Encoding", "chunked"}}, true, true), 400);
  const HttpHeaders chunked{{"Host", "a"}, {"Transfer-Encoding", "chunked"}};
  EXPECT_EQ(status_of([&] { read_request_head({.chunked = false}, chunked); }), 400)
      << "the parser found no chunks";
}

TEST(RequestHeadTest, ContentEncodings) {
  const auto status = [](const char* value, bool has_body = true) {
    return head_status({{"Host", "a"}, {"Content-Encoding", value}}, has_body);
  };
  for (const char* value : {"", "identity", "Identity, identity", " , "}) {
    EXPECT_EQ(status(value), 200) << value;
  }
  for (const char* value : {"gzip", "x-gzip", "br", "zstd", "identity, gzip", "nonsense"}) {
    EXPECT_EQ(status(value), 415) << value;
    EXPECT_EQ(status(value, false), 200) << "there is nothing to decode";
  }
  try {
    read_request_head({.has_body = true},
                      {{"Host", "a"}, {"content-encoding", "ZSTD"}, {"Content-Encoding", "gzip"}});
    FAIL();
  } catch (const HttpException& error) {
    EXPECT_NE(error.error().message.find("\"ZSTD, gzip\""), std::string::npos);
    const HttpResponse response = api_error_response(error.error());
    ASSERT_EQ(response.headers.size(), 1U);
    EXPECT_EQ(response.headers[0].first, "Accept-Encoding");
    EXPECT_EQ(response.headers[0].second, "identity");
  }
}

TEST(RequestHeadTest, Expectations) {
  const auto waits = [](const char* value, bool has_body, bool http10) {
    return read_request_head({.http10 = http10, .has_body = has_body},
                             {{"Host", "a"}, {"Expect", value}})
        .expects_continue;
  };
  EXPECT_TRUE(waits("100-Continue", true, false));
  EXPECT_FALSE(waits("100-continue", false, false));
  EXPECT_FALSE(waits("100-continue", true, true)) << "HTTP/1.0 knows no interim answers";
  EXPECT_FALSE(waits("200-ok", true, true));
  for (const char* value : {"200-ok", "100-continue, other", "100-continue;x=1", "100"}) {
    EXPECT_EQ(head_status({{"Host", "a"}, {"Expect", value}}), 417) << value;
  }
}

TEST(RequestHeadTest, KeepAlive) {
  const auto keeps = [](const HttpHeaders& headers, bool http10) {
    HttpHeaders all = headers;
    all.emplace_back("Host", "a");
    return read_request_head({.http10 = http10}, all).keep_alive;
  };
  EXPECT_TRUE(keeps({}, false));
  EXPECT_FALSE(keeps({}, true));
  EXPECT_TRUE(keeps({{"Connection", "Keep-Alive"}}, true));
  EXPECT_FALSE(keeps({{"Connection", "x, Close"}}, false));
  EXPECT_FALSE(keeps({{"Connection", "x"}, {"connection", "close"}}, false));
  EXPECT_FALSE(keeps({{"Connection", "keep-alive, close"}}, true));
  EXPECT_TRUE(keeps({{"Connection", "closed"}}, false));
}

}  // namespace
}  // namespace hadal
