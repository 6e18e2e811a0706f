// POST /v1/completions, asked over HTTP.
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "support/server_fixture.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;
using test::ClientResponse;

constexpr char kCompletions[] = "/v1/completions";

class CompletionsTest : public test::ServerTest {
 protected:
  // What a chat about an owl comes to, as a prompt of tokens.
  std::vector<int32_t> owl_prompt() {
    const ordered_json tokens =
        answer(chat("Victor has a white owl. What pet does Victor have?"), "/tokenize");
    return tokens["tokens"].get<std::vector<int32_t>>();
  }

  static ordered_json completion(const ordered_json& prompt) {
    return {{"model", "nano"}, {"temperature", 0}, {"max_tokens", 100}, {"prompt", prompt}};
  }

  ordered_json complete(const ordered_json& request) { return answer(request, kCompletions); }

  std::vector<ordered_json> stream(ordered_json request) {
    request["stream"] = true;
    const ClientResponse response = ask(request, kCompletions);
    EXPECT_EQ(response.status, 200) << response.body;
    EXPECT_NE(response.head.find("text/event-stream"), std::string::npos);
    return events_of(response.body);
  }
};

TEST_F(CompletionsTest, AnswersTokensAndText) {
  start();
  const std::vector<int32_t> prompt = owl_prompt();
  const ordered_json body = complete(completion(prompt));
  EXPECT_EQ(body["object"], "text_completion");
  EXPECT_TRUE(body["id"].get<std::string>().starts_with("cmpl-"));
  EXPECT_EQ(body["model"], "nano");
  const ordered_json& choice = body["choices"][0];
  EXPECT_EQ(choice["index"], 0);
  EXPECT_EQ(choice["text"], "Victor has a white owl.");
  EXPECT_EQ(choice["finish_reason"], "stop");
  EXPECT_TRUE(choice["logprobs"].is_null());
  EXPECT_FALSE(choice.contains("token_ids"));
  EXPECT_EQ(body["usage"]["prompt_tokens"], prompt.size());
  EXPECT_EQ(body["usage"]["total_tokens"],
            prompt.size() + body["usage"]["completion_tokens"].get<size_t>());
  // The same as text: control tokens that are spelled out are those tokens.
  const std::string text = answer({{"tokens", prompt}}, "/detokenize")["prompt"];
  const ordered_json again = complete(completion(text));
  EXPECT_EQ(again["choices"][0]["text"], choice["text"]);
  EXPECT_EQ(again["usage"]["prompt_tokens"], prompt.size());
  EXPECT_EQ(wait_for_log(1).completion_tokens, body["usage"]["completion_tokens"]);
}

TEST_F(CompletionsTest, StreamsTheSameText) {
  start();
  ordered_json request = completion(owl_prompt());
  const ordered_json whole = complete(request);
  request["stream_options"] = {{"include_usage", true}};
  const std::vector<ordered_json> events = stream(request);
  std::string text;
  for (size_t i = 0; i + 1 < events.size(); ++i) {
    EXPECT_EQ(events[i]["object"], "text_completion");
    EXPECT_TRUE(events[i]["usage"].is_null());
    text += events[i]["choices"][0]["text"];
    EXPECT_EQ(events[i]["choices"][0]["finish_reason"].is_null(), i + 2 < events.size());
  }
  EXPECT_EQ(whole["choices"][0]["text"], text);
  EXPECT_EQ(events[events.size() - 2]["choices"][0]["finish_reason"], "stop");
  EXPECT_TRUE(events.back()["choices"].empty());
  EXPECT_EQ(events.back()["usage"]["completion_tokens"], whole["usage"]["completion_tokens"]);
  request.erase("stream_options");
  EXPECT_FALSE(stream(request).back().contains("usage"));
}

TEST_F(CompletionsTest, MaxTokensAre16UnlessTheRequestSays) {
  start();
  ordered_json request = completion("Victor has");
  request.erase("max_tokens");
  request["ignore_eos"] = true;
  const ordered_json body = complete(request);
  EXPECT_EQ(body["usage"]["completion_tokens"], 16);
  EXPECT_EQ(body["choices"][0]["finish_reason"], "length");
  request["max_tokens"] = 37;
  EXPECT_EQ(complete(request)["usage"]["completion_tokens"], 37);
}

TEST_F(CompletionsTest, APromptEachHasAChoiceEach) {
  start();
  const ordered_json prompts = {"Victor has a", owl_prompt(), "The key is", "Victor has a"};
  std::vector<std::string> alone;
  int tokens = 0;
  for (const ordered_json& prompt : prompts) {
    const ordered_json body = complete(completion(prompt));
    alone.push_back(body["choices"][0]["text"]);
    tokens += body["usage"]["prompt_tokens"].get<int>();
  }
  const ordered_json together = complete(completion(prompts));
  ASSERT_EQ(together["choices"].size(), prompts.size());
  EXPECT_EQ(together["usage"]["prompt_tokens"], tokens);
  for (size_t i = 0; i < prompts.size(); ++i) {
    EXPECT_EQ(together["choices"][i]["index"], i);
    EXPECT_EQ(together["choices"][i]["text"], alone[i]);
  }
  std::vector<std::string> streamed(prompts.size());
  std::vector<int> ends(prompts.size());
  for (const ordered_json& event : stream(completion(prompts))) {
    const ordered_json& choice = event["choices"][0];
    const size_t index = choice["index"];
    EXPECT_EQ(ends.at(index), 0) << "nothing follows the end of a choice";
    streamed.at(index) += choice["text"];
    if (!choice["finish_reason"].is_null()) ++ends[index];
  }
  EXPECT_EQ(streamed, alone);
  EXPECT_EQ(ends, std::vector<int>(prompts.size(), 1));
}

