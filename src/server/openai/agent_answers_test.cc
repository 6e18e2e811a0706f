// What agents and their libraries expect of the running server: words they know, old forms of
// answers, paths and names in many spellings.
#include <gtest/gtest.h>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "engine/engine.h"
#include "server/server.h"
#include "support/server_fixture.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;
using test::ClientResponse;
using test::get_request;
using test::kPath;
using test::post_request;
using test::TestClient;

constexpr char kQuestion[] =
    "Here are my notes. The code for the blue door is 4821. Anna lives in Lisbon. Victor has a "
    "white owl. The meeting with Rosa is on Friday. What is the code for the blue door?";
constexpr char kPetQuestion[] =
    "Victor has a white owl. Anna lives in Lisbon.\n\nWhat pet does Victor have?";

class AgentAnswersTest : public test::ServerTest {
 protected:
  void start(EngineOptions engine_options = {}, ServerOptions options = {}) {
    options.on_unknown_field = [this](const std::string& name) {
      const std::lock_guard lock(mutex_);
      unknown_.push_back(name);
    };
    ServerTest::start(std::move(engine_options), std::move(options));
  }

  // Without a model's name.
  static ordered_json chat(const std::string& question) {
    ordered_json body = ServerTest::chat(question);
    body.erase("model");
    return body;
  }

  ClientResponse send(const std::string& request) const {
    TestClient client(server_->port());
    client.send(request);
    return client.read_response();
  }
  ClientResponse ask(const ordered_json& body, const std::string& header = "") const {
    std::string request = post_request(kPath, body.dump());
    request.insert(request.find("\r\n") + 2, header.empty() ? "" : header + "\r\n");
    return send(request);
  }
  ordered_json answer(const ordered_json& body) const {
    const ClientResponse response = ask(body);
    EXPECT_EQ(response.status, 200) << response.body;
    return ordered_json::parse(response.body);
  }
  ordered_json error_of(const ordered_json& body, const std::string& header = "") const {
    const ClientResponse response = ask(body, header);
    EXPECT_EQ(response.status, 400) << response.body;
    return ordered_json::parse(response.body)["error"];
  }
  // The choice of every event of a stream.
  std::vector<ordered_json> stream(ordered_json body) const {
    body["stream"] = true;
    const std::string text = ask(body).body;
    std::vector<ordered_json> choices;
    for (size_t at = text.find("data: {"); at != std::string::npos;
         at = text.find("data: {", at + 1)) {
      const auto event = ordered_json::parse(text.substr(at + 6, text.find('\n', at) - at - 6));
      if (!event["choices"].empty()) choices.push_back(event["choices"][0]);
    }
    EXPECT_TRUE(text.ends_with("data: [DONE]\n\n")) << text;
    return choices;
  }

  std::vector<std::string> unknown_;
};

TEST_F(AgentAnswersTest, AnOutgrownContextIsToldInWordsThatAgentsKnow) {
  start({.max_context = 60});
  ordered_json request = chat("short");
  const int tokens = answer(request)["usage"]["prompt_tokens"];
  const std::string begin = "This model's maximum context length is 60 tokens. However, ";
  const auto requested = [&](int prompt, int completion) {
    return begin + "you requested " + std::to_string(prompt + completion) + " tokens (" +
           std::to_string(prompt) + " in the messages, " + std::to_string(completion) +
           " in the completion). Please reduce the length of the messages or completion.";
  };

  // A greater limit than there is room is a limit all the same, unless one is strict.
  request["max_tokens"] = 5000;
  EXPECT_LE(answer(request)["usage"]["total_tokens"], 60);
  ordered_json error = error_of(request, "X-Hadal-Strict: true");
  EXPECT_EQ(error["message"], requested(tokens, 5000));
  EXPECT_EQ(error["code"], "context_length_exceeded");
  EXPECT_EQ(error["param"], "messages");
  request["max_tokens"] = 60 - tokens;
  EXPECT_EQ(ask(request, "X-Hadal-Strict: true").status, 200);
  request["max_tokens"] = nullptr;
  request["min_tokens"] = 61 - tokens;
  EXPECT_EQ(error_of(request)["message"], requested(tokens, 61 - tokens));
  request["min_tokens"] = 60 - tokens;
  EXPECT_EQ(answer(request)["usage"]["total_tokens"], 60);

  ordered_json longer = chat("word");
  longer["max_tokens"] = nullptr;
  std::string text = "word";
  for (bool filled = false; !filled;) {
    text += " word";
    longer["messages"][0]["content"] = text;
    const ClientResponse response = ask(longer);
    if (response.status == 200) continue;
    filled = true;
    error = ordered_json::parse(response.body)["error"];
    EXPECT_EQ(error["message"], requested(60, 1));  // exactly full
  }
  longer["messages"][0]["content"] = text + " word";
  error = error_of(longer);
  EXPECT_EQ(error["message"], begin +
                                  "your messages resulted in 61 tokens. Please reduce the "
                                  "length of the messages.");
  EXPECT_EQ(error["code"], "context_length_exceeded");
  longer["stream"] = true;
  EXPECT_EQ(error_of(longer)["code"], "context_length_exceeded");
}

