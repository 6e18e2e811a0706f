#include "measure/exchange/foreign_secrets.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "json/python_json.h"

namespace hadal {
namespace {

TEST(ForeignSecrets, LeaveTexts) {
  for (const auto& [text, kept] : std::initializer_list<std::pair<const char*, const char*>>{
           {"vllm serve m --api-key abc --tp 8", "vllm serve m --api-key (removed) --tp 8"},
           {"vllm serve m --api-key=abc", "vllm serve m --api-key=(removed)"},
           {"--api-key 'a b' -x", "--api-key '(removed)' -x"},
           {"HF_TOKEN=abc vllm", "HF_TOKEN=(removed) vllm"},
           {"curl -H \"Authorization: Bearer abc\" x",
            "curl -H \"Authorization: Bearer (removed)\" x"},
           {"Bearer abcdefgh", "Bearer (removed)"},
           {"{\"api_key\": \"abc\", \"n\": 1}", "{\"api_key\": \"(removed)\", \"n\": 1}"},
           {"http://user:pw@h:80/v1?api_key=abc&n=1",
            "http://(removed)@h:80/v1?api_key=(removed)&n=1"},
           {"key sk-abcdefghijkl", "key (removed)"},
           {"password: x", "password: (removed)"}}) {
    EXPECT_EQ(text_without_secrets(text), kept);
    EXPECT_EQ(text_without_secrets(kept), kept);
  }
}

TEST(ForeignSecrets, AreNotSeenWhereNoneAre) {
  for (const char* text :
       {"", "vllm serve deepseek --max-token 8 --tokenizer a/b", "http://h:80/a@b", "see a@b.c",
        "time_per_output_token=0.02", "the bearer of it", "password", "sk-8", "--api-key",
        "secret of", "http://"}) {
    EXPECT_EQ(text_without_secrets(text), text);
  }
}

TEST(ForeignSecrets, LeaveDocuments) {
  const auto document = parse_json(
      R"({"token": "a", "token_count": 3, "output_token": 5, "password": 12, "has_secret": true,
          "authorization": {"kind": "b"}, "args": ["--api-key", "c", "--tp", "8"],
          "list": [{"api-key": "d"}]})",
      "test");
  const auto kept = parse_json(
      R"-({"token": "(removed)", "token_count": 3, "output_token": 5, "password": "(removed)",
          "has_secret": true, "authorization": "(removed)",
          "args": ["--api-key", "(removed)", "--tp", "8"], "list": [{"api-key": "(removed)"}]})-",
      "test");
  EXPECT_EQ(json_without_secrets(document), kept);
}

}  // namespace
}  // namespace hadal
