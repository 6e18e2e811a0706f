// A stream that was still running when the server's patience at shutdown ended broke off in the
// middle: its client could not tell it from a broken connection, and did not learn to ask again.
#include <chrono>
#include <filesystem>
#include <future>
#include <gtest/gtest.h>
#include <thread>

#include "checkpoint/v4/checkpoint.h"
#include "engine/engine.h"
#include "read_request.h"
#include "server/server.h"
#include "support/http_client.h"
#include "support/source_dir.h"

namespace hadal::regressions {
namespace {

TEST(StreamCutWithoutErrorTest, ItEndsWithAnErrorEvent) {
  const Checkpoint checkpoint = Checkpoint::open(test::source_path("models/nano"));
  std::promise<void> held;
  std::promise<void> go_on;
  const std::shared_future<void> may_go_on = go_on.get_future().share();
  bool is_first = true;  // of the steps that decode; the engine's thread only
  EngineOptions options{.threads = 1};
  options.before_step = [&](const StepInfo& step) {
    if (step.decoding_sequences == 0) return;
    if (std::exchange(is_first, false)) held.set_value();
    may_go_on.wait();
  };
  Engine engine(checkpoint, options);
  Server server(engine, nano_tokenizer(),
                {.port = 0, .shutdown_timeout = std::chrono::milliseconds(20)});
  std::thread thread([&] { server.run(); });
  test::TestClient client(server.port());
  client.send(test::post_request(
      "/v1/chat/completions",
      R"({"messages": [{"role": "user", "content": "hello"}], "stream": true})"));
  held.get_future().wait();
  server.stop();
  const test::ClientResponse response = client.read_response();
  EXPECT_TRUE(response.whole);
  EXPECT_NE(response.body.find("data: {\"error\":{\"message\":\"the server is shutting down\""),
            std::string::npos)
      << response.body;
  EXPECT_EQ(response.body.find("[DONE]"), std::string::npos);
  go_on.set_value();
  thread.join();
}

}  // namespace
}  // namespace hadal::regressions
