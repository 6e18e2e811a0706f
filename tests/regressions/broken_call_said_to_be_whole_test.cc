// A call whose markup broke off or repeated a name was given with the arguments "{" and the finish
// reason "tool_calls", and the rest of its markup was content.
#include <gtest/gtest.h>
#include <string>

#include "chat/completion_stream.h"
#include "json/python_json.h"

namespace hadal {
namespace {

TEST(BrokenCallSaidToBeWholeTest, IsRepairedOrNoCall) {
  const std::string head = "\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n";
  const std::string tail = "\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>";
  for (const std::string parameters : {
           "<｜DSML｜parameter name=\"a\">one</｜DSML｜parameter>",
           "<｜DSML｜parameter name=\"a\" string=\"True\">one</｜DSML｜parameter>",
           ("<｜DSML｜parameter name=\"a\" string=\"true\">1</｜DSML｜parameter>\n"
            "<｜DSML｜parameter name=\"a\" string=\"true\">2</｜DSML｜parameter>"),
           "<｜DSML｜parameter name=\"a\" string=\"true\">one</｜DSML｜paramter>",
           "<｜DSML｜parameter name=\"a\" string=\"true\">one",
       }) {
    CompletionStream stream(ThinkingMode::kChat);
    std::vector<CompletionEvent> events = stream.push(head + parameters + tail);
    for (CompletionEvent& event : stream.finish()) events.push_back(event);
    ASSERT_EQ(events.size(), 2U) << parameters;
    EXPECT_EQ(events[0].kind, CompletionEvent::Kind::kToolCall) << parameters;
    EXPECT_TRUE(is_json(events[0].text)) << events[0].text;
    EXPECT_EQ(events[0].text.find("DSML"), std::string::npos) << events[0].text;
  }
}

TEST(BrokenCallSaidToBeWholeTest, MarkupRightBehindTextDoesNotLeak) {
  CompletionStream stream(ThinkingMode::kChat);
  const auto events = stream.push(
      "I look.<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n</｜DSML｜invoke>\n"
      "</｜DSML｜tool_calls>");
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].text, "I look.");
  EXPECT_EQ(events[1].name, "f");
  EXPECT_EQ(events[1].text, "{}");
}

}  // namespace
}  // namespace hadal
