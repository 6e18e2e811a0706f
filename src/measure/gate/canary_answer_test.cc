#include "measure/gate/canary_answer.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace hadal {
namespace {

const Canary kScored{.id = "s", .kind = CanaryKind::kScore, .prompt = {5, 6, 7}};
const Canary kContinued{.id = "g", .kind = CanaryKind::kGenerate, .prompt = {5}, .max_tokens = 3};
const Canary kAsked{.id = "c",
                    .kind = CanaryKind::kChat,
                    .messages = R"([{"role":"user","content":"Hi"}])",
                    .thinking = true,
                    .max_tokens = 9};

CanaryAnswer read(const Canary& canary, const std::string& body) {
  return read_answer(canary, {.status = 200, .body = body});
}

TEST(CanaryAnswer, ReadsLogprobsOfPrompts) {
  const CanaryAnswer answer = read(kScored, R"({"choices":[{"text":"abcd","logprobs":{
    "tokens":["a","b","c","d"],"token_logprobs":[null,-1.5,-Infinity,-0.25],
    "top_logprobs":[null,{"x":-2,"y":-0.5},{},{"d":-0.25}],"text_offset":[0,1,2,3]}}],
    "usage":{"prompt_tokens":3}})");
  EXPECT_EQ(answer.error, "");
  EXPECT_EQ(answer.prompt_tokens, 3);
  EXPECT_EQ(answer.text, "");
  ASSERT_EQ(answer.tokens.size(), 4U);
  EXPECT_FALSE(answer.tokens[0].known);
  EXPECT_EQ(answer.tokens[1].logprob, -1.5);
  ASSERT_EQ(answer.tokens[1].top.size(), 2U);
  EXPECT_EQ(answer.tokens[1].top[0].first, "y");  // the likeliest first
  EXPECT_EQ(answer.tokens[2].logprob, kLeastLogprob);
  EXPECT_EQ(answer.tokens[3].text, "d");
}

TEST(CanaryAnswer, ReadsChats) {
  const CanaryAnswer answer = read(kAsked, R"({"choices":[{"message":{"role":"assistant",
    "reasoning_content":"hm","content":"Hello","tool_calls":[{"id":"1","type":"function",
    "function":{"name":"f","arguments":"{}"}}]},"logprobs":{"content":[{"token":"He","logprob":-0.1,
    "bytes":[72,101],"top_logprobs":[{"token":"He","logprob":-0.1},{"token":"Hi","logprob":-3}]}]}}],
    "usage":{"prompt_tokens":8,"completion_tokens":2}})");
  EXPECT_EQ(answer.error, "");
  EXPECT_EQ(answer.text, "<think>hm</think>Hello<call>f{}");
  ASSERT_EQ(answer.tokens.size(), 1U);
  EXPECT_EQ(answer.tokens[0].top.size(), 2U);
}

TEST(CanaryAnswer, AnswersWithoutLogprobsHaveText) {
  const CanaryAnswer answer = read(kContinued, R"({"choices":[{"text":"abc","logprobs":null}]})");
  EXPECT_EQ(answer.error, "");
  EXPECT_EQ(answer.text, "abc");
  EXPECT_TRUE(answer.tokens.empty());
  EXPECT_EQ(answer.prompt_tokens, -1);
}

TEST(CanaryAnswer, WhatIsNoAnswerIsAnError) {
  EXPECT_EQ(read_answer(kAsked, {.failure = "connect: refused"}).error, "connect: refused");
  EXPECT_EQ(
      read_answer(kAsked, {.status = 400, .body = R"({"error":{"message":"no\nlogprobs"}})"}).error,
      "status 400: no\\x0alogprobs");
  EXPECT_EQ(read_answer(kAsked, {.status = 502, .body = "<html>"}).error, "status 502: <html>");
  for (const char* body : {"", "[]", "{}", R"({"choices":[]})", R"({"choices":[7]})",
                           R"({"choices":[{"message":"x"}]})", "\xff", R"({"choices":[{}]})"}) {
    EXPECT_NE(read(kAsked, body).error, "") << body;
  }
  EXPECT_NE(
      read(kScored, R"({"choices":[{"logprobs":{"tokens":["a"],"token_logprobs":[]}}]})").error,
      "");
}

TEST(CanaryAnswer, AsksForNoMoreThanTheEndpointTakes) {
  using nlohmann::json;
  EndpointTraits traits{.model = "m", .chats = true};
  const json plain = json::parse(question_of(kAsked, traits).body);
  EXPECT_FALSE(plain.contains("logprobs"));
  EXPECT_FALSE(plain.contains("chat_template_kwargs"));
  traits.chat_tells_logprobs = true;
  traits.chat_takes_thinking = true;
  const json full = json::parse(question_of(kAsked, traits).body);
  EXPECT_EQ(full["top_logprobs"], kTopLogprobs);
  EXPECT_EQ(full["chat_template_kwargs"]["thinking"], true);
  EXPECT_EQ(full["temperature"], 0);

  traits.tells_logprobs = true;
  traits.takes_ignore_eos = true;
  const CanaryQuestion scored = question_of(kScored, traits);
  EXPECT_EQ(scored.path, "/v1/completions");
  EXPECT_EQ(json::parse(scored.body)["prompt"], json({5, 6, 7}));
  EXPECT_EQ(json::parse(scored.body)["echo"], true);
  EXPECT_EQ(json::parse(question_of(kContinued, traits).body)["ignore_eos"], true);
}

}  // namespace
}  // namespace hadal
