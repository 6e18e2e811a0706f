#include "server/server.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "engine/engine.h"
#include "support/server_fixture.h"

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

}  // namespace
}  // namespace hadal
