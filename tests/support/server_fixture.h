// A server on the built-in model, asked over its own port.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "checkpoint/v4/checkpoint.h"
#include "engine/engine.h"
#include "server/server.h"
#include "support/http_client.h"
#include "support/source_dir.h"
#include "support/step_gate.h"
#include "text/tokenizer.h"

namespace hadal::test {

using nlohmann::ordered_json;

inline constexpr char kPath[] = "/v1/chat/completions";
inline constexpr char kNotes[] =
    "Here are my notes. The code for the blue door is 4821. Anna lives in Lisbon. We drank tea and "
    "talked for an hour. The key is under the stairs. Victor has a white owl. The meeting with "
    "Rosa is on Friday.";

inline std::filesystem::path nano_directory() { return test::source_path("models/nano"); }

class ServerTest : public testing::Test {
 protected:
  ServerTest()
      : checkpoint_(Checkpoint::open(nano_directory())),
        tokenizer_(Tokenizer::load(nano_directory() / "tokenizer.json")) {}

  void start(EngineOptions engine_options = {}, ServerOptions options = {}) {
    engine_options.threads = 1;
    engine_options.before_step = gate_.hook();
    engine_ = std::make_unique<Engine>(checkpoint_, engine_options);
    options.port = 0;
    options.model_name = "nano";
    options.on_request = [this](const RequestLog& entry) {
      const std::lock_guard lock(mutex_);
      log_.push_back(entry);
      logged_.notify_all();
    };
    server_ = std::make_unique<Server>(*engine_, tokenizer_, options);
    thread_ = std::thread([this] { server_->run(); });
  }

  void TearDown() override {
    gate_.release();
    if (server_ == nullptr) return;
    server_->stop();
    if (thread_.joinable()) thread_.join();
  }

  RequestLog wait_for_log(size_t index = 0) {
    std::unique_lock lock(mutex_);
    logged_.wait(lock, [&] { return log_.size() > index; });
    return log_[index];
  }

  static ordered_json chat(const std::string& question) {
    return {{"model", "nano"},
            {"temperature", 0},
            {"max_tokens", 200},
            {"messages", ordered_json::array({{{"role", "user"}, {"content", question}}})}};
  }

  ClientResponse ask(const ordered_json& body, const std::string& path = kPath) {
    TestClient client(server_->port());
    client.send(post_request(path, body.dump()));
    return client.read_response();
  }

  ordered_json answer(const ordered_json& body, const std::string& path = kPath) {
    const ClientResponse response = ask(body, path);
    EXPECT_EQ(response.status, 200) << response.body;
    return ordered_json::parse(response.body);
  }

  // The data of every event of a stream but [DONE], which must come last.
  static std::vector<ordered_json> events_of(const std::string& body) {
    std::vector<ordered_json> events;
    bool done = false;
    for (size_t at = 0; at < body.size();) {
      const size_t end = body.find("\n\n", at);
      const std::string event = body.substr(at, end - at);
      at = end + 2;
      EXPECT_FALSE(done);
      if (event == "data: [DONE]") {
        done = true;
      } else if (event.starts_with("data: ")) {
        events.push_back(ordered_json::parse(event.substr(6)));
      }
    }
    EXPECT_TRUE(done) << body;
    return events;
  }

  Checkpoint checkpoint_;
  Tokenizer tokenizer_;
  StepGate gate_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Server> server_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable logged_;
  std::vector<RequestLog> log_;
};

}  // namespace hadal::test
