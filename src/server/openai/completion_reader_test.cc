#include "server/openai/completion_reader.h"

#include <filesystem>
#include <gtest/gtest.h>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "chat/chat_markup.h"
#include "json/unknown_fields.h"
#include "server/api_error.h"
#include "support/nano_tokenizer.h"

namespace hadal {
namespace {

using test::nano_tokenizer;

constexpr int64_t kCompletionVocab = 2048;

CompletionRequest read_completion(const std::string& body, bool strict = false) {
  return read_completion_request(
      body, {.model_names = {"nano"}, .vocab_size = kCompletionVocab, .strict = strict},
      nano_tokenizer());
}

CompletionRequest read_completion_with(const std::string& fields) {
  return read_completion(R"({"prompt": "Hi")" + (fields.empty() ? "" : ", " + fields) + "}");
}

// Status, param and message of a refusal; status 0: there was none.
struct CompletionRefusal {
  int status = 0;
  std::string param;
  std::string message;
};

CompletionRefusal completion_refusal(const std::string& body, bool strict = false) {
  try {
    read_completion(body, strict);
  } catch (const ApiException& error) {
    return {error.error().status, error.error().param, error.error().message};
  } catch (const Error& error) {
    const ApiError api = api_error_of(error);
    return {api.status, api.param, api.message};
  }
  return {};
}

std::string param_of(const std::string& body) { return completion_refusal(body).param; }

TEST(CompletionRequestTest, DefaultsAreThoseOfOpenAi) {
  const CompletionRequest request = read_completion_with("");
  EXPECT_EQ(request.model, "nano");
  ASSERT_EQ(request.prompts.size(), 1U);
  const ChatTurn& turn = request.prompts[0].turn;
  EXPECT_TRUE(turn.plain_text);
  EXPECT_EQ(turn.max_tokens, 16);
  EXPECT_FALSE(turn.prompt_only);
  EXPECT_EQ(turn.sampling.temperature, 1);
  EXPECT_FALSE(turn.sampling.top_logprobs.has_value());
  EXPECT_FALSE(turn.prompt_logprobs.has_value());
  EXPECT_FALSE(request.echo || request.form.stream || request.form.token_ids);
  EXPECT_TRUE(request.unknown_fields.empty());
}

TEST(CompletionRequestTest, FieldsThatChatsHaveAsWell) {
  const CompletionRequest request = read_completion_with(
      R"("max_tokens": 0, "temperature": 0.5, "top_k": 3, "seed": 7, "stop": ["a", "b"],
         "stop_token_ids": [5], "ignore_eos": true, "cache_salt": "s", "priority": -2,
         "timeout": 1.5, "stream": true, "echo": true, "logprobs": 3,
         "stream_options": {"include_usage": true, "continuous_usage_stats": true},
         "return_token_ids": true, "return_tokens_as_token_ids": true,
         "skip_special_tokens": false, "user": "u", "n": 1, "suffix": "")");
  const ChatTurn& turn = request.prompts[0].turn;
  EXPECT_TRUE(turn.prompt_only);
  EXPECT_FLOAT_EQ(turn.sampling.temperature, 0.5F);
  EXPECT_EQ(turn.sampling.top_k, 3);
  EXPECT_EQ(turn.sampling.seed, 7U);
  EXPECT_EQ(turn.stop, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(turn.stop_tokens, std::vector<int32_t>{5});
  EXPECT_TRUE(turn.ignore_eos && turn.show_special_tokens);
  EXPECT_EQ(turn.cache_salt, "s");
  EXPECT_EQ(turn.priority, -2);
  EXPECT_EQ(turn.timeout, 1.5);
  EXPECT_EQ(turn.sampling.top_logprobs, 3);
  EXPECT_EQ(turn.prompt_logprobs, 3);
  EXPECT_TRUE(request.form.stream && request.form.include_usage && request.form.continuous_usage);
  EXPECT_TRUE(request.form.token_ids && request.echo && request.tokens_as_ids);
  EXPECT_TRUE(request.unknown_fields.empty());
  EXPECT_FALSE(
      read_completion_with(R"("logprobs": 3)").prompts[0].turn.prompt_logprobs.has_value());
}

TEST(CompletionRequestTest, TextBeginsASentenceOnce) {
  const std::vector<int32_t> hi = nano_tokenizer().encode("Hi");
  const int32_t bos = *nano_tokenizer().find(markup::kBos);
  std::vector<int32_t> with_bos{bos};
  with_bos.insert(with_bos.end(), hi.begin(), hi.end());
  const CompletionRequest request = read_completion_with("");
  EXPECT_EQ(request.prompts[0].turn.prompt, with_bos);
  EXPECT_TRUE(request.prompts[0].bos_added);
  const CompletionRequest bare = read_completion_with(R"("add_special_tokens": false)");
  EXPECT_EQ(bare.prompts[0].turn.prompt, hi);
  EXPECT_FALSE(bare.prompts[0].bos_added);
  const CompletionRequest own = read_completion(R"({"prompt": "<｜begin▁of▁sentence｜>Hi"})");
  EXPECT_EQ(own.prompts[0].turn.prompt, with_bos);
  EXPECT_FALSE(own.prompts[0].bos_added);
  EXPECT_EQ(read_completion(R"({"prompt": ""})").prompts[0].turn.prompt, std::vector<int32_t>{bos});
  EXPECT_EQ(param_of(R"({"prompt": "", "add_special_tokens": false})"), "prompt");
}

TEST(CompletionRequestTest, PromptsInAllTheirForms) {
  EXPECT_EQ(read_completion(R"({"prompt": [1, 2, 3.0]})").prompts[0].turn.prompt,
            (std::vector<int32_t>{1, 2, 3}));
  const CompletionRequest several = read_completion(R"({"prompt": [[7, 8], "Hi", [2047]]})");
  ASSERT_EQ(several.prompts.size(), 3U);
  EXPECT_EQ(several.prompts[0].turn.prompt, (std::vector<int32_t>{7, 8}));
  EXPECT_TRUE(several.prompts[1].bos_added);
  EXPECT_EQ(several.prompts[2].turn.prompt, std::vector<int32_t>{2047});
  EXPECT_EQ(several.prompts[2].path, "prompt[2]");
  // The same prompt twice has two answers, or one where a seed says so.
  const CompletionRequest twice = read_completion(R"({"prompt": ["Hi", "Hi"]})");
  EXPECT_NE(twice.prompts[0].turn.sampling.seed, twice.prompts[1].turn.sampling.seed);
  const CompletionRequest seeded = read_completion(R"({"prompt": ["Hi", "Hi"], "seed": 3})");
  EXPECT_EQ(seeded.prompts[1].turn.sampling.seed, 3U);
}

TEST(CompletionRequestTest, WhatIsNoPromptIsRefusedByItsPlace) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"[]", "prompt"},
      {"{}", "prompt"},
      {"5", "prompt"},
      {"true", "prompt"},
      {"[[]]", "prompt[0]"},
      {"[[1], []]", "prompt[1]"},
      {"[true]", "prompt[0]"},
      {"[null]", "prompt[0]"},
      {"[1, \"a\"]", "prompt[1]"},
      {"[1, null]", "prompt[1]"},
      {"[1, 2048]", "prompt[1]"},
      {"[1, 2, -1]", "prompt[2]"},
      {"[1.5]", "prompt[0]"},
      {"[1e300]", "prompt[0]"},
      {"[-0.5]", "prompt[0]"},
      {"[99999999999999999999999999]", "prompt[0]"},
      {"[18446744073709551615]", "prompt[0]"},
      {"[[1], [5, 4294967296]]", "prompt[1][1]"},
      {"[[1], [[5]]]", "prompt[1][0]"},
      {"[\"a\", 5]", "prompt[1]"},
      {"[[1, 2], {}]", "prompt[1]"},
      {"[" + std::string(300, '[') + std::string(300, ']') + "]", "prompt[0][0]"},
  };
  for (const auto& [prompt, param] : cases) {
    const CompletionRefusal refused = completion_refusal("{\"prompt\": " + prompt + "}");
    EXPECT_EQ(refused.status, 400) << prompt;
    EXPECT_EQ(refused.param, param) << prompt << ": " << refused.message;
  }
  EXPECT_NE(completion_refusal(R"({"prompt": [1, 2048]})").message.find("from 0 to 2047"),
            std::string::npos);
  std::string many = "{\"prompt\": [\"a\"";
  for (int i = 0; i < 1024; ++i) many += ",\"a\"";
  EXPECT_EQ(param_of(many + "]}"), "prompt");
}