TEST_F(AgentAnswersTest, FunctionsOfOldAreCalledTheOldWay) {
  start();
  ordered_json request = chat("What is the weather in Lisbon?");
  request["functions"] = ordered_json::array({{{"name", "get_weather"},
                                               {"description", "Get the weather for a city"},
                                               {"parameters",
                                                {{"type", "object"},
                                                 {"properties", {{"city", {{"type", "string"}}}}},
                                                 {"required", ordered_json::array({"city"})}}}}});
  request["function_call"] = "auto";
  const ordered_json choice = answer(request)["choices"][0];
  EXPECT_EQ(choice["finish_reason"], "function_call");
  EXPECT_EQ(choice["message"]["function_call"],
            ordered_json({{"name", "get_weather"}, {"arguments", "{\"city\": \"Lisbon\"}"}}));
  EXPECT_FALSE(choice["message"].contains("tool_calls"));
  EXPECT_TRUE(choice["message"]["content"].is_null());

  std::string name;
  std::string arguments;
  const std::vector<ordered_json> choices = stream(request);
  for (const ordered_json& part : choices) {
    EXPECT_FALSE(part["delta"].contains("tool_calls"));
    if (!part["delta"].contains("function_call")) continue;
    name += part["delta"]["function_call"].value("name", "");
    arguments += part["delta"]["function_call"].value("arguments", "");
  }
  EXPECT_EQ(name, "get_weather");
  EXPECT_EQ(arguments, "{\"city\": \"Lisbon\"}");
  EXPECT_EQ(choices.back()["finish_reason"], "function_call");

  request["messages"].push_back(choice["message"]);
  request["messages"].push_back({{"role", "function"},
                                 {"name", "get_weather"},
                                 {"content", "{\"sky\": \"sunny\", \"temperature\": 24}"}});
  const ordered_json told = answer(request)["choices"][0];
  EXPECT_EQ(told["message"]["content"], "It is sunny in Lisbon, with 24 degrees.");
  EXPECT_EQ(told["finish_reason"], "stop");
}

TEST_F(AgentAnswersTest, HiddenReasoningStaysHidden) {
  start();
  ordered_json request = chat(kPetQuestion);
  request["reasoning"] = {{"effort", "high"}};
  request["logprobs"] = true;
  const ordered_json open = answer(request);
  EXPECT_FALSE(open["choices"][0]["message"]["reasoning_content"].get<std::string>().empty());
  request["reasoning"]["exclude"] = true;
  const ordered_json hidden = answer(request);
  const ordered_json& message = hidden["choices"][0]["message"];
  EXPECT_FALSE(message.contains("reasoning_content"));
  EXPECT_EQ(message["content"], open["choices"][0]["message"]["content"]);
  EXPECT_EQ(hidden["usage"]["completion_tokens"], open["usage"]["completion_tokens"]);
  std::string logged;
  for (const ordered_json& entry : hidden["choices"][0]["logprobs"]["content"]) {
    logged += entry["token"].get<std::string>();
  }
  EXPECT_EQ(logged, message["content"].get<std::string>());
  std::string streamed;
  for (const ordered_json& choice : stream(request)) {
    EXPECT_FALSE(choice["delta"].contains("reasoning_content"));
    streamed += choice["delta"].value("content", "");
  }
  EXPECT_EQ(streamed, message["content"].get<std::string>());
}

