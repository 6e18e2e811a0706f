#include "chat/reasoning_efforts.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

#include "support/temporary_directory.h"

namespace hadal {
namespace {

TEST(ReasoningEffortsTest, TheModelsEncoderTells) {
  const test::TemporaryDirectory scratch;
  EXPECT_EQ(reasoning_efforts(scratch.path()), ReasoningEfforts::kHighMax);
  std::filesystem::create_directory(scratch.path() / "encoding");
  const auto with = [&](const char* encoder) {
    std::ofstream(scratch.path() / "encoding" / "encoding_dsv4.py") << encoder;
    return reasoning_efforts(scratch.path());
  };
  EXPECT_EQ(with("MAX = \"Reasoning Effort: Absolute maximum with no shortcuts\"\n"),
            ReasoningEfforts::kHighMax);
  EXPECT_EQ(with("HIGH = \"Reasoning Effort: Absolute maximum with no shortcuts\"\n"
                 "MAX = \"Reasoning Effort: Beyond maximum, exhaustive\"\n"),
            ReasoningEfforts::kLowHighMax);
}

}  // namespace
}  // namespace hadal
