// Tools are put into a system message. Where the caller had sent none, one was inserted before the
// messages were read, and refusals named the message after the one that was wrong; what was wrong
// with a tool was said of messages[0].tools.
#include <gtest/gtest.h>
#include <string>

#include "read_request.h"

namespace hadal::regressions {
namespace {

TEST(MessageIndexWithToolsTest, IsThatOfTheRequest) {
  const std::string messages = R"({"messages": [{"role": "user", "content": "a"},
      {"role": "assistant", "tool_calls": [{"function": {"arguments": "{}"}}]},
      {"role": "user", "content": "b", "task": "fly"}])";
  EXPECT_EQ(refused_field(messages + "}"), "messages[1].tool_calls[0].function.name");
  EXPECT_EQ(refused_field(messages + R"(, "tools": [{"function": {"name": "f"}}]})"),
            "messages[1].tool_calls[0].function.name");
  const std::string task = R"({"messages": [{"role": "user", "content": "b", "task": "fly"}])";
  EXPECT_EQ(refused_field(task + R"(, "tools": [{"function": {"name": "f"}}]})"),
            "messages[0].task");
  EXPECT_EQ(refused_field(R"({"messages": [{"role": "user", "content": "a"}],
                              "tools": [{"function": {"name": "f"}}, {"function": 5}]})"),
            "tools[1].function");
}

}  // namespace
}  // namespace hadal::regressions
