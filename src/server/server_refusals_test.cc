// What the server refuses, and what it survives.
#include <cmath>
#include <filesystem>
#include <gtest/gtest.h>
#include <limits>
#include <memory>
#include <regex>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "engine/engine.h"
#include "server/server.h"
#include "support/server_fixture.h"
#include "support/source_dir.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;
using test::ClientResponse;
using test::get_request;
using test::kNotes;
using test::kPath;
using test::post_request;
using test::ServerTest;
using test::TestClient;

TEST_F(ServerTest, ModelsAndHealth) {
  start();
  TestClient client(server_->port());
  client.send(get_request("/v1/models"));
  const ordered_json models = ordered_json::parse(client.read_response().body);
  EXPECT_EQ(models["data"][0]["id"], "nano");
  EXPECT_EQ(models["data"][0]["context_length"], 4096);
  client.send(get_request("/v1/models/nano"));
  EXPECT_EQ(ordered_json::parse(client.read_response().body)["id"], "nano");
  client.send(get_request("/v1/models/other"));
  EXPECT_EQ(client.read_response().status, 404);
  client.send(get_request("/health?x=y"));
  EXPECT_EQ(ordered_json::parse(client.read_response().body)["status"], "ok");
  client.send(get_request("/v1/models", "DELETE"));
  EXPECT_EQ(client.read_response().status, 405);
  client.send(get_request("/"));
  EXPECT_EQ(client.read_response().status, 404);
}

TEST_F(ServerTest, TheDocumentedRoutesAreThoseThereAre) {
  start();
  TestClient client(server_->port());
  client.send(get_request("/nothing"));
  const auto answer = ordered_json::parse(client.read_response().body);
  const auto message = answer["error"]["message"].get<std::string>();
  const std::string docs = read_text_file(test::source_path("docs/api.md"), 1 << 20);
  // "GET /a, POST /b and GET /c", and "| `GET /a` |" in the table of the docs.
  const std::regex route("(GET|POST|PUT|DELETE) (/[A-Za-z0-9_/]+)");
  int routes = 0;
  for (auto at = std::sregex_iterator(message.begin(), message.end(), route);
       at != std::sregex_iterator(); ++at) {
    EXPECT_NE(docs.find("`" + at->str() + "`"), std::string::npos) << at->str();
    ++routes;
  }
  EXPECT_GE(routes, 4) << message;
  const std::string table = docs.substr(0, docs.find("\n## "));
  const std::regex documented("`(GET|POST|PUT|DELETE) (/[A-Za-z0-9_/]+)");
  for (auto at = std::sregex_iterator(table.begin(), table.end(), documented);
       at != std::sregex_iterator(); ++at) {
    client.send(get_request((*at)[2].str(), (*at)[1].str()));
    const ClientResponse response = client.read_response();
    EXPECT_NE(response.status, 405) << at->str();
    EXPECT_EQ(response.body.find("this server answers"), std::string::npos) << at->str();
  }
}

TEST_F(ServerTest, PromptsBeyondTheContextAreRefusedWithNumbers) {
  start({.max_context = 30});
  const ClientResponse response = ask(chat(kNotes));
  EXPECT_EQ(response.status, 400);
  const ordered_json error = ordered_json::parse(response.body)["error"];
  EXPECT_EQ(error["code"], "context_length_exceeded");
  EXPECT_EQ(error["type"], "invalid_request_error");
  EXPECT_NE(error["message"].get<std::string>().find("30"), std::string::npos);
}

TEST_F(ServerTest, AFullQueueAnswers503) {
  start({.max_running = 1, .max_queue = 1});
  gate_.hold_before_decoding();
  TestClient running(server_->port());
  running.send(post_request(kPath, chat("hello").dump()));
  gate_.wait_until_held();
  TestClient waiting(server_->port());
  waiting.send(post_request(kPath, chat("hello").dump()));
  while (engine_->statistics().waiting < 1) std::this_thread::yield();
  const ClientResponse refused = ask(chat("hello"));
  EXPECT_EQ(refused.status, 503);
  EXPECT_NE(refused.head.find("Retry-After: "), std::string::npos);
  gate_.release();
  EXPECT_EQ(running.read_response().status, 200);
  EXPECT_EQ(waiting.read_response().status, 200);
}

TEST_F(ServerTest, ATimeoutEndsARequestAndPriorityIsTaken) {
  start({});
  ordered_json hurried = chat("hello");
  hurried["timeout"] = 1e-6;
  const ClientResponse response = ask(hurried);
  EXPECT_EQ(response.status, 504);
  EXPECT_NE(response.body.find("deadline passed"), std::string::npos) << response.body;
  ordered_json patient = chat("hello");
  patient["timeout"] = 3600;
  patient["priority"] = 5;
  EXPECT_FALSE(answer(patient)["choices"].empty());
}

