#include "measure/run/answer_check.h"

#include <gtest/gtest.h>

#include "measure/selftest/scripted_server.h"

namespace hadal {
namespace {

Endpoint chat_endpoint_of(const ScriptedServer& server) {
  return {.base = server.url(), .model = "scripted", .is_chat = true, .has_usage = true};
}

const std::atomic<bool> kGoOn = false;

ScriptedAnswer say(std::string_view text) {
  return {
      .events = {{.bytes = chat_chunk(text)}, {.bytes = finish_chunk()}, {.bytes = done_event()}}};
}

TEST(AnswerCheck, RightAndWrongAnswersAreCounted) {
  const ScriptedServer server([](const ScriptedRequest& request) {
    if (request.body.find("12 plus 30") != std::string::npos) return say("It is 42.");
    if (request.body.find("9 minus 4") != std::string::npos) return say("in 2025 or 15");
    if (request.body.find("capital") != std::string::npos) return say("PARIS");
    return say("I do not know");
  });
  const AnswerCheck check = check_answers(chat_endpoint_of(server), 30, kGoOn);
  EXPECT_EQ(check.asked, 5);
  EXPECT_EQ(check.answered, 5);
  EXPECT_EQ(check.right, 2);
  EXPECT_TRUE(check.alike);
  EXPECT_EQ(check.wrong.size(), 3U);
  EXPECT_EQ(answer_check_text(check).find("2 of 5"), 0U);
}

TEST(AnswerCheck, TheSameQuestionAnsweredOtherwiseIsSaid) {
  const ScriptedServer server([](const ScriptedRequest& request) {
    return say(request.index % 2 == 0 ? "42 surely" : "42 perhaps");
  });
  const AnswerCheck check = check_answers(chat_endpoint_of(server), 30, kGoOn);
  EXPECT_FALSE(check.alike);
  EXPECT_NE(answer_check_text(check).find("differently"), std::string::npos);
}

TEST(AnswerCheck, AServerThatAnswersNothing) {
  const ScriptedServer server([](const ScriptedRequest&) { return ScriptedAnswer{.status = 500}; });
  const AnswerCheck check = check_answers(chat_endpoint_of(server), 30, kGoOn);
  EXPECT_EQ(check.answered, 0);
  EXPECT_EQ(answer_check_text(check), "none of the simple questions had an answer");
}

}  // namespace
}  // namespace hadal
