// Prompts and completions against the answers of the released reference encoder.
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "golden_lines.h"
#include "text/chat_encoding.h"
#include "text/tokenizer.h"

namespace hadal {
namespace {

TEST(ChatGoldenTest, EncodesEveryConversationExactly) {
  const auto lines = read_golden_lines("chat/encode.jsonl");
  ASSERT_GE(lines.size(), 60u);
  for (size_t i = 0; i < lines.size(); ++i) {
    EXPECT_EQ(encode_chat(lines[i]), lines[i]["prompt"].get<std::string>()) << "line " << i + 1;
  }
}

TEST(ChatGoldenTest, ToolsBlockIsTheReleasedText) {
  const std::string block =
      read_text_file(HADAL_SOURCE_DIR "/tests/golden/data/chat/tools_block.txt", size_t{1} << 20);
  const auto request = parse_json(
      R"({"messages": [{"role": "system", "content": "S", "tools":
          [{"type": "function", "function": {"name": "f"}}]}], "thinking_mode": "chat"})",
      "request");
  std::string expected = block;
  expected.replace(expected.find("{tool_schemas}"), 14, R"({"name": "f"})");
  EXPECT_EQ(encode_chat(request), "<｜begin▁of▁sentence｜>S\n\n" + expected);
}

// Pieces change what may become a special token, and nothing else.
TEST(ChatGoldenTest, PiecesTokeniseAsTheWholePrompt) {
  const Tokenizer nano = Tokenizer::load(HADAL_SOURCE_DIR "/models/nano/tokenizer.json");
  for (const auto& line : read_golden_lines("chat/encode.jsonl")) {
    const auto pieces = encode_chat_pieces(line["messages"], parse_chat_options(line));
    EXPECT_EQ(tokenize_prompt(nano, pieces), nano.encode(line["prompt"].get<std::string>()));
  }
}

}  // namespace
}  // namespace hadal