TEST_F(AgentAnswersTest, AnAnswerGoesOnWhereItsBeginningEnds) {
  start();
  ordered_json request = chat(kQuestion);
  const std::string whole = answer(request)["choices"][0]["message"]["content"];
  ASSERT_EQ(whole, "The code for the blue door is 4821.");
  request["messages"].push_back(
      {{"role", "assistant"}, {"content", "The code for the blue"}, {"prefix", true}});
  EXPECT_EQ(answer(request)["choices"][0]["message"]["content"], " door is 4821.");
  request["messages"].back().erase("prefix");
  EXPECT_EQ(error_of(request)["param"], "messages");
  request["continue_final_message"] = true;
  request["add_generation_prompt"] = false;
  std::string streamed;
  for (const ordered_json& choice : stream(request)) {
    streamed += choice["delta"].value("content", "");
  }
  EXPECT_EQ(streamed, " door is 4821.");
}

TEST_F(AgentAnswersTest, AnswersAreAsLongAsAskedFor) {
  start();
  ordered_json request = chat(kQuestion);
  request["max_tokens"] = 40;
  const ordered_json free = answer(request);
  ASSERT_LT(free["usage"]["completion_tokens"], 30);
  request["min_tokens"] = 35;
  const ordered_json longer = answer(request);
  EXPECT_GE(longer["usage"]["completion_tokens"], 35);
  EXPECT_TRUE(longer["choices"][0]["message"]["content"].get<std::string>().starts_with(
      free["choices"][0]["message"]["content"].get<std::string>()));
  request["min_tokens"] = 0;
  request["ignore_eos"] = true;
  const ordered_json endless = answer(request);
  EXPECT_EQ(endless["usage"]["completion_tokens"], 40);
  EXPECT_EQ(endless["choices"][0]["finish_reason"], "length");
}

TEST_F(AgentAnswersTest, PathsInTheSpellingsThatClientsMake) {
  start();
  const std::string body = chat("hello").dump();
  for (const char* path : {"/v1/chat/completions", "/chat/completions", "/v1/v1/chat/completions",
                           "//v1//chat/completions", "/v1/chat/completions/",
                           "/v1/v1//v1/chat/completions//", "//chat//completions/"}) {
    EXPECT_EQ(send(post_request(path, body)).status, 200) << path;
  }
  for (const char* path : {"/v1/models", "/models", "/v1/models/", "/v1/v1/models", "//models//",
                           "/models/nano", "/v1/models/nano/", "/v1//models//nano"}) {
    EXPECT_EQ(send(get_request(path)).status, 200) << path;
  }
  for (const char* path :
       {"/v2/chat/completions", "/v1/chat", "/v1", "/v1/v1", "/", "//", "/v1/health",
        "/v1/chat/completionsx", "/v1chat/completions", "/openai/v1/chat/completions"}) {
    EXPECT_EQ(send(get_request(path)).status, 404) << path;
  }
  EXPECT_EQ(send(get_request("/chat/completions")).status, 405);
}

TEST_F(AgentAnswersTest, AModelOfSeveralNames) {
  start({}, {.other_names = {"deepseek-ai/DeepSeek-V4", "nano", "gpt-4"}});
  const ordered_json models = ordered_json::parse(send(get_request("/v1/models")).body)["data"];
  std::vector<std::string> names;
  for (const ordered_json& model : models) names.push_back(model["id"]);
  EXPECT_EQ(names, (std::vector<std::string>{"nano", "deepseek-ai/DeepSeek-V4", "gpt-4"}));
  EXPECT_EQ(ordered_json::parse(send(get_request("/v1/models/deepseek-ai/DeepSeek-V4")).body)["id"],
            "deepseek-ai/DeepSeek-V4");
  ordered_json request = chat("hello");
  EXPECT_EQ(answer(request)["model"], "nano");
  request["model"] = "deepseek-ai/DeepSeek-V4";
  EXPECT_EQ(answer(request)["model"], "deepseek-ai/DeepSeek-V4");
  request["model"] = "deepseek-ai";
  const ClientResponse refused = ask(request);
  EXPECT_EQ(refused.status, 404);
  EXPECT_NE(refused.body.find("gpt-4"), std::string::npos);
  EXPECT_EQ(send(get_request("/v1/models/deepseek-ai")).status, 404);
}

