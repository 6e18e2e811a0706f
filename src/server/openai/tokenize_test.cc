// POST /tokenize and /detokenize, asked over HTTP.
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "support/server_fixture.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;
using test::ClientResponse;

class TokenizeTest : public test::ServerTest {
 protected:
  void refused(const std::string& path, const ordered_json& request, const std::string& param) {
    const ClientResponse response = ask(request, path);
    EXPECT_EQ(response.status, 400) << response.body;
    EXPECT_EQ(ordered_json::parse(response.body)["error"]["param"], param) << request;
  }
};

TEST_F(TokenizeTest, TextThereAndBack) {
  start({.max_context = 512});
  const std::string text = "Víctor has a white 🦉, and <｜User｜> is a control token.";
  for (const char* path : {"/tokenize", "/v1/tokenize", "/v1/v1//tokenize/"}) {
    const ordered_json body = answer({{"model", "nano"}, {"prompt", text}}, path);
    EXPECT_EQ(body["count"], body["tokens"].size());
    EXPECT_EQ(body["max_model_len"], 512);
    EXPECT_FALSE(body.contains("token_strs"));
    EXPECT_EQ(answer({{"tokens", body["tokens"]}}, "/detokenize")["prompt"],
              "<｜begin▁of▁sentence｜>" + text);
  }
  ordered_json request = {
      {"prompt", text}, {"add_special_tokens", false}, {"return_token_strs", true}};
  const ordered_json bare = answer(request, "/tokenize");
  EXPECT_EQ(answer({{"tokens", bare["tokens"]}}, "/v1/detokenize")["prompt"], text);
  ASSERT_EQ(bare["token_strs"].size(), bare["tokens"].size());
  EXPECT_EQ(answer({{"prompt", ""}, {"add_special_tokens", false}}, "/tokenize")["count"], 0);
  EXPECT_EQ(answer({{"tokens", ordered_json::array()}}, "/detokenize")["prompt"], "");
}

TEST_F(TokenizeTest, ItsCountIsThatOfTheAnswer) {
  start();
  ordered_json request = chat("What pet does Victor have?");
  request["thinking"] = true;
  request["tools"] = {{{"type", "function"}, {"function", {{"name", "f"}}}}};
  ordered_json tokenized = request;
  tokenized["return_token_strs"] = true;
  const ordered_json body = answer(tokenized, "/tokenize");
  std::string joined;
  for (const ordered_json& text : body["token_strs"]) joined += text;
  EXPECT_EQ(answer({{"tokens", body["tokens"]}}, "/detokenize")["prompt"], joined);
  request["max_tokens"] = 1;
  EXPECT_EQ(answer(request)["usage"]["prompt_tokens"], body["count"]);
  const ordered_json completion = {{"prompt", "Victor has"}, {"max_tokens", 1}};
  EXPECT_EQ(answer(completion, "/v1/completions")["usage"]["prompt_tokens"],
            answer({{"prompt", "Victor has"}}, "/tokenize")["count"]);
}

TEST_F(TokenizeTest, RefusalsNameTheField) {
  start();
  refused("/tokenize", ordered_json::object(), "prompt");
  refused("/tokenize", {{"prompt", 5}}, "prompt");
  refused("/tokenize", {{"prompt", {1, 2}}}, "prompt");
  refused("/tokenize", {{"messages", 5}}, "messages");
  refused("/tokenize", {{"messages", {{{"role", "wizard"}, {"content", "x"}}}}},
          "messages[0].role");
  ordered_json both = chat("Hi");
  both["prompt"] = "Hi";
  refused("/tokenize", both, "prompt");
  refused("/tokenize", {{"prompt", "x"}, {"add_special_tokens", "no"}}, "add_special_tokens");
  refused("/detokenize", ordered_json::object(), "tokens");
  refused("/detokenize", {{"tokens", "abc"}}, "tokens");
  refused("/detokenize", {{"tokens", {1, "2"}}}, "tokens[1]");
  refused("/detokenize", {{"tokens", {1, 2, -3}}}, "tokens[2]");
  refused("/detokenize", {{"tokens", {1 << 30}}}, "tokens[0]");
  refused("/detokenize", {{"tokens", {{1}}}}, "tokens[0]");
  EXPECT_EQ(ask({{"model", "other"}, {"prompt", "x"}}, "/tokenize").status, 404);
  EXPECT_EQ(ask({{"model", "other"}, {"tokens", {1}}}, "/detokenize").status, 404);
}

TEST_F(TokenizeTest, UnknownFieldsAreRefusedByStrictRequests) {
  ServerOptions options;
  options.strict = true;
  start({}, options);
  refused("/tokenize", {{"prompt", "x"}, {"mood", 1}}, "mood");
  refused("/tokenize", {{"prompt", "x"}, {"tokens", {5}}}, "tokens");
  refused("/detokenize", {{"tokens", {5}}, {"mood", 1}}, "mood");
  EXPECT_EQ(ask({{"prompt", "x"}, {"return_token_strs", false}}, "/tokenize").status, 200);
}

// Long input is read in time that grows with its length alone.
TEST_F(TokenizeTest, LongInput) {
  start();
  const std::vector<int> ids(200'000, 300);
  const std::string text = answer({{"tokens", ids}}, "/detokenize")["prompt"];
  EXPECT_GT(answer({{"prompt", text}}, "/tokenize")["count"], 1000);
}

}  // namespace
}  // namespace hadal
