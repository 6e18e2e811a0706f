// A request that had run into its own `timeout` was told that the server was overloaded, and to try
// again in five seconds: clients obeyed and let it run into the same limit again and again.
#include <filesystem>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <thread>

#include <nlohmann/json.hpp>

#include "checkpoint/v4/checkpoint.h"
#include "engine/engine.h"
#include "server/api_error.h"
#include "server/server.h"
#include "support/http_client.h"
#include "support/source_dir.h"
#include "text/tokenizer.h"

namespace hadal::regressions {
namespace {

using nlohmann::ordered_json;
using test::ClientResponse;
using test::post_request;
using test::TestClient;

class OwnTimeoutTest : public testing::Test {
 protected:
  OwnTimeoutTest() : thread_([this] { server_.run(); }) {}
  ~OwnTimeoutTest() override {
    server_.stop();
    thread_.join();
  }

  static std::filesystem::path nano() { return test::source_path("models/nano"); }

  ClientResponse ask(bool stream) const {
    const ordered_json body = {
        {"timeout", 1e-6},
        {"stream", stream},
        {"messages", ordered_json::array({{{"role", "user"}, {"content", "hello"}}})}};
    TestClient client(server_.port());
    client.send(post_request("/v1/chat/completions", body.dump()));
    return client.read_response();
  }

  static void expect_timeout(const ordered_json& error) {
    EXPECT_EQ(error["type"], "timeout_error");
    EXPECT_EQ(error["code"], "request_timeout");
    const auto message = error["message"].get<std::string>();
    EXPECT_NE(message.find("deadline passed with 0 of the "), std::string::npos) << message;
    EXPECT_NE(message.find("tokens of the prompt computed and 0 of the answer made"),
              std::string::npos)
        << message;
  }

  Checkpoint checkpoint_ = Checkpoint::open(nano());
  Tokenizer tokenizer_ = Tokenizer::load(nano() / "tokenizer.json");
  Engine engine_{checkpoint_, {.threads = 1}};
  Server server_{engine_, tokenizer_, {.port = 0}};
  std::thread thread_;
};

TEST_F(OwnTimeoutTest, IsAnErrorOfItsOwnThatIsNotRetried) {
  const ClientResponse response = ask(false);
  EXPECT_EQ(response.status, 504);
  EXPECT_EQ(response.head.find("Retry-After"), std::string::npos) << response.head;
  EXPECT_NE(response.head.find("X-Should-Retry: false\r\n"), std::string::npos) << response.head;
  expect_timeout(ordered_json::parse(response.body)["error"]);
}

TEST_F(OwnTimeoutTest, AStreamThatHasBegunEndsWithTheSame) {
  const ClientResponse response = ask(true);
  EXPECT_EQ(response.status, 200);
  EXPECT_TRUE(response.whole);
  EXPECT_EQ(response.body.find("[DONE]"), std::string::npos);
  const size_t begin = response.body.rfind("data: ");
  ASSERT_NE(begin, std::string::npos) << response.body;
  expect_timeout(ordered_json::parse(response.body.substr(begin + 6))["error"]);
}

TEST(OverloadTest, IsStillRetried) {
  const HttpResponse full = api_error_response({.status = 503, .message = "full"});
  ASSERT_EQ(full.headers.size(), 1U);
  EXPECT_EQ(full.headers[0].first, "Retry-After");
}

}  // namespace
}  // namespace hadal::regressions