TEST_F(ServerTest, WebPagesOfElsewhereCannotAsk) {
  start({}, {.allowed_origins = {"https://chat.example"}});
  const std::string body = chat("hello").dump();
  const auto post = [&](const std::string& headers) {
    TestClient client(server_->port());
    client.send("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n" + headers +
                "Content-Type: text/plain\r\nContent-Length: " + std::to_string(body.size()) +
                "\r\n\r\n" + body);
    return client.read_response();
  };
  const ClientResponse refused = post("Origin: https://evil.example\r\n");
  EXPECT_EQ(refused.status, 403);
  EXPECT_NE(refused.body.find("origin_not_allowed"), std::string::npos);
  EXPECT_NE(refused.body.find("--allowed-origin https://evil.example"), std::string::npos);
  EXPECT_EQ(refused.head.find("Access-Control"), std::string::npos);
  const ClientResponse allowed = post("Origin: https://chat.example\r\n");
  EXPECT_EQ(allowed.status, 200);
  EXPECT_NE(allowed.head.find("Access-Control-Allow-Origin: https://chat.example\r\n"),
            std::string::npos);
  EXPECT_EQ(post("Origin: http://localhost:3000\r\n").status, 200);
  EXPECT_EQ(post("").head.find("Access-Control"), std::string::npos);
  TestClient client(server_->port());
  client.send(
      "OPTIONS /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nOrigin: https://chat.example\r\n"
      "Access-Control-Request-Method: POST\r\n"
      "Access-Control-Request-Headers: authorization,content-type\r\n\r\n");
  const ClientResponse preflight = client.read_response();
  EXPECT_EQ(preflight.status, 200);
  EXPECT_NE(preflight.head.find("Access-Control-Allow-Headers: authorization,content-type\r\n"),
            std::string::npos)
      << preflight.head;
  EXPECT_NE(preflight.head.find("Access-Control-Allow-Origin: https://chat.example\r\n"),
            std::string::npos);
}