TEST_F(CompletionsTest, MorePromptsThanTheQueueHoldsTakeTurns) {
  start({.max_running = 2, .max_queue = 1});
  ordered_json prompts = ordered_json::array();
  for (int i = 0; i < 12; ++i) prompts.push_back({5 + i, 300 + i, 400});
  ordered_json request = completion(prompts);
  request["max_tokens"] = 3;
  request["ignore_eos"] = true;
  const ordered_json body = complete(request);
  ASSERT_EQ(body["choices"].size(), prompts.size());
  EXPECT_EQ(body["usage"]["completion_tokens"], 3 * prompts.size());
}

TEST_F(CompletionsTest, EchoBeginsWithThePrompt) {
  start();
  const std::string prompt = "Víctor has a white 🦉.";
  ordered_json request = completion(prompt);
  const std::string text = complete(request)["choices"][0]["text"];
  request["echo"] = true;
  EXPECT_EQ(complete(request)["choices"][0]["text"], prompt + text);
  std::string streamed;
  for (const ordered_json& event : stream(request)) {
    streamed += event["choices"][0]["text"].get<std::string>();
  }
  EXPECT_EQ(streamed, prompt + text);
  // Of tokens it is their text, control tokens included.
  const std::vector<int32_t> ids = owl_prompt();
  request = completion(ids);
  request["echo"] = true;
  request["max_tokens"] = 0;
  const ordered_json body = complete(request);
  EXPECT_EQ(body["choices"][0]["text"], answer({{"tokens", ids}}, "/detokenize")["prompt"]);
  EXPECT_EQ(body["choices"][0]["finish_reason"], "length");
  EXPECT_EQ(body["usage"]["completion_tokens"], 0);
}

// The scores of an answer are those of the same tokens in a prompt, to the last bit.
TEST_F(CompletionsTest, APromptScoresWhatTheAnswerDid) {
  start();
  const std::vector<int32_t> prompt = owl_prompt();
  ordered_json request = completion(prompt);
  request["logprobs"] = 2;
  request["return_token_ids"] = true;
  request["max_tokens"] = 6;
  const ordered_json made = complete(request)["choices"][0];
  ASSERT_EQ(made["token_ids"].size(), 6U);
  std::vector<int32_t> all = prompt;
  for (const ordered_json& token : made["token_ids"]) all.push_back(token);
  request["prompt"] = all;
  request["max_tokens"] = 0;
  request["echo"] = true;
  const ordered_json scored = complete(request)["choices"][0]["logprobs"];
  ASSERT_EQ(scored["tokens"].size(), all.size());
  EXPECT_TRUE(scored["token_logprobs"][0].is_null());
  EXPECT_TRUE(scored["top_logprobs"][0].is_null());
  for (size_t i = 0; i < made["token_ids"].size(); ++i) {
    const ordered_json& logprobs = made["logprobs"];
    EXPECT_EQ(scored["tokens"][prompt.size() + i], logprobs["tokens"][i]);
    EXPECT_EQ(scored["token_logprobs"][prompt.size() + i], logprobs["token_logprobs"][i]);
    EXPECT_EQ(scored["top_logprobs"][prompt.size() + i], logprobs["top_logprobs"][i]);
  }
  EXPECT_EQ(made["logprobs"]["text_offset"][0], 0);
}

// As lm-evaluation-harness asks: it drops the last token, so that one must be there even where the
// answer ended at once.
TEST_F(CompletionsTest, EveryTokenOfPromptAndAnswerIsScored) {
  start();
  const ordered_json whole = complete([&] {
    ordered_json request = completion(owl_prompt());
    request["return_token_ids"] = true;
    return request;
  }());
  std::vector<int32_t> all = owl_prompt();
  const auto ids = whole["choices"][0]["token_ids"].get<std::vector<int32_t>>();
  EXPECT_EQ(ids.size(), whole["usage"]["completion_tokens"]);
  EXPECT_EQ(whole["choices"][0]["prompt_token_ids"].get<std::vector<int32_t>>(), all);
  all.insert(all.end(), ids.begin(), ids.end() - 1);  // the end of the sentence comes next
  ordered_json request = completion({all, all});
  request["echo"] = true;
  request["logprobs"] = 1;
  request["max_tokens"] = 1;
  const ordered_json body = complete(request);
  ASSERT_EQ(body["choices"].size(), 2U);
  for (const ordered_json& choice : body["choices"]) {
    EXPECT_EQ(choice["finish_reason"], "stop");
    EXPECT_EQ(choice["logprobs"]["token_logprobs"].size(), all.size() + 1);
    EXPECT_EQ(choice["logprobs"]["tokens"].back(), "<｜end▁of▁sentence｜>");
  }
  EXPECT_EQ(body["usage"]["prompt_tokens_details"]["cached_tokens"], 0)
      << "what is scored is computed";
}

