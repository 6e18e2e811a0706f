// A request with `functions` was answered without them and without a word, so that the model could
// not call anything.
#include <gtest/gtest.h>
#include <string>

#include "read_request.h"

namespace hadal::regressions {
namespace {

TEST(LegacyFunctionsLostTest, TheModelIsOfferedThem) {
  const std::string body = R"({"messages": [{"role": "user", "content": "Weather in Lisbon?"}],
      "functions": [{"name": "get_weather", "parameters": {"type": "object"}}],
      "function_call": "auto"})";
  EXPECT_NE(prompt_of(body).find(R"({"name": "get_weather", "parameters": {"type": "object"}})"),
            std::string::npos);
  EXPECT_TRUE(read_request(body).legacy_functions);
}

}  // namespace
}  // namespace hadal::regressions
