#include "server/http/http_server.h"

#include <condition_variable>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "support/http_client.h"

namespace hadal {
namespace {

using std::chrono::milliseconds;
using test::get_request;
using test::post_request;
using test::TestClient;

// Answers by path, and hands the exchanges of /held to the test.
class HttpServerTest : public testing::Test {
 protected:
  void start(ServerOptions options = {}) {
    options.port = 0;
    options.on_request = [this](const RequestLog& entry) {
      const std::lock_guard lock(mutex_);
      log_.push_back(entry);
      changed_.notify_all();
    };
    server_ = std::make_unique<HttpServer>(
        options, [this](std::shared_ptr<Exchange> exchange) { handle(std::move(exchange)); });
    thread_ = std::thread([this] { server_->run(); });
  }

  void TearDown() override {
    held_.clear();
    if (server_ == nullptr) return;
    server_->stop();
    if (thread_.joinable()) thread_.join();
  }

  void handle(std::shared_ptr<Exchange> exchange) {
    const std::string& path = exchange->request().path;
    if (path == "/echo") {
      exchange->respond({.content_type = "text/plain", .body = exchange->request().body});
    } else if (path == "/query") {
      exchange->respond({.body = exchange->request().query});
    } else if (path == "/throw") {
      throw std::runtime_error("thrown by the handler");
    } else if (path == "/held") {
      const std::lock_guard lock(mutex_);
      exchange->on_abandoned([this] {
        const std::lock_guard abandoned_lock(mutex_);
        ++abandoned_;
        changed_.notify_all();
      });
      held_.push_back(std::move(exchange));
      changed_.notify_all();
    } else if (path != "/dropped") {
      exchange->respond({.status = 404});
    }
  }

  std::shared_ptr<Exchange> take_held() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !held_.empty(); });
    auto exchange = std::move(held_.front());
    held_.erase(held_.begin());
    return exchange;
  }

  void wait_for_abandoned(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return abandoned_ >= count; });
  }

  RequestLog wait_for_log(size_t index = 0) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return log_.size() > index; });
    return log_[index];
  }

  uint16_t port() const { return server_->port(); }

  std::unique_ptr<HttpServer> server_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::shared_ptr<Exchange>> held_;
  std::vector<RequestLog> log_;
  int abandoned_ = 0;
};

TEST_F(HttpServerTest, AnswersSeveralRequestsOnOneConnection) {
  start();
  TestClient client(port());
  for (const std::string body : {"one", "", "three"}) {
    client.send(post_request("/echo", body));
    const auto response = client.read_response();
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, body);
    EXPECT_NE(response.head.find("Connection: keep-alive"), std::string::npos);
  }
  EXPECT_EQ(wait_for_log(2).path, "/echo");
}

TEST_F(HttpServerTest, AnswersPipelinedRequestsInOrder) {
  start();
  TestClient client(port());
  client.send(post_request("/held", "") + post_request("/echo", "second"));
  auto exchange = take_held();
  exchange->respond({.body = "first"});
  EXPECT_EQ(client.read_response().body, "first");
  EXPECT_EQ(client.read_response().body, "second");
}

