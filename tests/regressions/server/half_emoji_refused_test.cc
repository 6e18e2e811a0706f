// Clients in JavaScript cut text between the halves of an emoji, and JSON then holds a lone
// surrogate. The request was refused, and so was every later one of the conversation, whose history
// has the message for good.
#include <gtest/gtest.h>

#include "read_request.h"

namespace hadal::regressions {
namespace {

TEST(HalfEmojiRefusedTest, ALoneSurrogateIsAReplacementCharacter) {
  const std::string begin = R"({"messages": [{"role": "user", "content": ")";
  EXPECT_NE(prompt_of(begin + R"(cut \ud83d"}]})").find("cut \xEF\xBF\xBD<"), std::string::npos);
  EXPECT_NE(prompt_of(begin + R"(\ude00 rest"}]})").find("\xEF\xBF\xBD rest"), std::string::npos);
  EXPECT_NE(prompt_of(begin + R"(\ud83d\ude00"}]})").find("\xF0\x9F\x98\x80"), std::string::npos);
}

TEST(HalfEmojiRefusedTest, AlsoInTheArgumentsOfACall) {
  const std::string prompt = prompt_of(R"({"messages": [{"role": "user", "content": "a"},
      {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f",
          "arguments": "{\"say\": \"x\\ud83d\"}"}}]},
      {"role": "tool", "tool_call_id": "c", "content": "done"}]})");
  EXPECT_NE(prompt.find("name=\"say\" string=\"true\">x\xEF\xBF\xBD<"), std::string::npos)
      << prompt;
}

}  // namespace
}  // namespace hadal::regressions
