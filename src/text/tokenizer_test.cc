#include "text/tokenizer.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "support/source_dir.h"
#include "text/byte_level.h"
#include "text/detokenizer.h"
#include "text/pre_tokenizer.h"

namespace hadal {
namespace {

using Ids = std::vector<int32_t>;
using nlohmann::json;

const Tokenizer& nano() {
  static const Tokenizer kTokenizer =
      Tokenizer::load(test::source_path("models/nano/tokenizer.json"));
  return kTokenizer;
}

// Bytes 0x20 to 0x7e have ids 0 to 94; then come the merges' results in order; added tokens from
// 500 on.
json small_file(const std::vector<std::pair<std::string, std::string>>& merges = {}) {
  json vocab;
  int id = 0;
  for (int byte = 0x20; byte <= 0x7e; ++byte) {
    vocab[byte_level_encode(std::string(1, static_cast<char>(byte)))] = id++;
  }
  json pairs = json::array();
  for (const auto& [left, right] : merges) {
    pairs.push_back(left + " " + right);
    if (!vocab.contains(left + right)) vocab[left + right] = id++;
  }
  return {{"added_tokens", json::array()},
          {"normalizer", nullptr},
          {"pre_tokenizer", {{"type", "ByteLevel"}, {"use_regex", false}}},
          {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", pairs}}}};
}

json added(int id, const std::string& content) {
  return {{"id", id}, {"content", content}, {"special", true}, {"normalized", false}};
}

Tokenizer make(const json& file) { return Tokenizer::parse(file.dump(), "test.json"); }

std::string error_of(const std::string& file) {
  try {
    Tokenizer::parse(file, "test.json");
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidFile);
    return error.what();
  }
  return "";
}

std::string error_of(const json& file) { return error_of(file.dump()); }

TEST(TokenizerTest, MergesByRankAndThenFromTheLeft) {
  const auto tokenizer = make(small_file({{"b", "c"}, {"a", "b"}, {"a", "a"}, {"aa", "a"}}));
  const int32_t bc = 95;
  const int32_t aa = 97;
  const int32_t aaa = 98;
  EXPECT_EQ(tokenizer.encode("abc"), (Ids{'a' - 0x20, bc}));
  EXPECT_EQ(tokenizer.encode("aaaa"), (Ids{aa, aa}));
  EXPECT_EQ(tokenizer.encode("aaaaa"), (Ids{aa, aaa}));
  EXPECT_EQ(tokenizer.decode(Ids{aa, aaa, bc}), "aaaaabc");
  EXPECT_EQ(tokenizer.find("aaa"), aaa);
  EXPECT_EQ(tokenizer.find("ca"), std::nullopt);
}

// The scan for short pieces and the heap for long ones must agree; a piece of 60 bytes takes the
// heap and its halves the scan when a space keeps them apart.
TEST(TokenizerTest, LongPiecesMergeAsShortOnesDo) {
  uint32_t state = 3;
  for (int round = 0; round < 200; ++round) {
    std::string text;
    while (text.size() < 20 + static_cast<size_t>(round)) {
      state = state * 1664525 + 1013904223;
      text += "abab ca"[(state >> 10) % 7];
    }
    const json file = small_file({{"a", "b"},
                                  {"ab", "a"},
                                  {"c", "a"},
                                  {"b", "ab"},
                                  {"ab", "ab"},
                                  {"Ġ", "ab"},
                                  {"Ġ", "ca"},
                                  {"abab", "Ġab"}});
    const auto tokenizer = make(file);
    // The definition, by brute force over the file's merges.
    std::vector<std::string> tokens;
    for (const char c : text) tokens.push_back(byte_level_encode(std::string(1, c)));
    for (bool merged = true; merged;) {
      merged = false;
      for (const auto& merge : file["model"]["merges"]) {
        const auto pair = merge.get<std::string>();
        for (size_t i = 0; i + 1 < tokens.size() && !merged; ++i) {
          if (tokens[i] + " " + tokens[i + 1] == pair) {
            tokens[i] += tokens[i + 1];
            tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(i) + 1);
            merged = true;
          }
        }
        if (merged) break;
      }
    }
    Ids expected;
    for (const auto& token : tokens) expected.push_back(file["model"]["vocab"][token]);
    EXPECT_EQ(tokenizer.encode(text), expected) << text;
  }
}

TEST(TokenizerTest, TakesMergesInBothForms) {
  json file = small_file({{"a", "b"}});
  file["model"]["merges"] = json::array({json::array({"a", "b"})});
  EXPECT_EQ(make(file).encode("ab"), Ids{95});
}

TEST(TokenizerTest, IgnoreMergesTakesWholePieces) {
  json file = small_file({{"a", "b"}});
  file["model"]["vocab"]["abc"] = 200;
  EXPECT_EQ(make(file).encode("abc"), (Ids{95, 'c' - 0x20}));
  file["model"]["ignore_merges"] = true;
  EXPECT_EQ(make(file).encode("abc"), Ids{200});
}

TEST(TokenizerTest, RecognisesAddedTokensLongestFirst) {
  json file = small_file();
  file["added_tokens"] = {added(500, "<b>"), added(501, "<b>>")};
  const auto tokenizer = make(file);
  EXPECT_EQ(tokenizer.encode("x<b>>y<b><b"),
            (Ids{'x' - 0x20, 501, 'y' - 0x20, 500, '<' - 0x20, 'b' - 0x20}));
  EXPECT_EQ(tokenizer.vocab_size(), 502);
  EXPECT_TRUE(tokenizer.is_special(500));
  EXPECT_FALSE(tokenizer.is_special(3));
  EXPECT_EQ(tokenizer.decode(Ids{500, 'x' - 0x20}), "<b>x");
  EXPECT_EQ(tokenizer.decode(Ids{500, 'x' - 0x20}, true), "x");
}

TEST(TokenizerTest, FlagsOfAddedTokensHold) {
  json file = small_file();
  json strips = added(500, "<b>");
  strips["lstrip"] = true;
  strips["rstrip"] = true;
  json word = added(501, "cat");
  word["single_word"] = true;
  json late = added(502, "x<b>");  // longer, but searched after the others
  late["normalized"] = true;
  file["added_tokens"] = {strips, word, late};
  const auto tokenizer = make(file);
  EXPECT_EQ(tokenizer.encode("a  <b> c"), (Ids{'a' - 0x20, 500, 'c' - 0x20}));
  EXPECT_EQ(tokenizer.encode("cat"), Ids{501});
  EXPECT_EQ(tokenizer.encode("-cat-"), (Ids{'-' - 0x20, 501, '-' - 0x20}));
  EXPECT_EQ(tokenizer.encode("cats").size(), 4u);
  EXPECT_EQ(tokenizer.encode("_cat").size(), 4u);
  EXPECT_EQ(tokenizer.encode("x<b>"), (Ids{'x' - 0x20, 500}));
}

TEST(TokenizerTest, OrdinaryTextNeverBecomesAnAddedToken) {
  const std::string text = "<｜User｜>hi<｜Assistant｜></think>｜DSML｜";
  const Ids ids = nano().encode_ordinary(text);
  EXPECT_EQ(nano().decode(ids), text);
  for (const char* token : {"<｜User｜>", "<｜Assistant｜>", "</think>", "｜DSML｜"}) {
    EXPECT_EQ(std::count(ids.begin(), ids.end(), *nano().find(token)), 0) << token;
  }
  // Not even where the vocabulary has merges that spell it.
  json file = small_file({{"<", "b"}, {"<b", ">"}});
  file["added_tokens"] = json::array({added(96, "<b>")});
  const auto tokenizer = make(file);
  EXPECT_EQ(tokenizer.encode("<b>"), Ids{96});
  EXPECT_EQ(tokenizer.encode_ordinary("<b>"), (Ids{95, '>' - 0x20}));
}

TEST(TokenizerTest, TrustedRangesAloneAreRecognised) {
  json file = small_file({{"a", "b"}});
  file["added_tokens"] = json::array({added(500, "<b>")});
  const auto tokenizer = make(file);
  const Ids plain = tokenizer.encode_ordinary("<b>");
  Ids expected = plain;
  expected.push_back(500);
  expected.insert(expected.end(), plain.begin(), plain.end());
  EXPECT_EQ(tokenizer.encode("<b><b><b>", std::vector<TextRange>{{3, 6}}), expected);
  // A token that reaches out of its range is text, and text runs on across borders.
  EXPECT_EQ(tokenizer.encode("<b>ab", std::vector<TextRange>{{0, 2}, {3, 4}}).back(), 95);
  EXPECT_EQ(tokenizer.encode("<b>", std::vector<TextRange>{{0, 2}}), plain);
}

TEST(TokenizerTest, SplitsLikeTheReleasedPreTokenizer) {
  // Pieces are visible where nothing merges across them: numbers in groups of three.
  const auto spelled = [](const std::string& text) {
    std::vector<std::string> tokens;
    for (const int32_t id : nano().encode(text)) tokens.emplace_back(nano().token_bytes(id));
    return tokens;
  };
  for (const std::string& token : spelled("1234567")) EXPECT_LE(token.size(), 3u);
  std::string joined;
  for (const std::string& token : spelled("  two  spaces\r\n\r\n日本語かな 42\t!")) joined += token;
  EXPECT_EQ(joined, "  two  spaces\r\n\r\n日本語かな 42\t!");
}

TEST(TokenizerTest, StagesSeeEveryPieceAsATextOfItsOwn) {
  PreTokenizer splitter;
  splitter.add_split(Regex("\\p{N}", "test"));
  splitter.add_split(Regex("\\s+(?!\\S)|\\s+", "test"));
  Regex::Scratch scratch;
  const std::string text = "a  1  b";
  std::vector<std::string> pieces;
  for (const TextRange& range : splitter.split(text, scratch)) {
    pieces.push_back(text.substr(range.begin, range.end - range.begin));
  }
  // Before the digit both spaces stay together: behind them their piece ends.
  EXPECT_EQ(pieces, (std::vector<std::string>{"a", "  ", "1", " ", " ", "b"}));
}

TEST(TokenizerTest, LongRunsAreNotQuadratic) {
  for (const char* unit : {"a", " ", "\n", "1", "日", "\t ", "!"}) {
    std::string text;
    while (text.size() < 1'000'000) text += unit;
    EXPECT_EQ(nano().decode(nano().encode(text)), text);
  }
}

TEST(TokenizerTest, RefusesTextThatIsNotUtf8) {
  try {
    nano().encode(
        "ab\xff"
        "c");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(std::string(error.what()).find("byte 2"), std::string::npos);
  }
  EXPECT_TRUE(nano().encode("").empty());
}

TEST(TokenizerTest, RefusesIdsOutOfRange) {
  EXPECT_THROW(nano().decode(Ids{-1}), Error);
  EXPECT_THROW(nano().decode(Ids{nano().vocab_size()}), Error);
  EXPECT_EQ(nano().vocab_size(), 2048);
  EXPECT_FALSE(nano().is_special(-1));
}

TEST(TokenizerTest, EveryByteSurvives) {
  std::string text;
  for (int code = 1; code < 0x250; ++code) {
    if (code < 0x80) {
      text += static_cast<char>(code);
    } else {
      text += static_cast<char>(0xC0 | code >> 6);
      text += static_cast<char>(0x80 | (code & 0x3F));
    }
  }
  text += '\0';
  text += "🐋ﬁ\U0010FFFF";
  EXPECT_EQ(nano().decode(nano().encode(text)), text);
}

TEST(DetokenizerTest, NeverGivesHalfACharacter) {
  const std::string text = "a🐋日½é🌊 end";
  for (const Ids& ids : {nano().encode(text), nano().encode("🐋🌊")}) {
    Detokenizer detokenizer(nano());
    std::string joined;
    for (const int32_t id : ids) {
      const std::string part = detokenizer.push(id);
      EXPECT_EQ(part.find("\uFFFD"), std::string::npos);
      joined += part;
    }
    EXPECT_EQ(joined + detokenizer.finish(), nano().decode(ids));
  }
}

TEST(DetokenizerTest, BytesThatAreNoCharacterBecomeReplacements) {
  // nano has single-byte tokens for the parts of a whale.
  const Ids whale = nano().encode("🐋");
  ASSERT_EQ(whale.size(), 4u);
  const int32_t a = nano().encode("a").front();
  Detokenizer detokenizer(nano());
  EXPECT_EQ(detokenizer.push(whale[0]), "");
  EXPECT_EQ(detokenizer.push(whale[1]), "");
  EXPECT_EQ(detokenizer.push(a), "\uFFFDa");
  EXPECT_EQ(detokenizer.push(whale[3]), "\uFFFD");
  EXPECT_EQ(detokenizer.push(whale[0]), "");
  EXPECT_EQ(detokenizer.push(whale[1]), "");
  EXPECT_EQ(detokenizer.finish(), "\uFFFD");
  EXPECT_EQ(detokenizer.finish(), "");
  const Ids ids = {whale[0], whale[1], a, whale[3], whale[0], whale[1]};
  EXPECT_EQ(nano().decode(ids), "\uFFFDa\uFFFD\uFFFD");
}

TEST(DetokenizerTest, SkipsSpecialTokensAndShowsUnknownOnes) {
  Detokenizer shown(nano());
  EXPECT_EQ(shown.push(*nano().find("<｜User｜>")), "<｜User｜>");
  EXPECT_EQ(shown.push(5'000'000), "\uFFFD");
  EXPECT_EQ(shown.push(-1), "\uFFFD");
  Detokenizer hidden(nano(), true);
  EXPECT_EQ(hidden.push(*nano().find("<｜User｜>")), "");
}

TEST(TokenizerFileTest, NamesWhatIsNotSupported) {
  json file = small_file();
  file["normalizer"] = {{"type", "NFKC"}};
  EXPECT_NE(error_of(file).find("NFKC"), std::string::npos);
  file["normalizer"] = {{"type", "Sequence"}, {"normalizers", json::array()}};
  EXPECT_EQ(error_of(file), "");
  file["pre_tokenizer"] = {{"type", "Metaspace"}};
  EXPECT_NE(error_of(file).find("Metaspace"), std::string::npos);
  file["pre_tokenizer"] = {{"type", "Split"}, {"pattern", {{"Regex", "("}}}};
  EXPECT_NE(error_of(file).find("pattern \"(\""), std::string::npos);
  file["pre_tokenizer"] = {
      {"type", "Split"}, {"pattern", {{"Regex", "a"}}}, {"behavior", "MergedWithNext"}};
  EXPECT_NE(error_of(file).find("MergedWithNext"), std::string::npos);
  file = small_file();
  file["model"]["type"] = "Unigram";
  EXPECT_NE(error_of(file).find("Unigram"), std::string::npos);
  file = small_file();
  file["model"]["end_of_word_suffix"] = "</w>";
  EXPECT_NE(error_of(file).find("end_of_word_suffix"), std::string::npos);
  file = small_file();
  file["model"]["dropout"] = 0.1;
  EXPECT_NE(error_of(file).find("dropout"), std::string::npos);
  file = small_file();
  file["decoder"] = {{"type", "WordPiece"}};
  EXPECT_NE(error_of(file).find("WordPiece"), std::string::npos);
}

TEST(TokenizerFileTest, RefusesContradictions) {
  json file = small_file();
  file["model"]["vocab"]["zz"] = 5;
  EXPECT_NE(error_of(file).find("same id 5"), std::string::npos);
  file = small_file();
  file["model"]["merges"] = {"a z", "a q"};
  EXPECT_NE(error_of(file).find("\"az\", which is not in the vocabulary"), std::string::npos);
  file["model"]["merges"] = {"a b c"};
  EXPECT_NE(error_of(file).find("merge 0"), std::string::npos);
  file["model"]["merges"] = json::array({json::array({"a"})});
  EXPECT_NE(error_of(file).find("merge 0"), std::string::npos);
  for (const int64_t id : {int64_t{-1}, int64_t{1} << 24, int64_t{1} << 40}) {
    file = small_file();
    file["model"]["vocab"]["zz"] = id;
    EXPECT_NE(error_of(file).find("outside"), std::string::npos);
  }
  file = small_file();
  file["model"]["vocab"]["zz"] = "5";
  EXPECT_NE(error_of(file), "");
  file = small_file();
  file["added_tokens"] = {added(500, "<b>"), added(501, "<b>")};
  EXPECT_NE(error_of(file).find("twice"), std::string::npos);
  file["added_tokens"] = {added(500, "<b>"), added(500, "<c>")};
  EXPECT_NE(error_of(file).find("same id 500"), std::string::npos);
  file["added_tokens"] = json::array({added(500, "")});
  EXPECT_NE(error_of(file), "");
  file["added_tokens"] = json::array({added(500, "a")});  // the vocabulary has it as 65
  EXPECT_NE(error_of(file).find("has the ids"), std::string::npos);
}

TEST(TokenizerFileTest, RefusesWhatIsNoTokenizer) {
  EXPECT_NE(error_of(std::string("{}")).find("test.json"), std::string::npos);
  EXPECT_NE(error_of(std::string("[]")), "");
  EXPECT_NE(error_of(std::string("")), "");
  EXPECT_NE(error_of(std::string("{\"model\": {\"vocab\": {}, \"merges\": []}}")), "");
  EXPECT_NE(error_of("{\"model\": " + std::string(100'000, '[')), "");
  std::string nested;
  for (int i = 0; i < 100; ++i) nested += R"({"type": "Sequence", "pretokenizers": [)";
  EXPECT_NE(error_of("{\"pre_tokenizer\": " + nested).find("nested"), std::string::npos);
  const std::string whole = small_file({{"a", "b"}}).dump();
  for (size_t size = 0; size < whole.size(); size += 7) {
    EXPECT_NE(error_of(whole.substr(0, size)), "") << size;
  }
  EXPECT_THROW(Tokenizer::load("/no/such/tokenizer.json"), Error);
}

}  // namespace
}  // namespace hadal
