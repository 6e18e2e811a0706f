#include "server/server.h"

#include <cmath>
#include <condition_variable>
#include <filesystem>
#include <gtest/gtest.h>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "checkpoint/v4/checkpoint.h"
#include "engine/engine.h"
#include "engine/test_gate.h"
#include "server/test_client.h"
#include "text/tokenizer.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;
using test::ClientResponse;
using test::get_request;
using test::post_request;
using test::StepGate;
using test::TestClient;

constexpr char kPath[] = "/v1/chat/completions";
constexpr char kNotes[] =
    "Here are my notes. The code for the blue door is 4821. Anna lives in Lisbon. We drank tea and "
    "talked for an hour. The key is under the stairs. Victor has a white owl. The meeting with "
    "Rosa is on Friday.";

std::filesystem::path nano_directory() {
  return std::filesystem::path(HADAL_SOURCE_DIR) / "models" / "nano";
}

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

  ClientResponse ask(const ordered_json& body) {
    TestClient client(server_->port());
    client.send(post_request(kPath, body.dump()));
    return client.read_response();
  }

  ordered_json answer(const ordered_json& body) {
    const ClientResponse response = ask(body);
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

TEST_F(ServerTest, AnswersAboutNotes) {
  start();
  const ordered_json body =
      answer(chat(std::string(kNotes) + " What is the code for the blue door?"));
  EXPECT_EQ(body["object"], "chat.completion");
  EXPECT_EQ(body["model"], "nano");
  const ordered_json& choice = body["choices"][0];
  EXPECT_EQ(choice["message"]["role"], "assistant");
  EXPECT_EQ(choice["message"]["content"], "The code for the blue door is 4821.");
  EXPECT_FALSE(choice["message"].contains("reasoning_content"));
  EXPECT_EQ(choice["finish_reason"], "stop");
  const ordered_json& usage = body["usage"];
  EXPECT_GT(usage["prompt_tokens"], 40);
  EXPECT_EQ(usage["total_tokens"],
            usage["prompt_tokens"].get<int>() + usage["completion_tokens"].get<int>());

  const RequestLog entry = wait_for_log();
  EXPECT_EQ(entry.path, kPath);
  EXPECT_EQ(entry.status, 200);
  EXPECT_EQ(entry.prompt_tokens, usage["prompt_tokens"]);
  EXPECT_EQ(entry.completion_tokens, usage["completion_tokens"]);
}

TEST_F(ServerTest, ThinksWhenAsked) {
  start();
  ordered_json request = chat(std::string(kNotes) + "\n\nWhat pet does Victor have?");
  request["thinking"] = {{"type", "enabled"}};
  const ordered_json body = answer(request);
  const ordered_json& message = body["choices"][0]["message"];
  EXPECT_EQ(message["reasoning_content"], "The notes say: Victor has a white owl.");
  EXPECT_EQ(message["content"], "Victor has a white owl.");
  EXPECT_GT(body["usage"]["completion_tokens_details"]["reasoning_tokens"], 5);
}

TEST_F(ServerTest, StreamsTheSameAnswer) {
  start();
  ordered_json request = chat(std::string(kNotes) + "\n\nWhat pet does Victor have?");
  request["reasoning_effort"] = "high";
  request["stream"] = true;
  request["stream_options"] = {{"include_usage", true}};
  const ClientResponse response = ask(request);
  EXPECT_NE(response.head.find("text/event-stream"), std::string::npos);
  EXPECT_TRUE(response.whole);
  const std::vector<ordered_json> events = events_of(response.body);
  ASSERT_GT(events.size(), 6U);
  EXPECT_EQ(events.front()["choices"][0]["delta"]["role"], "assistant");
  std::string reasoning;
  std::string content;
  for (const ordered_json& event : events) {
    EXPECT_EQ(event["object"], "chat.completion.chunk");
    EXPECT_EQ(event["id"], events.front()["id"]);
    if (event["choices"].empty()) continue;
    const ordered_json& delta = event["choices"][0]["delta"];
    reasoning += delta.value("reasoning_content", "");
    content += delta.value("content", "");
  }
  EXPECT_EQ(reasoning, "The notes say: Victor has a white owl.");
  EXPECT_EQ(content, "Victor has a white owl.");
  EXPECT_EQ(events[events.size() - 2]["choices"][0]["finish_reason"], "stop");
  EXPECT_GT(events.back()["usage"]["completion_tokens"], 10);
}

TEST_F(ServerTest, CallsToolsWholeAndStreamed) {
  start();
  ordered_json request = chat("What is the weather in Lisbon?");
  request["tools"] = ordered_json::array({{{"type", "function"},
                                           {"function",
                                            {{"name", "get_weather"},
                                             {"description", "Get the weather for a city"},
                                             {"parameters",
                                              {{"type", "object"},
                                               {"properties", {{"city", {{"type", "string"}}}}},
                                               {"required", ordered_json::array({"city"})}}}}}}});
  const ordered_json choice = answer(request)["choices"][0];
  EXPECT_EQ(choice["finish_reason"], "tool_calls");
  EXPECT_TRUE(choice["message"]["content"].is_null());
  const ordered_json& call = choice["message"]["tool_calls"][0];
  EXPECT_TRUE(call["id"].get<std::string>().starts_with("call_"));
  EXPECT_EQ(call["function"]["name"], "get_weather");
  EXPECT_EQ(call["function"]["arguments"], "{\"city\": \"Lisbon\"}");

  ordered_json streamed = request;
  streamed["stream"] = true;
  std::string name;
  std::string arguments;
  const std::vector<ordered_json> events = events_of(ask(streamed).body);
  for (const ordered_json& event : events) {
    const ordered_json& delta = event["choices"][0]["delta"];
    if (!delta.contains("tool_calls")) continue;
    EXPECT_EQ(delta["tool_calls"][0]["index"], 0);
    const ordered_json& function = delta["tool_calls"][0]["function"];
    name += function.value("name", "");
    arguments += function.value("arguments", "");
  }
  EXPECT_EQ(name, "get_weather");
  EXPECT_EQ(arguments, "{\"city\": \"Lisbon\"}");
  EXPECT_EQ(events.back()["choices"][0]["finish_reason"], "tool_calls");

  request["messages"].push_back(choice["message"]);
  request["messages"].push_back({{"role", "tool"},
                                 {"tool_call_id", call["id"]},
                                 {"content", "{\"sky\": \"sunny\", \"temperature\": 24}"}});
  EXPECT_EQ(answer(request)["choices"][0]["message"]["content"],
            "It is sunny in Lisbon, with 24 degrees.");
}

TEST_F(ServerTest, StreamingIsReal) {
  start();
  gate_.hold_before_decoding();
  ordered_json request = chat(std::string(kNotes) + " What is the code for the blue door?");
  request["stream"] = true;
  TestClient client(server_->port());
  client.send(post_request(kPath, request.dump()));
  // The engine cannot compute the second token before release(), yet the first one arrives.
  ASSERT_TRUE(client.wait_for("{\"content\":\"The\"}"));
  gate_.wait_until_held();
  EXPECT_EQ(client.received().find("code"), std::string::npos);
  gate_.release();
  EXPECT_EQ(events_of(client.read_response().body).back()["choices"][0]["finish_reason"], "stop");
}

TEST_F(ServerTest, TheClientsDepartureCancelsTheRequest) {
  start();
  for (const bool stream : {false, true}) {
    gate_.hold_before_decoding();
    ordered_json request = chat(kNotes);
    request["stream"] = stream;
    TestClient client(server_->port());
    client.send(post_request(kPath, request.dump()));
    gate_.wait_until_held();
    client.close();
    EXPECT_EQ(wait_for_log(stream ? 1 : 0).status, 499);
    gate_.release();
    while (engine_->statistics().cancelled < (stream ? 2 : 1)) std::this_thread::yield();
  }
  EXPECT_LE(engine_->statistics().generated_tokens, 4);
}

TEST_F(ServerTest, StopStringsAndTokenLimits) {
  start();
  ordered_json request = chat(std::string(kNotes) + " What is the code for the blue door?");
  request["stop"] = " door";
  ordered_json body = answer(request);
  EXPECT_EQ(body["choices"][0]["message"]["content"], "The code for the blue");
  EXPECT_EQ(body["choices"][0]["finish_reason"], "stop");
  request["stop"] = nullptr;
  request["max_tokens"] = 3;
  body = answer(request);
  EXPECT_EQ(body["choices"][0]["finish_reason"], "length");
  EXPECT_EQ(body["usage"]["completion_tokens"], 3);
}

TEST_F(ServerTest, TheSameSeedGivesTheSameAnswer) {
  start();
  ordered_json request = chat("Tell me something.");
  request["temperature"] = 5;
  request["max_tokens"] = 20;
  request["seed"] = 11;
  const auto content = [&] { return answer(request)["choices"][0]["message"]["content"]; };
  const ordered_json first = content();
  EXPECT_EQ(content(), first);
  request["seed"] = 12;
  EXPECT_NE(content(), first);
}

TEST_F(ServerTest, LogprobsComeWholeAndStreamedAlike) {
  start();
  ordered_json request = chat(std::string(kNotes) + " What is the code for the blue door?");
  EXPECT_FALSE(answer(request)["choices"][0].contains("logprobs"));
  request["logprobs"] = true;
  request["top_logprobs"] = 2;
  const ordered_json choice = answer(request)["choices"][0];
  const ordered_json& content = choice["logprobs"]["content"];
  std::string text;
  std::string bytes;
  for (const ordered_json& entry : content) {
    text += entry["token"].get<std::string>();
    for (const ordered_json& byte : entry["bytes"]) bytes += static_cast<char>(byte.get<int>());
    ASSERT_EQ(entry["top_logprobs"].size(), 2U);
    // Greedy: the likeliest is the chosen one.
    EXPECT_EQ(entry["top_logprobs"][0]["token"], entry["token"]);
    EXPECT_EQ(entry["top_logprobs"][0]["logprob"], entry["logprob"]);
    EXPECT_LE(entry["logprob"], 0);
    EXPECT_LE(entry["top_logprobs"][1]["logprob"], entry["logprob"]);
    EXPECT_LE(std::exp(entry["logprob"].get<double>()) +
                  std::exp(entry["top_logprobs"][1]["logprob"].get<double>()),
              1.0001);
  }
  EXPECT_EQ(text, "The code for the blue door is 4821.");
  EXPECT_EQ(bytes, text);

  request["stream"] = true;
  ordered_json streamed = ordered_json::array();
  for (const ordered_json& event : events_of(ask(request).body)) {
    const ordered_json& logprobs = event["choices"][0]["logprobs"];
    if (logprobs.is_null()) continue;
    for (const ordered_json& entry : logprobs["content"]) streamed.push_back(entry);
  }
  EXPECT_EQ(streamed, content);
}

TEST_F(ServerTest, BiasPenaltiesAndStopTokensChangeTheAnswer) {
  start();
  ordered_json request = chat(std::string(kNotes) + " What is the code for the blue door?");
  request["logprobs"] = true;
  const ordered_json plain = answer(request)["choices"][0];
  const auto token_of = [&](size_t i) {
    std::string spelling = plain["logprobs"]["content"][i]["token"];
    return tokenizer_.find(spelling).value_or(-1);
  };
  const int32_t first = token_of(0);
  const int32_t third = token_of(2);
  ASSERT_TRUE(first >= 0 && third >= 0);
  const auto content = [&](const ordered_json& body) {
    return answer(body)["choices"][0]["message"]["content"].get<std::string>();
  };

  ordered_json changed = request;
  changed["logit_bias"] = {{std::to_string(first), -100}};
  EXPECT_FALSE(content(changed).starts_with("The"));
  changed["logit_bias"] = {{std::to_string(third), 100}};
  changed["max_tokens"] = 3;
  const std::string spelling = plain["logprobs"]["content"][2]["token"];
  EXPECT_EQ(content(changed), spelling + spelling + spelling);
  changed["logit_bias"] = {{"9999999", 1}};
  const ClientResponse refused = ask(changed);
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(ordered_json::parse(refused.body)["error"]["param"], "logit_bias[\"9999999\"]");

  ordered_json stopped = request;
  stopped["stop_token_ids"] = {third};
  const ordered_json choice = answer(stopped)["choices"][0];
  EXPECT_EQ(choice["finish_reason"], "stop");
  EXPECT_EQ(choice["logprobs"]["content"].size(), 2U);

  ordered_json penalised = request;
  penalised["repetition_penalty"] = 5;
  EXPECT_NE(content(penalised), plain["message"]["content"].get<std::string>());
}

TEST_F(ServerTest, CachedTokensAndMetrics) {
  start();
  ordered_json request = chat(std::string(kNotes) + " What is the code for the blue door?");
  const ordered_json first = answer(request)["usage"];
  EXPECT_EQ(first["prompt_tokens_details"]["cached_tokens"], 0);
  request["stop"] = " door";  // an answer that ends before the engine's own end
  const ordered_json second = answer(request)["usage"];
  EXPECT_EQ(second["prompt_tokens_details"]["cached_tokens"],
            second["prompt_tokens"].get<int>() - 1);
  while (engine_->statistics().cancelled + engine_->statistics().completed < 2) {
    std::this_thread::yield();
  }

  TestClient client(server_->port());
  client.send(get_request("/metrics"));
  const ClientResponse metrics = client.read_response();
  EXPECT_EQ(metrics.status, 200);
  EXPECT_NE(metrics.head.find("text/plain; version=0.0.4"), std::string::npos);
  const auto has = [&](const std::string& line) {
    return metrics.body.find("\n" + line + "\n") != std::string::npos;
  };
  EXPECT_TRUE(has("hadal_requests_accepted_total 2")) << metrics.body;
  EXPECT_TRUE(has("hadal_requests_running 0"));
  EXPECT_TRUE(has("hadal_model_info{model=\"nano\"} 1"));
  EXPECT_TRUE(has("hadal_http_answers_total{status=\"200\"} 2"));
  EXPECT_TRUE(has("hadal_first_token_seconds_count 2"));
  EXPECT_TRUE(
      has("hadal_cached_tokens_total " + std::to_string(second["prompt_tokens"].get<int>() - 1)));
}

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
