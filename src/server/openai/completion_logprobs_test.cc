#include "server/openai/completion_logprobs.h"

#include <filesystem>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "chat/chat_markup.h"
#include "support/nano_tokenizer.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

using test::nano_tokenizer;

TokenLogprobs scored(float logprob, std::vector<TokenLogprob> top = {}) {
  return {.logprob = logprob, .top = std::move(top)};
}

TEST(CompletionLogprobsTest, NothingIsNull) {
  CompletionLogprobs logprobs(nano_tokenizer(), false, false);
  EXPECT_TRUE(logprobs.take().is_null());
}

TEST(CompletionLogprobsTest, OffsetsCountCharactersOfTheText) {
  const int32_t bos = *nano_tokenizer().find(markup::kBos);
  std::vector<int32_t> prompt{bos};
  const std::string text = "é blue 🦉";
  const std::vector<int32_t> ids = nano_tokenizer().encode(text);
  prompt.insert(prompt.end(), ids.begin(), ids.end());
  CompletionLogprobs logprobs(nano_tokenizer(), false, false);
  logprobs.add_prompt(prompt, std::vector<TokenLogprobs>(ids.size(), scored(-0.5F)), true);
  const std::vector<int32_t> answer = nano_tokenizer().encode(" owl");
  for (const int32_t token : answer) logprobs.add(token, scored(-1), false);
  const int32_t eos = *nano_tokenizer().find(markup::kEos);
  logprobs.add(eos, scored(-2), true);
  const ordered_json told = logprobs.take();
  const size_t count = prompt.size() + answer.size() + 1;
  for (const char* key : {"tokens", "token_logprobs", "top_logprobs", "text_offset"}) {
    ASSERT_EQ(told[key].size(), count) << key;
  }
  EXPECT_TRUE(told["token_logprobs"][0].is_null());
  EXPECT_TRUE(told["top_logprobs"][0].is_null());
  EXPECT_EQ(told["token_logprobs"][1], -0.5);
  EXPECT_EQ(told["text_offset"][0], 0);
  EXPECT_EQ(told["text_offset"][1], 0) << "the begin of the sentence is not in the text";
  // Eight characters: the owl is one, however many tokens and bytes it has.
  EXPECT_EQ(told["text_offset"][prompt.size()], 8);
  EXPECT_EQ(told["tokens"].back(), std::string(markup::kEos));
  EXPECT_EQ(told["text_offset"].back(), 12);
  EXPECT_TRUE(logprobs.take().is_null()) << "told once";
}

TEST(CompletionLogprobsTest, TheTokenItselfIsAmongTheLikeliest) {
  const int32_t blue = nano_tokenizer().encode(" blue")[0];
  const int32_t owl = nano_tokenizer().encode(" owl")[0];
  CompletionLogprobs logprobs(nano_tokenizer(), false, false);
  logprobs.add(owl, scored(-3, {{.token = blue, .logprob = -0.25F}}), false);
  logprobs.add(blue, scored(-0.25F, {{.token = blue, .logprob = -0.25F}}), false);
  const ordered_json told = logprobs.take();
  EXPECT_EQ(told["top_logprobs"][0], (ordered_json{{" blue", -0.25}, {" owl", -3.0}}));
  EXPECT_EQ(told["top_logprobs"][1], (ordered_json{{" blue", -0.25}}));
}

TEST(CompletionLogprobsTest, PartsOfCharactersAreToldByTheirBytes) {
  std::optional<int32_t> part;
  for (int32_t token = 0; token < nano_tokenizer().vocab_size() && !part; ++token) {
    if (nano_tokenizer().token_bytes(token) == "\xf0") part = token;
  }
  ASSERT_TRUE(part.has_value());
  CompletionLogprobs logprobs(nano_tokenizer(), false, false);
  logprobs.add(*part, scored(-1), false);
  logprobs.add(nano_tokenizer().vocab_size() + 5, scored(-1), false);
  const ordered_json told = logprobs.take();
  EXPECT_EQ(told["tokens"][0], "bytes:\\xf0");
  EXPECT_EQ(told["tokens"][1], "token_id:" + std::to_string(nano_tokenizer().vocab_size() + 5));
  CompletionLogprobs ids(nano_tokenizer(), false, true);
  ids.add(*part, scored(-1), false);
  EXPECT_EQ(ids.take()["tokens"][0], "token_id:" + std::to_string(*part));
}

}  // namespace
}  // namespace hadal