TEST_F(AgentAnswersTest, RequestsHaveNames) {
  start();
  const auto header = [](const ClientResponse& response) {
    const std::string name = "X-Request-Id: ";
    const size_t at = response.head.find(name);
    if (at == std::string::npos) return std::string();
    EXPECT_EQ(response.head.find(name, at + 1), std::string::npos);
    const size_t begin = at + name.size();
    return response.head.substr(begin, response.head.find("\r\n", begin) - begin);
  };
  EXPECT_EQ(header(ask(chat("hello"), "X-Request-Id: trace-7.a:b")), "trace-7.a:b");
  EXPECT_EQ(wait_for_log(0).request_id, "trace-7.a:b");
  const std::string made = header(ask(chat("hello")));
  EXPECT_TRUE(made.starts_with("req_")) << made;
  EXPECT_EQ(wait_for_log(1).request_id, made);
  for (const std::string& unfit :
       {std::string("a b"), std::string(300, 'x'), std::string("<script>"), std::string("a\tb")}) {
    EXPECT_TRUE(header(ask(chat("hello"), "X-Request-Id: " + unfit)).starts_with("req_"));
  }
  ordered_json streamed = chat("hello");
  streamed["stream"] = true;
  EXPECT_EQ(header(ask(streamed, "x-request-id: s1")), "s1");
  EXPECT_EQ(header(ask(ordered_json::array(), "X-Request-Id: bad-1")), "bad-1");
  EXPECT_TRUE(header(send(get_request("/nothing"))).starts_with("req_"));
}

TEST_F(AgentAnswersTest, UnknownFieldsAreToldOnceOrRefused) {
  start();
  ordered_json request = chat("hello");
  request["max_tokens"] = 1;
  request["typo_p"] = "a secret";
  for (int i = 0; i < 3; ++i) answer(request);
  request["messages"][0]["mood"] = "glad";
  answer(request);
  {
    const std::lock_guard lock(mutex_);
    EXPECT_EQ(unknown_, (std::vector<std::string>{"typo_p", "messages[].mood"}));
  }
  const ordered_json error = error_of(request, "X-Hadal-Strict: true");
  EXPECT_EQ(error["param"], "typo_p");
  EXPECT_EQ(error["code"], "unknown_parameter");
  EXPECT_EQ(error.dump().find("secret"), std::string::npos);
  EXPECT_EQ(error_of(request, "X-Hadal-Strict: maybe")["param"], "X-Hadal-Strict");
  EXPECT_EQ(ask(request, "X-Hadal-Strict: 0").status, 200);
  // Names without end are not remembered without end.
  for (int i = 0; i < 40; ++i) {
    ordered_json many = chat("hello");
    many["max_tokens"] = 1;
    for (int j = 0; j < 16; ++j) many["f" + std::to_string(i * 16 + j)] = 1;
    answer(many);
  }
  const std::lock_guard lock(mutex_);
  EXPECT_EQ(unknown_.size(), 256U);
}

TEST_F(AgentAnswersTest, AStrictServerRefusesUnlessTold) {
  start({}, {.strict = true});
  ordered_json request = chat("hello");
  EXPECT_EQ(ask(request).status, 200);
  request["typo_p"] = 1;
  EXPECT_EQ(error_of(request)["param"], "typo_p");
  EXPECT_EQ(ask(request, "X-Hadal-Strict: false").status, 200);
}

TEST_F(AgentAnswersTest, TheOnlyCallAllowedEndsTheAnswer) {
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
  const ordered_json free = answer(request);
  request["parallel_tool_calls"] = false;
  const ordered_json cut = answer(request);
  EXPECT_EQ(cut["choices"][0]["finish_reason"], "tool_calls");
  EXPECT_EQ(cut["choices"][0]["message"]["tool_calls"][0]["function"],
            free["choices"][0]["message"]["tool_calls"][0]["function"]);
  // The end of the block and of the sentence are not waited for.
  EXPECT_LT(cut["usage"]["completion_tokens"], free["usage"]["completion_tokens"]);
}

}  // namespace
}  // namespace hadal
