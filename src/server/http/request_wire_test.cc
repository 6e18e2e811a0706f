// Requests as they come over the wire, proper ones and others, against a server that echoes what it
// understood. An answer to a second request on the same connection shows where the server saw the
// end of the first.
#include <atomic>
#include <condition_variable>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "server/http/http_server.h"
#include "support/http_client.h"

namespace hadal {
namespace {

using std::chrono::milliseconds;
using test::ClientResponse;
using test::TestClient;

constexpr char kNext[] = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n";

class RequestWireTest : public testing::Test {
 protected:
  void start(ServerOptions options = {}) {
    options.port = 0;
    server_ =
        std::make_unique<HttpServer>(options, [this](const std::shared_ptr<Exchange>& exchange) {
          const HttpRequest& request = exchange->request();
          const std::string text = request.method + " " + request.path + " " +
                                   std::string(request.header("Host")) + " " + request.body;
          if (request.path == "/hold") {
            // Read, and answered when the test lets it go.
            if (request.header("X-Release") == "1") exchange->release_body();
            const std::lock_guard lock(mutex_);
            held_.push_back(exchange);
            held_changed_.notify_all();
          } else if (request.path == "/stream") {
            exchange->begin_stream({.content_type = "text/plain", .body = text});
            exchange->end();
          } else {
            exchange->respond({.content_type = "text/plain", .body = text});
          }
        });
    thread_ = std::thread([this] { server_->run(); });
  }

  void TearDown() override {
    held_.clear();
    if (server_ == nullptr) return;
    server_->stop();
    thread_.join();
  }

  // The answer to one request on a connection of its own.
  ClientResponse ask(const std::string& request) {
    if (server_ == nullptr) start();
    TestClient client(server_->port());
    client.send(request);
    ClientResponse response = client.read_response();
    if (response.status >= 400) {
      EXPECT_TRUE(client.wait_for_close()) << "what follows a refused request is not read";
      EXPECT_EQ(client.received(), "");
    }
    return response;
  }

  std::string body_of(const std::string& request) { return ask(request).body; }

  void wait_for_held(size_t count) {
    std::unique_lock lock(mutex_);
    held_changed_.wait(lock, [&] { return held_.size() >= count; });
  }

