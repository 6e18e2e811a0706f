// A system message's own tools were replaced by those of the request without a word.
#include <gtest/gtest.h>
#include <string>

#include "read_request.h"

namespace hadal::regressions {
namespace {

TEST(ToolsOfAMessageLostTest, BothAreOffered) {
  const std::string prompt = prompt_of(R"({"messages": [
      {"role": "system", "content": "s", "tools": [{"function": {"name": "own"}}]},
      {"role": "user", "content": "u"}], "tools": [{"function": {"name": "other"}}]})");
  EXPECT_NE(prompt.find("{\"name\": \"own\"}\n{\"name\": \"other\"}"), std::string::npos) << prompt;
}

}  // namespace
}  // namespace hadal::regressions
