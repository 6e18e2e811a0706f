// A parameter value with a zero byte counted as JSON, because nlohmann's parser takes the byte for
// the end of the text; the tool call's arguments were then no JSON.
#include <gtest/gtest.h>
#include <string>

#include "chat/completion_stream.h"
#include "json/python_json.h"

namespace hadal {
namespace {

TEST(JsonValueWithZeroByteTest, IsPassedAsAString) {
  const std::string completion =
      "\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n"
      "<｜DSML｜parameter name=\"a\" string=\"false\">1" +
      std::string(1, '\0') + "7</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>";
  CompletionStream stream(ThinkingMode::kChat);
  std::string arguments;
  for (const CompletionEvent& event : stream.push(completion)) {
    if (event.kind == CompletionEvent::Kind::kToolCall) arguments += event.text;
  }
  EXPECT_EQ(arguments, "{\"a\": \"1\\u00007\"}");
  EXPECT_TRUE(is_json(arguments));
}

}  // namespace
}  // namespace hadal