TEST(CompletionRequestTest, AMissingPromptSaysWhereMessagesGo) {
  EXPECT_EQ(completion_refusal("{}").param, "prompt");
  EXPECT_NE(completion_refusal(R"({"messages": [{"role": "user", "content": "Hi"}]})")
                .message.find("/v1/chat/completions"),
            std::string::npos);
}

TEST(CompletionRequestTest, ValuesOutOfRangeAreRefused) {
  for (const auto& [fields, param] : std::vector<std::pair<std::string, std::string>>{
           {R"("logprobs": 21)", "logprobs"},
           {R"("logprobs": -1)", "logprobs"},
           {R"("logprobs": true)", "logprobs"},
           {R"("logprobs": 1.5)", "logprobs"},
           {R"("max_tokens": -1)", "max_tokens"},
           {R"("max_tokens": 0, "min_tokens": 1)", "min_tokens"},
           {R"("min_tokens": 17)", "min_tokens"},
           {R"("echo": "yes")", "echo"},
           {R"("n": 2)", "n"},
           {R"("best_of": 3)", "best_of"},
           {R"("suffix": "end")", "suffix"},
           {R"("prompt_embeds": "AAAA")", "prompt_embeds"},
           {R"("prompt_logprobs": 1)", "prompt_logprobs"},
           {R"("return_token_ids": 1)", "return_token_ids"},
           {R"("stream_options": {"continuous_usage_stats": 1})",
            "stream_options.continuous_usage_stats"},
           {R"("temperature": -1)", "temperature"}}) {
    EXPECT_EQ(param_of(R"({"prompt": "Hi", )" + fields + "}"), param) << fields;
  }
  EXPECT_EQ(completion_refusal(R"({"prompt": "Hi", "model": "other"})").status, 404);
}

