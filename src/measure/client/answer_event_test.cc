#include "measure/client/answer_event.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace hadal {
namespace {

TEST(AnswerEvent, RoleOnlyAndEmptyChunksCarryNoToken) {
  const AnswerEvent role =
      read_answer_event(R"({"choices":[{"delta":{"role":"assistant","content":""}}]})");
  EXPECT_FALSE(role.has_answer);
  EXPECT_FALSE(role.has_reasoning);
  const AnswerEvent null = read_answer_event(
      R"({"choices":[{"delta":{"content":null,"reasoning_content":null,"tool_calls":null}}]})");
  EXPECT_FALSE(null.has_answer);
  EXPECT_FALSE(read_answer_event(R"({"choices":[]})").has_answer);
}

TEST(AnswerEvent, BothSpellingsOfReasoningCountOnce) {
  EXPECT_TRUE(
      read_answer_event(R"({"choices":[{"delta":{"reasoning_content":"so"}}]})").has_reasoning);
  EXPECT_TRUE(read_answer_event(R"({"choices":[{"delta":{"reasoning":"so"}}]})").has_reasoning);
  const AnswerEvent both =
      read_answer_event(R"({"choices":[{"delta":{"reasoning":"so","reasoning_content":"so"}}]})");
  EXPECT_EQ(both.reasoning, "so");
  EXPECT_FALSE(both.has_answer);
}

TEST(AnswerEvent, PartsOfToolCallsAreTokensOfTheAnswer) {
  EXPECT_TRUE(read_answer_event(R"({"choices":[{"delta":{"tool_calls":[
      {"index":0,"id":"c","function":{"name":"","arguments":"{"}}]}}]})")
                  .has_answer);
  EXPECT_FALSE(read_answer_event(R"({"choices":[{"delta":{"tool_calls":[
      {"index":0,"function":{"arguments":""}}]}}]})")
                   .has_answer);
  EXPECT_TRUE(
      read_answer_event(R"({"choices":[{"delta":{"function_call":{"name":"f"}}}]})").has_answer);
}

TEST(AnswerEvent, TextCompletionsAreReadToo) {
  const AnswerEvent event =
      read_answer_event(R"({"choices":[{"text":" blue","finish_reason":"length"}]})");
  EXPECT_TRUE(event.has_answer);
  EXPECT_EQ(event.text, " blue");
  EXPECT_EQ(event.finish_reason, "length");
}

TEST(AnswerEvent, UsageIsReadWithItsDetails) {
  const AnswerEvent event = read_answer_event(R"({"choices":[],"usage":{"prompt_tokens":12,
      "completion_tokens":5.0,"total_tokens":17,"prompt_tokens_details":{"cached_tokens":8},
      "completion_tokens_details":{"reasoning_tokens":3,"audio_tokens":0},
      "hadal":{"prefill_seconds":0.25,"draft_seconds":0.125,"decode_seconds":1.5}}})");
  ASSERT_TRUE(event.usage);
  EXPECT_EQ(event.usage->prompt_tokens, 12);
  EXPECT_EQ(event.usage->completion_tokens, 5);
  EXPECT_EQ(event.usage->cached_tokens, 8);
  EXPECT_EQ(event.usage->reasoning_tokens, 3);
  EXPECT_EQ(event.usage->prefill_seconds, 0.25);
  EXPECT_EQ(event.usage->decode_seconds, 1.625);
}

TEST(AnswerEvent, CountsThatAreNoneAreNotTold) {
  const AnswerEvent event = read_answer_event(
      R"({"usage":{"prompt_tokens":-1,"completion_tokens":1e99,
          "prompt_tokens_details":{"cached_tokens":"many"}}})");
  ASSERT_TRUE(event.usage);
  EXPECT_FALSE(event.usage->prompt_tokens);
  EXPECT_FALSE(event.usage->completion_tokens);
  EXPECT_FALSE(event.usage->cached_tokens);
  EXPECT_FALSE(read_answer_event(R"({"usage":null})").usage);
}

TEST(AnswerEvent, ErrorsOfAllForms) {
  EXPECT_EQ(read_answer_event(R"({"error":{"message":"out of memory","code":500}})").error,
            "out of memory");
  EXPECT_EQ(read_answer_event(R"({"error":"overloaded"})").error, "overloaded");
  EXPECT_EQ(read_answer_event(R"({"object":"error","message":"too long","code":400})").error,
            "too long");
  EXPECT_FALSE(read_answer_event(R"({"error":null,"choices":[]})").error);
}

TEST(AnswerEvent, DoneAndGarbage) {
  EXPECT_TRUE(read_answer_event("[DONE]").done);
  EXPECT_THROW(read_answer_event("{\"choices\":"), Error);
  EXPECT_THROW(read_answer_event("17"), Error);
  EXPECT_THROW(read_answer_event(""), Error);
  EXPECT_THROW(read_answer_event("{\"a\":\"\xff\"}"), Error);
}

}  // namespace
}  // namespace hadal