  std::unique_ptr<HttpServer> server_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable held_changed_;
  std::vector<std::shared_ptr<Exchange>> held_;
};

TEST_F(RequestWireTest, EmptyLinesBeforeARequestArePassedOver) {
  start();
  for (const std::string empty : {"\r\n", "\n", "\r\n\r\n", "\n\r\n\n"}) {
    TestClient client(server_->port());
    client.send(empty + kNext);
    EXPECT_EQ(client.read_response().body, "GET /next a ");
    client.send("POST /first HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab" + empty + kNext);
    EXPECT_EQ(client.read_response().body, "POST /first a ab");
    EXPECT_EQ(client.read_response().body, "GET /next a ");
  }
}

TEST_F(RequestWireTest, EmptyLinesMayComeByteByByte) {
  start();
  TestClient client(server_->port());
  for (int i = 0; i < 3; ++i) {
    for (const char c : std::string("\r\n\n\r\n") + kNext) {
      ASSERT_TRUE(client.send(std::string(1, c)));
      std::this_thread::yield();
    }
    EXPECT_EQ(client.read_response().body, "GET /next a ");
  }
}

TEST_F(RequestWireTest, EmptyLinesHaveAnEnd) {
  start();
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "\r\n";
  TestClient client(server_->port());
  client.send(many + kNext);
  EXPECT_EQ(client.read_response().status, 0);
  EXPECT_EQ(ask("\r\r\n" + std::string(kNext)).status, 400) << "a lone CR is no line";
  EXPECT_EQ(ask(" \r\n" + std::string(kNext)).status, 400);
}

TEST_F(RequestWireTest, AConnectionAfterAnEmptyLineIsIdle) {
  start({.idle_timeout = milliseconds(50)});
  for (const char* rest : {"\r\n", "\r"}) {
    TestClient client(server_->port());
    client.send(kNext);
    EXPECT_EQ(client.read_response().status, 200);
    client.send(rest);
    EXPECT_TRUE(client.wait_for_close());
  }
}

TEST_F(RequestWireTest, Http10) {
  start();
  EXPECT_EQ(body_of("GET /a HTTP/1.0\r\n\r\n"), "GET /a  ");
  {
    TestClient client(server_->port());
    client.send("GET /a HTTP/1.0\r\n\r\n");
    const ClientResponse response = client.read_response();
    EXPECT_NE(response.head.find("Connection: close"), std::string::npos);
    EXPECT_TRUE(client.wait_for_close());
  }
  {
    TestClient client(server_->port());
    for (int i = 0; i < 2; ++i) {
      client.send("POST /a HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx");
      const ClientResponse response = client.read_response();
      EXPECT_EQ(response.body, "POST /a  x");
      EXPECT_NE(response.head.find("Connection: keep-alive"), std::string::npos);
    }
    client.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    const ClientResponse response = client.read_response();
    EXPECT_EQ(response.head.find("Transfer-Encoding"), std::string::npos);
    EXPECT_NE(response.head.find("Connection: close"), std::string::npos);
    EXPECT_EQ(response.body, "GET /stream  ");
    EXPECT_TRUE(client.wait_for_close());
  }
  // No 100 for those who do not know it.
  EXPECT_EQ(body_of("POST /a HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx"),
            "POST /a  x");
  EXPECT_EQ(body_of("POST /a HTTP/1.0\r\nExpect: other\r\nContent-Length: 1\r\n\r\nx"),
            "POST /a  x");
  EXPECT_EQ(ask("POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n").status,
            400);
}

TEST_F(RequestWireTest, VersionsAndForms) {
  EXPECT_EQ(body_of("GET /a HTTP/1.9\r\nHost: a\r\n\r\n"), "GET /a a ");
  EXPECT_EQ(ask("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").status, 505);
  // Answered although nothing more comes.
  EXPECT_EQ(ask("GET /\r\n").status, 400);
  EXPECT_EQ(ask("GET /a HTTP/1.1\nHost: a\n\n").status, 400);
  const ClientResponse tls = ask(std::string("\x16\x03\x01\x02\0\x01", 6));
  EXPECT_EQ(tls.status, 400);
  EXPECT_NE(tls.body.find("HTTPS"), std::string::npos);
  EXPECT_EQ(ask("GET /" + std::string(40'000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n").status, 414);
  EXPECT_EQ(ask("GET /a HTTP/1.1\r\nHost: a\r\nX: " + std::string(40'000, 'a') + "\r\n\r\n").status,
            431);
}

TEST_F(RequestWireTest, HostOfHttp11) {
  EXPECT_EQ(ask("GET /a HTTP/1.1\r\n\r\n").status, 400);
  EXPECT_EQ(ask("GET http://a/ HTTP/1.1\r\n\r\n").status, 400);
  EXPECT_EQ(ask("GET /a HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n").status, 400);
  EXPECT_EQ(ask("GET /a HTTP/1.1\r\nHost: a b\r\n\r\n").status, 400);
  EXPECT_EQ(ask("GET /a HTTP/1.1\r\nHost : a\r\n\r\n").status, 400);
  EXPECT_EQ(ask("GET /a HTTP/1.1\r\nHost: a\r\n , b\r\n\r\n").status, 400);
  EXPECT_EQ(body_of("GET /a HTTP/1.1\r\nHost:\r\n\r\n"), "GET /a  ");
  EXPECT_EQ(body_of("GET /a HTTP/1.1\r\nX-Forwarded-Host: b\r\nHost: a\r\n\r\n"), "GET /a a ");
}

TEST_F(RequestWireTest, AbsoluteTargetsReplaceTheHost) {
  EXPECT_EQ(body_of("GET http://b:1/x%20y?q HTTP/1.1\r\nHost: a\r\n\r\n"), "GET /x y b:1 ");
  EXPECT_EQ(body_of("GET HTTP://[::1] HTTP/1.1\r\nhost: a\r\n\r\n"), "GET / [::1] ");
  EXPECT_EQ(body_of("GET http://b/ HTTP/1.0\r\n\r\n"), "GET / b ");
  EXPECT_EQ(body_of("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), "OPTIONS * a ");
  EXPECT_EQ(ask("CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n").status, 501);
  EXPECT_EQ(ask("GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n").status, 400);
  EXPECT_EQ(ask("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n").status, 400);
}

TEST_F(RequestWireTest, ContinueIsSentToThoseWhoWait) {
  start();
  TestClient client(server_->port());
  client.send("POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n");
  ASSERT_TRUE(client.wait_for("100 Continue"));
  client.send("x");
  EXPECT_EQ(client.read_response().body, "POST /a a x");
  client.send("GET /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n");
  ASSERT_TRUE(client.wait_for("\r\n\r\n"));
  EXPECT_EQ(client.received().find("100 Continue"), std::string::npos) << "there is no body";
  client.read_response();
  // Refused before the body: nobody is told to go on.
  for (const char* head :
       {"Expect: other\r\nContent-Length: 1", "Expect: 100-continue, x\r\nContent-Length: 1",
        "Expect: 100-continue\r\nContent-Encoding: br\r\nContent-Length: 1",
        "Expect: 100-continue\r\nContent-Length: 99999999999"}) {
    TestClient other(server_->port());
    other.send("POST /a HTTP/1.1\r\nHost: a\r\n" + std::string(head) + "\r\n\r\n");
    ASSERT_TRUE(other.wait_for("\r\n\r\n"));
    EXPECT_TRUE(other.received().starts_with("HTTP/1.1 4")) << other.received();
  }
}

TEST_F(RequestWireTest, ContentEncodingsAreNamed) {
  const ClientResponse response = ask(
      "POST /a HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b");
  EXPECT_EQ(response.status, 415);
  EXPECT_NE(response.head.find("Accept-Encoding: identity\r\n"), std::string::npos);
  EXPECT_NE(response.body.find("gzip"), std::string::npos);
  EXPECT_EQ(ask("POST /a HTTP/1.1\r\nHost: a\r\nContent-Encoding: zstd\r\nTransfer-Encoding: "
                "chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n")
                .status,
            415);
  EXPECT_EQ(body_of("POST /a HTTP/1.1\r\nHost: a\r\nContent-Encoding: identity\r\n"
                    "Content-Length: 1\r\n\r\nx"),
            "POST /a a x");
}

// Each could be read in two ways, by a proxy and by this server, so that /smuggled or a part of the
// body becomes a request of its own.
TEST_F(RequestWireTest, AmbiguousFramingIsRefused) {
  const std::string smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
  for (const std::string head : {"Content-Length: 5\r\nTransfer-Encoding: chunked",
                                 "Transfer-Encoding: chunked\r\nContent-Length: 5",
                                 "Transfer-Encoding: gzip\r\nContent-Length: 5",
                                 "Transfer-Encoding: chunked, chunked",
                                 "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
                                 "Transfer-Encoding: xchunked",
                                 "Transfer-Encoding: chunked, identity",
                                 "Transfer-Encoding: identity",
                                 "Transfer-Encoding:",
                                 "Transfer-Encoding: \"chunked\"",
                                 "Transfer-Encoding: chunked;a=b",
                                 "Transfer-Encoding: \vchunked",
                                 "Transfer-Encoding : chunked",
                                 " Transfer-Encoding: chunked",
                                 "Transfer-Encoding: chunked\r\n x",
                                 "Content-Length: 0\r\nContent-Length: 5",
                                 "Content-Length: 0, 5",
                                 "Content-Length: +5",
                                 "Content-Length: -5",
                                 "Content-Length: 5 5",
                                 "Content-Length: 0x5",
                                 "Content-Length: 5,",
                                 "Content-Length:",
                                 "Content-Length: 5;a",
                                 "Content-Length : 5",
                                 "Content-Length: 5\r\n 5",
                                 "Content-Length: 99999999999999999999",
                                 "Content-Length: 18446744073709551616",
                                 "Content-Length: \"5\"",
                                 "Content\x01-Length: 5",
                                 "X: a\nContent-Length: 5",
                                 "X: a\rContent-Length: 5",
                                 "X: a\x01",
                                 "X",
                                 ": a",
                                 "(): a"}) {
    SCOPED_TRACE(head);
    const int status =
        ask("POST /a HTTP/1.1\r\nHost: a\r\n" + head + "\r\n\r\n0\r\n\r\n" + smuggled).status;
    EXPECT_EQ(status, 400);
  }
  for (const std::string head : {"Transfer-Encoding: gzip, chunked",
                                 "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked"}) {
    SCOPED_TRACE(head);
    EXPECT_EQ(ask("POST /a HTTP/1.1\r\nHost: a\r\n" + head + "\r\n\r\n0\r\n\r\n" + smuggled).status,
              501);
  }
}

TEST_F(RequestWireTest, RepeatedEqualLengthsAreOne) {
  start();
  for (const std::string head :
       {"Content-Length: 2\r\nContent-Length: 2", "Content-Length: 2, 2", "Content-Length: 02"}) {
    TestClient client(server_->port());
    client.send("POST /a HTTP/1.1\r\nHost: a\r\n" + head + "\r\n\r\nxx" + kNext);
    EXPECT_EQ(client.read_response().body, "POST /a a xx") << head;
    EXPECT_EQ(client.read_response().body, "GET /next a ") << head;
  }
}

TEST_F(RequestWireTest, ChunkExtensionsAndTrailersAreTolerated) {
  start();
  const std::string post = "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  TestClient client(server_->port());
  for (const std::string body :
       {"2;a=b;c=\"d e\";f\r\nxy\r\n0;g\r\n\r\n", "02\r\nxy\r\n000\r\n\r\n",
        "2\r\nxy\r\n0\r\nX-Trailer: 1\r\nHost: evil\r\n\r\n", "1\r\nx\r\n1\r\ny\r\n0\r\n\r\n"}) {
    client.send(post + body + kNext);
    EXPECT_EQ(client.read_response().body, "POST /a a xy") << body;
    EXPECT_EQ(client.read_response().body, "GET /next a ") << body;
  }
}

TEST_F(RequestWireTest, MalformedChunksAreRefused) {
  const std::string post = "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const std::string body :
       {"g\r\n", "-1\r\n", "\r\n", "0x1\r\nx\r\n\r\n", "1\nx\r\n0\r\n\r\n", "1\r\nxy\r\n0\r\n\r\n",
        "1 2\r\n", "1;\x01\r\nx\r\n", "0\r\nbroken trailer\r\n\r\n",
        "0\r\nContent-Length: 5\r\n\r\n", "0\r\nTransfer-Encoding: chunked\r\n\r\n"}) {
    SCOPED_TRACE(body);
    EXPECT_EQ(ask(post + body).status, 400);
  }
  for (const std::string body : {"ffffffffffffffff\r\n", "fffffffffffffffff\r\n", "fffffff\r\n"}) {
    SCOPED_TRACE(body);
    const int status = ask(post + body).status;
    EXPECT_TRUE(status == 400 || status == 413) << status;
  }
  // Bounded, each.
  EXPECT_EQ(ask(post + "1;" + std::string(300'000, 'a')).status, 431);
  EXPECT_EQ(ask(post + "0\r\nX: " + std::string(300'000, 'a')).status, 431);
}

TEST_F(RequestWireTest, BodiesBeyondTheLimitNameTheOption) {
  start({.max_body_bytes = 1000});
  const ClientResponse response =
      ask("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n");
  EXPECT_EQ(response.status, 413);
  EXPECT_NE(response.body.find("1000 bytes"), std::string::npos);
  EXPECT_NE(response.body.find("--max-body"), std::string::npos);
}

std::string large_request(const std::string& path, const std::string& header = "") {
  return "POST " + path + " HTTP/1.1\r\nHost: a\r\n" + header + "Content-Length: 100000\r\n\r\n" +
         std::string(100'000, 'x');
}

TEST_F(RequestWireTest, BodiesOfAllRequestsAreBounded) {
  start({.max_body_bytes = 100'000, .max_all_bodies_bytes = 1});
  // Four of the largest are allowed, and 64 KiB of each are free.
  std::vector<std::unique_ptr<TestClient>> clients;
  for (size_t i = 0; i < 400'000 / (100'000 - (64 << 10)); ++i) {
    clients.push_back(std::make_unique<TestClient>(server_->port()));
    clients.back()->send(large_request("/hold"));
    wait_for_held(i + 1);
  }
  // A body of unknown length is refused as soon as it is too large.
  const ClientResponse refused =
      ask("POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n186a0\r\n" +
          std::string(100'000, 'x') + "\r\n0\r\n\r\n");
  EXPECT_EQ(refused.status, 503);
  EXPECT_NE(refused.head.find("Retry-After"), std::string::npos);
  EXPECT_EQ(body_of("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"), "POST /a a x")
      << "ordinary requests are served";
  // One of known length waits until there is room, and is not told to go on before.
  TestClient waiting(server_->port());
  waiting.send(
      "POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 100000\r\n\r\n");
  EXPECT_EQ(body_of(kNext), "GET /next a ");
  EXPECT_EQ(waiting.received(), "");
  {
    const std::lock_guard lock(mutex_);
    held_.pop_back();
  }
  EXPECT_EQ(clients.back()->read_response().status, 500) << "it was dropped";
  ASSERT_TRUE(waiting.wait_for("100 Continue"));
  waiting.send(std::string(100'000, 'x'));
  EXPECT_EQ(waiting.read_response().status, 200);
}

TEST_F(RequestWireTest, LargeBodiesSideBySideAreAllRead) {
  start({.max_body_bytes = 2'000'000, .max_all_bodies_bytes = 1});
  std::vector<std::unique_ptr<TestClient>> clients;
  const std::string head = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n";
  for (int i = 0; i < 10; ++i) {
    clients.push_back(std::make_unique<TestClient>(server_->port()));
    clients.back()->send(head + std::string(1000, 'x'));
  }
  std::vector<std::thread> senders;
  senders.reserve(clients.size());
  for (const auto& client : clients) {
    senders.emplace_back([&client] { client->send(std::string(1'999'000, 'x')); });
  }
  for (const auto& client : clients) EXPECT_EQ(client->read_response().body.size(), 2'000'010U);
  for (std::thread& sender : senders) sender.join();
}

TEST_F(RequestWireTest, AWaitForRoomEndsWithTheServer) {
  start(
      {.max_body_bytes = 100'000, .max_all_bodies_bytes = 1, .shutdown_timeout = milliseconds(50)});
  std::vector<std::unique_ptr<TestClient>> clients;
  for (size_t i = 0; i < 400'000 / (100'000 - (64 << 10)); ++i) {
    clients.push_back(std::make_unique<TestClient>(server_->port()));
    clients.back()->send(large_request("/hold"));
    wait_for_held(i + 1);
  }
  TestClient waiting(server_->port());
  waiting.send(large_request("/a"));
  server_->stop();
  EXPECT_TRUE(waiting.wait_for_close());
}

TEST_F(RequestWireTest, ReleasedBodiesDoNotCount) {
  start({.max_body_bytes = 100'000, .max_all_bodies_bytes = 1});
  std::vector<std::unique_ptr<TestClient>> clients;
  for (size_t i = 0; i < 30; ++i) {
    clients.push_back(std::make_unique<TestClient>(server_->port()));
    clients.back()->send(large_request("/hold", "X-Release: 1\r\n"));
    wait_for_held(i + 1);
  }
  EXPECT_EQ(ask(large_request("/a")).status, 200);
}

TEST_F(RequestWireTest, RefusedHeadHasNoBody) {
  start();
  TestClient client(server_->port());
  client.send("HEAD /%zz HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(client.wait_for_close());
  EXPECT_TRUE(client.received().starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(client.received().ends_with("\r\n\r\n"));
}

}  // namespace
}  // namespace hadal
