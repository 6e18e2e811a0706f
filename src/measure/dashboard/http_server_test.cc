#include "measure/dashboard/http_server.h"

#include <atomic>
#include <gtest/gtest.h>

#include "base/error.h"
#include "support/http_client.h"

namespace hadal {
namespace {

using test::ClientResponse;
using test::TestClient;

ApiAnswer echo(const ApiRequest& request) {
  ApiAnswer answer{.content_type = "text/plain", .body = request.path};
  for (const auto& [name, value] : request.query) answer.body += " " + name + "=" + value;
  return answer;
}

ClientResponse ask(const DashboardServer& server, const std::string& head) {
  TestClient client(server.port());
  client.send(head + "\r\n\r\n");
  return client.read_response();
}

std::string get(const std::string& target, const std::string& host = "127.0.0.1") {
  return "GET " + target + " HTTP/1.1\r\nHost: " + host;
}

TEST(DashboardServer, GivesPathAndQueryDecoded) {
  const DashboardServer server({}, echo);
  EXPECT_EQ(ask(server, get("/a%2Fb/c?x=1%262&y")).body, "/a/b/c x=1&2 y=");
}

TEST(DashboardServer, KeepsThePageToItself) {
  const DashboardServer server({}, echo);
  const ClientResponse response = ask(server, get("/"));
  EXPECT_EQ(response.status, 200);
  for (const char* header :
       {"Content-Security-Policy: default-src 'none'; script-src 'self'", "frame-ancestors 'none'",
        "X-Content-Type-Options: nosniff", "Referrer-Policy: no-referrer",
        "Cross-Origin-Resource-Policy: same-origin"}) {
    EXPECT_NE(response.head.find(header), std::string::npos) << header;
  }
  EXPECT_EQ(response.head.find("Access-Control"), std::string::npos);
}

// Another site's name that leads here is not this site.
TEST(DashboardServer, KnowsItsOwnNamesOnly) {
  const DashboardServer server({.allowed_hosts = {"Board.Example", "::1"}}, echo);
  for (const char* host : {"127.0.0.1", "127.0.0.1:99", "localhost", "LocalHost:1", "[::1]:8787",
                           "board.example", "board.example:443"}) {
    EXPECT_EQ(ask(server, get("/", host)).status, 200) << host;
  }
  for (const char* host : {"evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "",
                           "[", "[::1", "x@localhost"}) {
    EXPECT_EQ(ask(server, get("/", host)).status, 421) << host;
  }
  EXPECT_NE(ask(server, "GET / HTTP/1.1").status, 200);
  EXPECT_NE(ask(server, "GET / HTTP/1.0").status, 200);
}

TEST(DashboardServer, OnlyReads) {
  const DashboardServer server({}, echo);
  const std::string rest = " / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0";
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "PATCH"}) {
    const ClientResponse response = ask(server, method + rest);
    EXPECT_EQ(response.status, 405) << method;
    EXPECT_NE(response.head.find("Allow: GET, HEAD"), std::string::npos);
  }
}

TEST(DashboardServer, AsksForItsTokenWhereThereIsData) {
  const DashboardServer server({.token = "s3cret"}, echo);
  EXPECT_EQ(ask(server, get("/")).status, 200);
  EXPECT_EQ(ask(server, get("/api/v1/runs")).status, 401);
  for (const char* wrong : {"Bearer s3cre", "Bearer s3crets", "s3cret", "Bearer "}) {
    EXPECT_EQ(ask(server, get("/api/v1/runs") + "\r\nAuthorization: " + wrong).status, 401);
  }
  EXPECT_EQ(ask(server, get("/api/v1/runs") + "\r\nAuthorization: Bearer s3cret").status, 200);
}

TEST(DashboardServer, HeadersBeyondMeasureAreRefused) {
  const DashboardServer server({}, echo);
  EXPECT_GE(ask(server, get("/" + std::string(100'000, 'x'))).status, 400);
  EXPECT_EQ(ask(server, get("/")).status, 200);
}

TEST(DashboardServer, WhatTheHandlerThrowsEndsTheConnectionAlone) {
  const DashboardServer server({}, [](const ApiRequest& request) {
    if (request.path == "/bad") throw std::runtime_error("out of memory");
    return echo(request);
  });
  EXPECT_EQ(ask(server, get("/bad")).status, 0);
  EXPECT_EQ(ask(server, get("/good")).status, 200);
}

TEST(DashboardServer, ALongRequestHoldsNobodyUp) {
  std::atomic_flag second_came;
  const DashboardServer server({}, [&](const ApiRequest& request) {
    if (request.path == "/long") second_came.wait(false);
    if (request.path == "/short") {
      second_came.test_and_set();
      second_came.notify_all();
    }
    return echo(request);
  });
  TestClient client(server.port());
  client.send(get("/long") + "\r\n\r\n");
  EXPECT_EQ(ask(server, get("/short")).status, 200);
  EXPECT_EQ(client.read_response().body, "/long");
}

TEST(DashboardServer, SaysWhyItCannotListen) {
  const DashboardServer server({}, echo);
  const auto code_of = [](DashboardServerOptions options) {
    try {
      const DashboardServer other(std::move(options), echo);
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::kInternal;
  };
  EXPECT_EQ(code_of({.port = server.port()}), ErrorCode::kUnavailable);
  EXPECT_EQ(code_of({.host = "192.0.2.1"}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of({.host = "example.org"}), ErrorCode::kInvalidArgument);
}

TEST(DashboardServer, KnowsWhichAddressesStayHere) {
  for (const char* host : {"127.0.0.1", "127.9.9.9", "localhost", "::1"}) {
    EXPECT_TRUE(stays_on_this_machine(host)) << host;
  }
  for (const char* host : {"0.0.0.0", "::", "10.0.0.1", "example.org", ""}) {
    EXPECT_FALSE(stays_on_this_machine(host)) << host;
  }
}

}  // namespace
}  // namespace hadal