TEST_F(ServerTest, ForeignHostsAreRefused) {
  start({}, {.allowed_hosts = {"llm.example"}});
  const auto get = [&](const std::string& host) {
    TestClient client(server_->port());
    client.send("GET /health HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
    return client.read_response();
  };
  EXPECT_EQ(get("LocalHost:99").status, 200);
  EXPECT_EQ(get("[::1]:8000").status, 200);
  EXPECT_EQ(get("llm.example.:443").status, 200);
  EXPECT_EQ(get("localhost.evil.example:8000").status, 403);
  const ClientResponse refused = get("evil.example");
  EXPECT_EQ(refused.status, 403);
  EXPECT_NE(refused.body.find("--allowed-host evil.example"), std::string::npos);
}

TEST_F(ServerTest, RequestsThatCannotBeReadHaveANameToo) {
  start();
  TestClient client(server_->port());
  client.send("GET /health HTTP/1.1\r\nX-Request-Id: trace-5\r\n\r\n");
  const ClientResponse response = client.read_response();
  EXPECT_EQ(response.status, 400);
  EXPECT_NE(response.head.find("X-Request-Id: trace-5\r\n"), std::string::npos) << response.head;
  EXPECT_NE(response.body.find("\"invalid_request_error\""), std::string::npos) << response.body;
  EXPECT_EQ(wait_for_log().request_id, "trace-5");
  TestClient other(server_->port());
  other.send("nonsense\r\n\r\n");
  EXPECT_NE(other.read_response().head.find("X-Request-Id: req_"), std::string::npos);
}

TEST_F(ServerTest, HostileBodiesAreRefusedAndTheServerLives) {
  start({}, {.max_body_bytes = size_t{1} << 20});
  TestClient client(server_->port());
  const std::vector<std::string> bodies{
      "",
      "{",
      "[]",
      "\xff\xfe",
      std::string(500000, '['),
      "{\"messages\": [{\"role\": \"user\", \"content\": \"\xc3\x28\"}]}",
      R"({"messages": [{"role": "wizard", "content": "x"}]})",
      R"({"messages": {"role": "user"}})",
      R"({"messages": [{"role": "user", "content": {}}], "temperature": []})",
      R"({"messages": [{"role": "user", "content": "x"}], "temperature": NaN})",
      R"({"messages": [{"role": "user", "content": "x"}], "n": 1000000})",
      R"({"messages": [{"role": "user", "content": "x"}], "max_tokens": -1})",
  };
  for (const std::string& body : bodies) {
    client.send(post_request(kPath, body));
    const ClientResponse response = client.read_response();
    EXPECT_EQ(response.status, 400) << printable(body);
    EXPECT_FALSE(ordered_json::parse(response.body)["error"]["message"].get<std::string>().empty());
  }
  client.send(post_request(kPath, chat(std::string(900000, 'x')).dump()));
  EXPECT_EQ(client.read_response().status, 400);
  EXPECT_EQ(ask(chat(std::string(2000000, 'x'))).status, 413);
  client.send(post_request(kPath, chat(kNotes).dump()));
  EXPECT_EQ(client.read_response().status, 200);
}

TEST_F(ServerTest, AFaultOfTheEngineIsAnAnswerNotTheEnd) {
  struct Fault {
    std::mutex mutex;
    bool due = true;
  } fault;
  EngineOptions options{.threads = 1};
  options.before_step = [&fault](const StepInfo& step) {
    const std::lock_guard lock(fault.mutex);
    if (!fault.due || step.decoding_sequences == 0) return;
    fault.due = false;
    throw Error({.code = ErrorCode::kInvalidFile, .where = "layer 3", .what = "is damaged"});
  };
  Engine engine(checkpoint_, options);
  Server server(engine, tokenizer_, {.port = 0, .model_name = "nano"});
  std::thread thread([&] { server.run(); });
  ordered_json request = chat(kNotes);
  {
    TestClient client(server.port());
    client.send(post_request(kPath, request.dump()));
    const ClientResponse response = client.read_response();
    EXPECT_EQ(response.status, 500);
    EXPECT_NE(response.body.find("layer 3: is damaged"), std::string::npos);
  }
  {
    const std::lock_guard lock(fault.mutex);
    fault.due = true;
  }
  request["stream"] = true;
  {
    TestClient client(server.port());
    client.send(post_request(kPath, request.dump()));
    const ClientResponse response = client.read_response();
    EXPECT_EQ(response.status, 200);
    EXPECT_TRUE(response.whole);
    EXPECT_NE(response.body.find("data: {\"error\":{\"message\":\"layer 3"), std::string::npos);
    EXPECT_EQ(response.body.find("[DONE]"), std::string::npos);
    client.send(post_request(kPath, request.dump()));
    events_of(client.read_response().body);
  }
  server.stop();
  thread.join();
}

TEST_F(ServerTest, StopLetsAStreamEnd) {
  start();
  gate_.hold_before_decoding();
  ordered_json request = chat(kNotes);
  request["stream"] = true;
  TestClient client(server_->port());
  client.send(post_request(kPath, request.dump()));
  gate_.wait_until_held();
  server_->stop();
  gate_.release();
  const ClientResponse response = client.read_response();
  EXPECT_TRUE(response.whole);
  events_of(response.body);
  thread_.join();
}

TEST_F(ServerTest, StopEndsAStreamThatTakesTooLongWithAnError) {
  start({}, {.shutdown_timeout = std::chrono::milliseconds(50)});
  gate_.hold_before_decoding();
  ordered_json request = chat(kNotes);
  request["stream"] = true;
  TestClient client(server_->port());
  client.send(post_request(kPath, request.dump()));
  gate_.wait_until_held();
  server_->stop();
  const ClientResponse response = client.read_response();
  EXPECT_TRUE(response.whole);
  EXPECT_NE(response.body.find("data: {\"error\":{\"message\":\"the server is shutting down"),
            std::string::npos)
      << response.body;
  EXPECT_EQ(response.body.find("[DONE]"), std::string::npos);
  gate_.release();
  thread_.join();
  EXPECT_EQ(engine_->statistics().cancelled, 1);
}

TEST_F(ServerTest, OtherOriginsNamesAreRefused) {
  start({}, {.allowed_hosts = {"Hadal.example"}});
  TestClient client(server_->port());
  client.send("GET /health HTTP/1.1\r\nHost: evil.example:8000\r\n\r\n");
  EXPECT_EQ(client.read_response().status, 403);
  client.send("GET /health HTTP/1.1\r\nHost: hadal.example\r\n\r\n");
  EXPECT_EQ(client.read_response().status, 200);
}

TEST_F(ServerTest, BodiesInOtherEncodings) {
  start();
  const std::string json = R"({"max_tokens":1,"messages":[{"role":"user","content":"hi"}]})";
  TestClient client(server_->port());
  client.send(post_request(kPath, "\xef\xbb\xbf" + json));
  EXPECT_EQ(client.read_response().status, 200);
  std::string wide = "\xff\xfe";
  for (const char c : json) wide += {c, '\0'};
  client.send(post_request(kPath, wide));
  const ClientResponse refused = client.read_response();
  EXPECT_EQ(refused.status, 400);
  EXPECT_NE(refused.body.find("UTF-16LE"), std::string::npos) << refused.body;
  EXPECT_NE(refused.body.find("invalid_json"), std::string::npos) << refused.body;
}

TEST(DefaultMaxBodyTest, HoldsTheLongestPromptHoweverItIsWritten) {
  // 128 spaces are the longest token of DeepSeek's vocabulary.
  constexpr int kContext = 1 << 20;
  EXPECT_GT(default_max_body(kContext), size_t{128} * kContext);
  EXPECT_GE(default_max_body(1), size_t{8} << 20);
  EXPECT_GT(default_max_body(std::numeric_limits<int>::max()), size_t{1} << 37);
}

}  // namespace
}  // namespace hadal
