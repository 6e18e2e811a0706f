#include "measure/gate/gate_endpoint.h"

#include <gtest/gtest.h>

#include "support/canned_server.h"

namespace hadal {
namespace {

using test::canned_answer;
using test::CannedRequest;
using test::CannedServer;

TEST(GateEndpoint, AsksAndReturnsAnyStatus) {
  CannedRequest seen;
  const CannedServer server([&](const CannedRequest& request) {
    seen = request;
    return canned_answer(400, R"({"error":{"message":"no"}})");
  });
  HttpGateEndpoint endpoint(server.url() + "/v1/", {.headers = {"Authorization: Bearer sesame"}});
  const GateReply reply = endpoint.ask("/v1/completions", R"({"prompt":[1]})");
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(reply.body, R"({"error":{"message":"no"}})");
  EXPECT_EQ(seen.method, "POST");
  EXPECT_EQ(seen.path, "/v1/completions");
  EXPECT_EQ(seen.body, R"({"prompt":[1]})");
  EXPECT_NE(seen.head.find("sesame"), std::string::npos);
  endpoint.ask("/version", "");
  EXPECT_EQ(seen.method, "GET");
  EXPECT_EQ(seen.path, "/version");
}

TEST(GateEndpoint, AsksAgainWhereTheServerIsBusy) {
  int asked = 0;
  const CannedServer server([&](const CannedRequest&) {
    return ++asked < 3 ? canned_answer(429, "{}", "Retry-After: 0\r\n") : canned_answer(200, "[]");
  });
  EXPECT_EQ(HttpGateEndpoint(server.url()).ask("/v1/models", "").status, 200);
  EXPECT_EQ(asked, 3);
  const CannedServer full(
      [&](const CannedRequest&) { return canned_answer(503, "{}", "Retry-After: 0\r\n"); });
  EXPECT_EQ(HttpGateEndpoint(full.url()).ask("/v1/models", "").status, 503);
}

TEST(GateEndpoint, TellsWhyNoAnswerCame) {
  EXPECT_EQ(HttpGateEndpoint("http://127.0.0.1:1").ask("/v1/models", "").status, 0);
  const CannedServer cut([](const CannedRequest&) {
    return std::string("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort");
  });
  const GateReply reply = HttpGateEndpoint(cut.url()).ask("/v1/models", "");
  EXPECT_EQ(reply.status, 0);
  EXPECT_NE(reply.failure, "");
}

TEST(GateEndpoint, BasesMayEndInV1) {
  EXPECT_EQ(endpoint_url("http://h:1", "/v1/models"), "http://h:1/v1/models");
  EXPECT_EQ(endpoint_url("http://h:1/v1//", "/v1/models"), "http://h:1/v1/models");
  EXPECT_EQ(endpoint_url("http://h:1/openai/v1", "/v1/models"), "http://h:1/openai/v1/models");
  EXPECT_EQ(endpoint_url("http://h:1/v1", "/tokenize"), "http://h:1/tokenize");
}

}  // namespace
}  // namespace hadal
