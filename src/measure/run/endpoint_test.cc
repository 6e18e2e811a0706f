// What a server takes, found by asking one whose every act is known.
#include "measure/run/endpoint.h"

#include <algorithm>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "measure/selftest/scripted_server.h"

namespace hadal {
namespace {

using Json = nlohmann::json;

ScriptedAnswer json_answer(const Json& body, int status = 200) {
  return {.status = status,
          .content_type = "application/json",
          .events = {{.bytes = std::make_shared<const std::string>(body.dump())}}};
}

// A server of OpenAI's interface with habits.
struct Habits {
  bool has_completions = true;
  bool takes_ids = true;
  int32_t vocabulary = 100'000;
  bool takes_ignore_eos = true;
  bool has_usage = true;
  bool takes_continuous_usage = true;
  double tokens_per_word = 1.5;
  int64_t template_tokens = 6;
  double inflation = 1;  // of counts beyond 200 tokens, as by a proxy that adds to prompts
  std::string key = {};
  std::string owner = "vllm";
};

ScriptedAnswer refuse(const std::string& what) {
  return json_answer({{"error", {{"message", what}}}}, 400);
}

ScriptedAnswer complete(const Habits& habits, const ScriptedRequest& request) {
  const Json body = Json::parse(request.body);
  const bool is_chat = request.path == "/v1/chat/completions";
  if (!is_chat && !habits.has_completions) return json_answer({{"detail", "Not Found"}}, 404);
  if (body.contains("ignore_eos") && !habits.takes_ignore_eos) return refuse("unknown field");
  const Json options = body.value("stream_options", Json::object());
  if (options.contains("continuous_usage_stats") && !habits.takes_continuous_usage) {
    return refuse("unknown field");
  }
  int64_t tokens = 0;
  if (is_chat) {
    const auto text = body["messages"][0]["content"].get<std::string>();
    const auto words = std::count(text.begin(), text.end(), ' ') + 1;
    tokens = habits.template_tokens +
             static_cast<int64_t>(habits.tokens_per_word * static_cast<double>(words));
  } else if (body["prompt"].is_array()) {
    if (!habits.takes_ids) return refuse("prompt must be a string");
    for (const Json& id : body["prompt"]) {
      if (id.get<int32_t>() >= habits.vocabulary) return refuse("out of vocabulary");
    }
    tokens = static_cast<int64_t>(body["prompt"].size());
  }
  if (tokens > 200) tokens = static_cast<int64_t>(habits.inflation * static_cast<double>(tokens));
  ScriptedAnswer answer = paced_answer(2, 0, 0, tokens);
  const bool wants_usage = options.value("include_usage", false);
  if (!habits.has_usage || !wants_usage) answer.events.erase(answer.events.end() - 2);
  return answer;
}

ScriptedServer::Script server_with(Habits habits) {
  return [habits](const ScriptedRequest& request) {
    if (request.path == "/v1/models") {
      return json_answer({{"data",
                           {{{"id", "first"}, {"owned_by", habits.owner}, {"max_model_len", 4096}},
                            {{"id", "second"}, {"owned_by", habits.owner}}}}});
    }
    if (request.path == "/version") return json_answer({{"version", "0.28.0"}});
    if (request.method == "POST") return complete(habits, request);
    return json_answer({{"detail", "Not Found"}}, 404);
  };
}

Endpoint probe(const Habits& habits, EndpointOptions options = {}) {
  const ScriptedServer server(server_with(habits));
  options.url = server.url() + "/v1/";
  return probe_endpoint(options);
}

std::string refusal(const Habits& habits, const EndpointOptions& options = {}) {
  try {
    static_cast<void>(probe(habits, options));
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Endpoint, OneThatTakesEverything) {
  const Endpoint found = probe({});
  EXPECT_EQ(found.model, "first");
  EXPECT_EQ(found.engine, "vllm");
  EXPECT_EQ(found.engine_version, "0.28.0");
  EXPECT_EQ(found.context, 4096);
  EXPECT_FALSE(found.is_chat);
  EXPECT_TRUE(found.takes_token_ids);
  EXPECT_TRUE(found.takes_ignore_eos);
  EXPECT_TRUE(found.has_usage);
  EXPECT_TRUE(found.has_continuous_usage);
  EXPECT_EQ(found.style.vocabulary.high(), 30001);
  EXPECT_TRUE(found.notes.empty());
}

TEST(Endpoint, WhatIsRefusedIsLeftOut) {
  const Endpoint found = probe({.takes_ignore_eos = false, .takes_continuous_usage = false});
  EXPECT_TRUE(found.takes_token_ids);
  EXPECT_FALSE(found.takes_ignore_eos);
  EXPECT_TRUE(found.has_usage);
  EXPECT_FALSE(found.has_continuous_usage);
  ASSERT_EQ(found.notes.size(), 1U);
  EXPECT_NE(found.notes[0].find("ignore_eos"), std::string::npos);
}

TEST(Endpoint, WrittenPromptsGoAsTexts) {
  EXPECT_FALSE(probe({}, {.texts_only = true}).takes_token_ids);
}

TEST(Endpoint, SchemesAreOfAnyCase) { EXPECT_EQ(base_url("HTTP://host:1/v1"), "http://host:1"); }

TEST(Endpoint, IdsStayWithinASmallVocabulary) {
  EXPECT_EQ(probe({.vocabulary = 1000}).style.vocabulary.high(), 251);
}

TEST(Endpoint, WithoutIdsTextsHaveTheLengthThatTheServerCounts) {
  for (const Habits& habits : {Habits{.has_completions = false}, Habits{.takes_ids = false}}) {
    const Endpoint found = probe(habits);
    EXPECT_TRUE(found.is_chat);
    EXPECT_FALSE(found.takes_token_ids);
    EXPECT_NEAR(found.style.text.tokens_per_word, habits.tokens_per_word, 0.01);
    EXPECT_NEAR(found.style.text.overhead_tokens, 6, 1);
  }
}

TEST(Endpoint, LengthsThatTheServerCountsOtherwiseAreRefused) {
  EXPECT_NE(refusal({.inflation = 1.05}).find("counts as"), std::string::npos);
  EXPECT_EQ(refusal({.inflation = 1.01}), "");
}

TEST(Endpoint, WithoutUsageTheRunSaysEstimated) {
  const Endpoint found = probe({.has_usage = false});
  EXPECT_FALSE(found.has_usage);
  ASSERT_EQ(found.notes.size(), 1U);
  EXPECT_NE(found.notes[0].find("estimated"), std::string::npos);
}

TEST(Endpoint, ModelsAreChosenByName) {
  EXPECT_EQ(probe({}, {.model = "second"}).model, "second");
  const std::string refused = refusal({}, {.model = "third"});
  EXPECT_NE(refused.find("there is no model third"), std::string::npos);
  EXPECT_NE(refused.find("first, second"), std::string::npos);
}

TEST(Endpoint, EachFaultNamesItsRemedy) {
  const auto refusal_of = [](const std::string& url) -> std::string {
    try {
      static_cast<void>(probe_endpoint({.url = url}));
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NE(refusal_of("http://127.0.0.1:1").find("start the server"), std::string::npos);
  const ScriptedServer locked([](const ScriptedRequest&) { return json_answer({}, 401); });
  EXPECT_NE(refusal_of(locked.url()).find("--key-file"), std::string::npos);
  const ScriptedServer page([](const ScriptedRequest&) {
    return ScriptedAnswer{.content_type = "text/html",
                          .events = {{.bytes = std::make_shared<const std::string>("<html>")}}};
  });
  EXPECT_NE(refusal_of(page.url()).find("OpenAI's interface"), std::string::npos);
  const ScriptedServer moved([](const ScriptedRequest&) {
    return ScriptedAnswer{.status = 301, .headers = {"Location: https://elsewhere.example/"}};
  });
  EXPECT_NE(refusal_of(moved.url()).find("https://elsewhere.example/"), std::string::npos);
  EXPECT_NE(refusal_of("https" + page.url().substr(4)).find("http://"), std::string::npos);
}

TEST(Endpoint, AKeyThatTheServerQuotesIsNotShown) {
  const ScriptedServer server([](const ScriptedRequest&) {
    return json_answer({{"error", {{"message", "Incorrect API key: sk-SECRET"}}}}, 401);
  });
  try {
    static_cast<void>(probe_endpoint({.url = server.url(), .key = "sk-SECRET"}));
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    const std::string what = error.what();
    EXPECT_EQ(what.find("sk-SECRET"), std::string::npos) << what;
    EXPECT_NE(what.find("[removed]"), std::string::npos) << what;
  }
}

TEST(Endpoint, AddressesOfAllForms) {
  for (const char* url : {"http://h:8000", "http://h:8000/", "http://h:8000/v1", "h:8000",
                          "http://h:8000/v1/chat/completions", "http://h:8000/v1/models/"}) {
    EXPECT_EQ(base_url(url), "http://h:8000") << url;
  }
  EXPECT_EQ(base_url("https://h/proxy/v1"), "https://h/proxy");
  EXPECT_THROW(base_url("ftp://h"), Error);
  EXPECT_THROW(base_url("http://"), Error);
  for (const char* url : {"http://ann:s3cret@h", "ftp://ann:s3cret@h", "http://h/?key=s3cret"}) {
    try {
      base_url(url);
      ADD_FAILURE() << url << " would be kept with the run";
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()).find("s3cret"), std::string::npos);
    }
  }
  EXPECT_THROW(base_url("http://a b"), Error);
}

TEST(RequestBody, SaysWhatThePromptIs) {
  Endpoint endpoint{.model = "a \"model\"", .takes_ignore_eos = true, .has_usage = true};
  const Json ids = Json::parse(request_body(endpoint, {.tokens = {3, 1, 4}}, {.output_tokens = 9}));
  EXPECT_EQ(ids["model"], "a \"model\"");
  EXPECT_EQ(ids["prompt"], Json({3, 1, 4}));
  EXPECT_EQ(ids["max_tokens"], 9);
  EXPECT_EQ(ids["ignore_eos"], true);
  EXPECT_EQ(ids["stream_options"], Json({{"include_usage", true}}));
  endpoint.is_chat = true;
  endpoint.has_usage = false;
  const Json chat = Json::parse(request_body(
      endpoint,
      {.form = PromptForm::kMessages,
       .messages = {{.role = "system", .content = "é\n"}, {.role = "user", .content = "hi"}}},
      {.output_tokens = 1, .ignore_eos = false}));
  EXPECT_EQ(chat["messages"][0]["content"], "é\n");
  EXPECT_EQ(chat["messages"][1]["role"], "user");
  EXPECT_FALSE(chat.contains("ignore_eos"));
  EXPECT_FALSE(chat.contains("stream_options"));
}

}  // namespace
}  // namespace hadal