TEST_F(CompletionsTest, StreamedScoresAreTheSame) {
  start();
  ordered_json request = completion("Victor has a white owl. The key is");
  request["echo"] = true;
  request["logprobs"] = 3;
  request["max_tokens"] = 12;
  request["return_token_ids"] = true;
  const ordered_json whole = complete(request)["choices"][0];
  ordered_json parts = {{"tokens", ordered_json::array()},
                        {"token_logprobs", ordered_json::array()},
                        {"top_logprobs", ordered_json::array()},
                        {"text_offset", ordered_json::array()}};
  ordered_json token_ids = ordered_json::array();
  bool first = true;
  for (const ordered_json& event : stream(request)) {
    const ordered_json& choice = event["choices"][0];
    EXPECT_EQ(choice.contains("prompt_token_ids"), first);
    first = false;
    for (const ordered_json& token : choice["token_ids"]) token_ids.push_back(token);
    if (choice["logprobs"].is_null()) continue;
    for (auto& [key, list] : parts.items()) {
      for (const ordered_json& entry : choice["logprobs"][key]) list.push_back(entry);
    }
  }
  EXPECT_EQ(parts, whole["logprobs"]);
  EXPECT_EQ(token_ids, whole["token_ids"]);
  // Each token stands in the text where its offset says.
  const std::string text = whole["text"];
  for (size_t i = 1; i < parts["tokens"].size(); ++i) {
    const std::string token = parts["tokens"][i];
    EXPECT_EQ(text.substr(parts["text_offset"][i], token.size()), token) << i;
  }
}

TEST_F(CompletionsTest, StopStringsEndTheText) {
  start();
  ordered_json request = completion(owl_prompt());
  request["stop"] = " owl";
  const ordered_json body = complete(request);
  EXPECT_EQ(body["choices"][0]["text"], "Victor has a white");
  EXPECT_EQ(body["choices"][0]["finish_reason"], "stop");
  EXPECT_TRUE(body["usage"]["hadal"]["decode_seconds"].is_number());
}

TEST_F(CompletionsTest, MarkupIsText) {
  start();
  // Nano thinks and calls tools where the prompt makes it: here nothing is read out of that.
  ordered_json asked = chat("Victor has a white owl. What pet does Victor have?");
  asked["thinking"] = true;
  const ordered_json tokens = answer(asked, "/tokenize")["tokens"];
  const std::string text = complete(completion(tokens))["choices"][0]["text"];
  EXPECT_NE(text.find("</think>"), std::string::npos) << text;
}

TEST_F(CompletionsTest, RefusalsNameTheFieldAndItsPlace) {
  start({.max_context = 256});
  const auto refused = [&](const ordered_json& request, const std::string& param,
                           const std::string& words) {
    const ClientResponse response = ask(request, kCompletions);
    EXPECT_EQ(response.status, 400) << response.body;
    const ordered_json error = ordered_json::parse(response.body)["error"];
    EXPECT_EQ(error["param"], param);
    EXPECT_NE(error["message"].get<std::string>().find(words), std::string::npos) << error;
  };
  refused(completion({3, 5, 1 << 20}), "prompt[2]", "not the id of a token");
  refused(completion({{3}, {5, -1}}), "prompt[1][1]", "not the id of a token");
  refused(completion(std::vector<int>(300, 5)), "prompt",
          "This model's maximum context length is 256 tokens. However, your prompt resulted in 300 "
          "tokens. Please reduce the length of the prompt.");
  refused(completion({std::vector<int>(30, 5), std::vector<int>(256, 5)}), "prompt[1]",
          "(256 in the prompt, 1 in the completion)");
  refused({{"model", "nano"}}, "prompt", "is missing");
  // To score it the context may be full.
  ordered_json full = completion(std::vector<int>(256, 5));
  full["max_tokens"] = 0;
  EXPECT_EQ(complete(full)["usage"]["prompt_tokens"], 256);
}

TEST_F(CompletionsTest, OnePromptThatFailsEndsTheAnswer) {
  start({.max_running = 1});
  ordered_json request = completion({{5, 6}, {7, 8}, {9, 10}});
  request["timeout"] = 1e-6;
  const ClientResponse response = ask(request, kCompletions);
  EXPECT_EQ(response.status, 504);
  EXPECT_NE(response.body.find("deadline passed"), std::string::npos) << response.body;
  request.erase("timeout");
  EXPECT_EQ(complete(request)["choices"].size(), 3U);
}

}  // namespace
}  // namespace hadal
