// Clients that keep their connections open between requests, as all libraries do, filled the number
// of connections allowed: everyone else was answered 503 for as long as those were silent.
#include <gtest/gtest.h>
#include <memory>
#include <thread>
#include <vector>

#include "server/http/http_server.h"
#include "support/http_client.h"

namespace hadal::regressions {
namespace {

using test::get_request;
using test::TestClient;

TEST(IdleConnectionsTest, TheLongestIdleMakesWay) {
  constexpr int kMost = 3;
  HttpServer server({.port = 0, .max_connections = kMost},
                    [](const std::shared_ptr<Exchange>& exchange) { exchange->respond({}); });
  std::thread thread([&] { server.run(); });
  std::vector<std::unique_ptr<TestClient>> clients;
  const auto ask = [](TestClient& client) {
    client.send(get_request("/"));
    return client.read_response().status;
  };
  for (int i = 0; i < kMost; ++i) {
    clients.push_back(std::make_unique<TestClient>(server.port()));
    EXPECT_EQ(ask(*clients.back()), 200);
  }
  EXPECT_EQ(ask(*clients[0]), 200);  // now the second is the longest idle
  TestClient another(server.port());
  EXPECT_EQ(ask(another), 200);
  EXPECT_TRUE(clients[1]->wait_for_close());
  EXPECT_EQ(ask(*clients[0]), 200);
  EXPECT_EQ(ask(*clients[2]), 200);
  for (int i = 0; i < 10 * kMost; ++i) {
    TestClient next(server.port());
    EXPECT_EQ(ask(next), 200);
  }
  server.stop();
  thread.join();
}

}  // namespace
}  // namespace hadal::regressions