TEST(CompletionRequestTest, ScoresOfPromptsAreBounded) {
  std::string ids = "[0";
  for (int i = 1; i < 30'000; ++i) ids += ",0";
  ids += "]";
  const std::string scored = R"(, "echo": true, "logprobs": )";
  EXPECT_EQ(completion_refusal("{\"prompt\": " + ids + scored + "20}").status, 0);
  EXPECT_EQ(param_of("{\"prompt\": " + ids + scored + "1, \"stream\": true}"), "stream");
  EXPECT_EQ(completion_refusal("{\"prompt\": " + ids + scored + "0, \"stream\": true}").status, 0);
  EXPECT_EQ(
      param_of("{\"prompt\": [" + ids + "," + ids + "," + ids + "," + ids + "]" + scored + "20}"),
      "logprobs");
}

TEST(CompletionRequestTest, FieldsOfChatsAreUnknownHere) {
  EXPECT_EQ(
      read_completion_with(R"("messages": [], "tools": [], "top_logprobs": 3)").unknown_fields,
      (std::vector<std::string>{"messages", "tools", "top_logprobs"}));
  EXPECT_EQ(completion_refusal(R"({"prompt": "Hi", "top_logprobs": 3})", true).param,
            "top_logprobs");
}

}  // namespace
}  // namespace hadal