TEST_F(HttpServerTest, ReadsChunkedBodiesAndExpectContinue) {
  start();
  TestClient client(port());
  client.send(
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n");
  EXPECT_EQ(client.read_response().body, "abcdefg");
  client.send(
      "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  ASSERT_TRUE(client.wait_for("100 Continue"));
  client.send("ok");
  EXPECT_EQ(client.read_response().body, "ok");
}

TEST_F(HttpServerTest, HeadAndHttp10) {
  start();
  TestClient client(port());
  client.send("HEAD /echo HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(client.wait_for("\r\n\r\n"));
  EXPECT_NE(client.received().find("Content-Length: 0"), std::string::npos);
  TestClient old(port());
  old.send("GET /held HTTP/1.0\r\n\r\n");
  auto exchange = take_held();
  exchange->begin_stream({.content_type = "text/plain"});
  exchange->write("no ");
  exchange->write("chunks");
  exchange->end();
  const auto response = old.read_response();
  EXPECT_EQ(response.body, "no chunks");
  EXPECT_NE(response.head.find("Connection: close"), std::string::npos);
}

TEST_F(HttpServerTest, StreamsPartsAsTheyAreWritten) {
  start();
  TestClient client(port());
  client.send(get_request("/held"));
  auto exchange = take_held();
  exchange->begin_stream({.content_type = "text/event-stream"});
  exchange->write("first\n");
  ASSERT_TRUE(client.wait_for("first\n"));
  exchange->write("second\n");
  ASSERT_TRUE(client.wait_for("second\n"));
  exchange->end();
  const auto response = client.read_response();
  EXPECT_TRUE(response.whole);
  EXPECT_EQ(response.body, "first\nsecond\n");
  client.send(post_request("/echo", "after"));
  EXPECT_EQ(client.read_response().body, "after");
}

TEST_F(HttpServerTest, SilentStreamsAreKeptAliveAsTheirRouteHasIt) {
  start({.keep_alive = milliseconds(20)});
  TestClient client(port());
  client.send(get_request("/held"));
  auto exchange = take_held();
  exchange->set_style({.keep_alive_text = ": patience\n\n"});
  exchange->begin_stream({.content_type = "text/event-stream"});
  EXPECT_TRUE(client.wait_for(": patience\n\n"));
  // Without a text nothing comes between the parts.
  TestClient silent(port());
  silent.send(get_request("/held"));
  auto plain = take_held();
  plain->begin_stream({.content_type = "text/plain"});
  EXPECT_TRUE(client.wait_for("patience\n\n\r\nc\r\n: patience"));
  plain->write("all");
  plain->end();
  EXPECT_EQ(silent.read_response().body, "all");
}

TEST_F(HttpServerTest, TheQueryIsKeptApartFromThePath) {
  start();
  TestClient client(port());
  for (const auto& [target, query] :
       std::vector<std::pair<std::string, std::string>>{{"/query", ""},
                                                        {"/query?", ""},
                                                        {"/query?a=%20b&c?d", "a=%20b&c?d"},
                                                        {"http://localhost/query?x", "x"}}) {
    client.send(get_request(target));
    EXPECT_EQ(client.read_response().body, query) << target;
  }
}

TEST_F(HttpServerTest, ErrorsAreWrittenInTheWordsOfTheirRoute) {
  start({.shutdown_timeout = milliseconds(50)});
  TestClient client(port());
  client.send("nonsense\r\n\r\n");
  const auto malformed = client.read_response();
  EXPECT_EQ(malformed.status, 400);
  EXPECT_NE(malformed.head.find("text/plain"), std::string::npos) << "no API has been asked";
  TestClient dropped(port());
  dropped.send(get_request("/held"));
  auto exchange = take_held();
  exchange->set_style({.write_error = [](const HttpError& error) {
    return HttpResponse{.status = error.status, .body = "in other words"};
  }});
  exchange.reset();
  EXPECT_EQ(dropped.read_response().body, "in other words");
}

TEST_F(HttpServerTest, DepartureOfTheClientIsNoticed) {
  start();
  for (const bool streaming : {false, true}) {
    TestClient client(port());
    client.send(get_request("/held"));
    auto exchange = take_held();
    if (streaming) {
      exchange->begin_stream({});
      exchange->write("part");
      ASSERT_TRUE(client.wait_for("part"));
    }
    client.close();
    wait_for_abandoned(streaming ? 2 : 1);
    exchange->write("into the void");
    exchange->respond({});
    EXPECT_EQ(wait_for_log(streaming ? 1 : 0).status, 499);
  }
}

TEST_F(HttpServerTest, HandlersThatFailAnswer500) {
  start();
  TestClient client(port());
  client.send(get_request("/throw"));
  EXPECT_EQ(client.read_response().status, 500);
  client.send(get_request("/dropped"));
  EXPECT_EQ(client.read_response().status, 500);
  client.send(post_request("/echo", "alive"));
  EXPECT_EQ(client.read_response().body, "alive");
}

TEST_F(HttpServerTest, LimitsOfSize) {
  start({.max_body_bytes = 100, .max_header_bytes = 1000});
  {
    TestClient client(port());
    client.send(post_request("/echo", std::string(100, 'x')));
    EXPECT_EQ(client.read_response().status, 200);
    client.send(post_request("/echo", std::string(101, 'x')));
    EXPECT_EQ(client.read_response().status, 413);
    EXPECT_TRUE(client.wait_for_close());
  }
  {
    // A body that is far larger than what the sockets hold: the answer still arrives.
    TestClient client(port());
    client.send(post_request("/echo", std::string(size_t{20} << 20, 'x')));
    EXPECT_EQ(client.read_response().status, 413);
  }
  {
    TestClient client(port());
    client.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 20; ++i) client.send("a\r\n0123456789\r\n");
    EXPECT_EQ(client.read_response().status, 413);
  }
  {
    TestClient client(port());
    client.send("GET /echo HTTP/1.1\r\nX: " + std::string(2000, 'x') + "\r\n\r\n");
    EXPECT_EQ(client.read_response().status, 431);
  }
}

TEST_F(HttpServerTest, MalformedRequestsAnswer400OrClose) {
  start();
  const std::vector<std::string> requests{
      "nonsense\r\n\r\n",
      "GET  HTTP/1.1\r\n\r\n",
      "GET / HTTP/9.9\r\n\r\n",
      "POST /echo HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
      "POST /echo HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
      "POST /echo HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
      "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      "GET / HTTP/1.1\r\nbroken header\r\n\r\n",
      "GET /" + std::string(1, '\0') + " HTTP/1.1\r\n\r\n",
      "\x16\x03\x01\x02" + std::string(1, '\0') + "\x01",
  };
  for (const std::string& request : requests) {
    SCOPED_TRACE(printable(request));
    TestClient client(port());
    client.send(request);
    client.shutdown_sending();
    const auto response = client.read_response();
    EXPECT_TRUE(response.status == 400 || response.status == 0 || response.status == 413 ||
                response.status == 505)
        << response.status;
    EXPECT_TRUE(client.wait_for_close());
  }
  TestClient client(port());
  client.send(post_request("/echo", "alive"));
  EXPECT_EQ(client.read_response().body, "alive");
}

TEST_F(HttpServerTest, SlowAndSilentClientsAreClosed) {
  start({.idle_timeout = milliseconds(50), .read_timeout = milliseconds(100)});
  TestClient silent(port());
  TestClient slow_head(port());
  TestClient slow_body(port());
  slow_head.send("POST /echo HT");
  slow_body.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_TRUE(silent.wait_for_close());
  EXPECT_TRUE(slow_head.wait_for_close());
  EXPECT_TRUE(slow_body.wait_for_close());
}

TEST_F(HttpServerTest, ReadersThatStopReadingAreDropped) {
  start({.write_timeout = milliseconds(100)});
  TestClient client(port());
  client.send(get_request("/held"));
  auto exchange = take_held();
  exchange->begin_stream({});
  for (int i = 0; i < 12; ++i) exchange->write(std::string(size_t{1} << 20, 'x'));
  wait_for_abandoned(1);
  EXPECT_EQ(wait_for_log().status, 499);
}

TEST_F(HttpServerTest, ConnectionsBeyondTheLimitAreRefused) {
  start({.max_connections = 2});
  TestClient first(port());
  TestClient second(port());
  std::vector<std::shared_ptr<Exchange>> exchanges;
  for (TestClient* client : {&first, &second}) {
    client->send(get_request("/held"));
    exchanges.push_back(take_held());
  }
  TestClient third(port());
  const auto response = third.read_response();
  EXPECT_EQ(response.status, 503);
  EXPECT_NE(response.head.find("Retry-After"), std::string::npos);
  const RequestLog entry = wait_for_log();
  EXPECT_EQ(entry.status, 503);
  EXPECT_EQ(entry.path, "-");
  EXPECT_NE(entry.error.find("connections"), std::string::npos);
}

TEST_F(HttpServerTest, StopLetsRunningRequestsEnd) {
  start();
  const uint16_t port_before_stop = port();
  TestClient idle(port_before_stop);
  idle.send(post_request("/echo", ""));
  idle.read_response();
  TestClient client(port());
  client.send(get_request("/held"));
  auto exchange = take_held();
  exchange->begin_stream({});
  server_->stop();
  EXPECT_TRUE(idle.wait_for_close());
  exchange->write("the rest");
  exchange->end();
  const auto response = client.read_response();
  EXPECT_EQ(response.body, "the rest");
  EXPECT_TRUE(response.whole);
  EXPECT_TRUE(client.wait_for_close());
  exchange.reset();
  thread_.join();
  EXPECT_THROW(TestClient{port_before_stop}, std::runtime_error);
}

TEST_F(HttpServerTest, StopAbandonsWhatDoesNotEnd) {
  start({.shutdown_timeout = milliseconds(50)});
  TestClient client(port());
  client.send(get_request("/held"));
  auto exchange = take_held();
  TestClient streaming(port());
  streaming.send(get_request("/held"));
  auto stream = take_held();
  stream->begin_stream({.body = "begun"});
  EXPECT_TRUE(streaming.wait_for("begun"));
  server_->stop();
  wait_for_abandoned(2);
  const auto response = client.read_response();
  EXPECT_EQ(response.status, 503);
  EXPECT_NE(response.head.find("Connection: close"), std::string::npos);
  EXPECT_NE(response.body.find("shutting down"), std::string::npos);
  EXPECT_TRUE(client.wait_for_close());
  EXPECT_FALSE(streaming.read_response().whole);
  exchange.reset();
  stream.reset();
  thread_.join();
}

// Neither half a request nor a client that waits for leave to send its body holds up the end.
TEST_F(HttpServerTest, StopRefusesRequestsThatDoNotArrive) {
  start({.shutdown_timeout = std::chrono::hours(1)});
  TestClient head(port());
  head.send("POST /echo HT");
  TestClient body(port());
  body.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1234");
  TestClient permitted(port());
  permitted.send(
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_TRUE(permitted.wait_for("100 Continue"));
  TestClient arriving(port());
  arriving.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1234");
  TestClient last(port());
  last.send(post_request("/echo", ""));
  EXPECT_EQ(last.read_response().status, 200);
  server_->stop();
  arriving.send("56789");
  EXPECT_EQ(arriving.read_response().body, "123456789");
  EXPECT_EQ(head.read_response().status, 503);
  EXPECT_EQ(body.read_response().status, 503);
  EXPECT_TRUE(permitted.wait_for(" 503 "));
  thread_.join();
}

TEST_F(HttpServerTest, StopAnswersWhatWasSentBefore) {
  start();
  std::vector<std::unique_ptr<TestClient>> clients;
  constexpr int kClients = 20;
  for (int i = 0; i < kClients; ++i) {
    clients.push_back(std::make_unique<TestClient>(port()));
    clients.back()->send(post_request("/echo", "here"));
  }
  server_->stop();
  for (const auto& client : clients) {
    EXPECT_EQ(client->read_response().body, "here");
    EXPECT_TRUE(client->wait_for_close());
  }
  thread_.join();
}

TEST_F(HttpServerTest, StopDoesNotWaitForReadersThatTakeNothing) {
  start({.write_timeout = std::chrono::hours(1), .shutdown_timeout = milliseconds(50)});
  TestClient client(port());
  client.send(get_request("/held"));
  auto exchange = take_held();
  exchange->begin_stream({});
  for (int i = 0; i < 8; ++i) exchange->write(std::string(size_t{1} << 20, 'x'));
  server_->stop();
  wait_for_abandoned(1);
  exchange.reset();
  thread_.join();
}

TEST_F(HttpServerTest, SecondStopDoesNotWait) {
  start();
  TestClient client(port());
  client.send(get_request("/held"));
  auto exchange = take_held();
  server_->stop();
  server_->stop();
  wait_for_abandoned(1);
  exchange.reset();
  thread_.join();
}

TEST(HttpServerListenTest, FailuresNameTheRemedy) {
  const auto ignore = [](const std::shared_ptr<Exchange>&) {};
  const HttpServer first({.port = 0}, ignore);
  try {
    const HttpServer second({.port = first.port()}, ignore);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
    EXPECT_NE(std::string(error.what()).find("--port"), std::string::npos);
  }
  EXPECT_THROW(HttpServer({.host = "192.0.2.1", .port = 0}, ignore), Error);
  EXPECT_THROW(HttpServer({.host = "no such host.invalid", .port = 0}, ignore), Error);
}

}  // namespace
}  // namespace hadal
