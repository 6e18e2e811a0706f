// A picture in the result of a tool was refused with 400; as the message stays in the history, the
// session of an agent that had taken a screenshot could not go on.
#include <gtest/gtest.h>
#include <string>

#include "read_request.h"

namespace hadal::regressions {
namespace {

TEST(ImageInToolResultTest, StandsInThePromptAsUnsupported) {
  const std::string prompt = prompt_of(R"({"messages": [
      {"role": "user", "content": "Take a screenshot."},
      {"role": "assistant", "content": null, "tool_calls": [{"id": "c1", "type": "function",
          "function": {"name": "shot", "arguments": "{}"}}]},
      {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "done"},
          {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]},
      {"role": "user", "content": "And now?"}]})");
  EXPECT_NE(prompt.find("<tool_result>done\n\n[Unsupported image_url]</tool_result>\n\nAnd now?"),
            std::string::npos)
      << prompt;
}

}  // namespace
}  // namespace hadal::regressions
