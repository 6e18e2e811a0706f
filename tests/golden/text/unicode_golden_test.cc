// What the official Hugging Face library says about every character of Unicode, which must not
// depend on the Unicode version of this system's libraries.
#include <algorithm>
#include <gtest/gtest.h>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/utf8.h"
#include "every_character.h"
#include "golden_lines.h"
#include "text/pre_tokenizer.h"
#include "text/tokenizer.h"
#include "text/tokenizer_file.h"
#include "text/unicode_properties.h"

namespace hadal {
namespace {

using Json = nlohmann::ordered_json;

std::vector<Json> lines_of_kind(const std::string& kind) {
  std::vector<Json> lines;
  for (const Json& line : read_golden_lines("tokenizer/unicode_16.jsonl")) {
    if (line["kind"] == kind) lines.push_back(line);
  }
  EXPECT_FALSE(lines.empty()) << kind;
  return lines;
}

void expect_same(const Json& line, const std::u32string& characters) {
  EXPECT_EQ(characters.size(), line["count"].get<size_t>()) << line;
  EXPECT_EQ(fnv1a_of_ranges(characters), line["fnv1a"].get<std::string>()) << line;
}

// The characters that the pattern, of one character, matches.
std::u32string members(const std::string& pattern) {
  const Regex regex("(?:" + pattern + ")+", "test");
  Regex::Scratch scratch;
  std::string classes;
  std::u32string found;
  for (const std::u32string& block : blocks_of_characters()) {
    regex.classify(block, classes);
    auto match = regex.find(classes, 0, scratch);
    for (; match; match = regex.find(classes, match->end, scratch)) {
      found += block.substr(match->begin, match->end - match->begin);
    }
  }
  return found;
}

// A tokenizer.json of single bytes and the added token <x>.
std::string tokenizer_json(const Json& pre_tokenizer, const Json& flags) {
  Json vocab = Json::object();
  int id = 0;
  char32_t next = 256;
  for (char32_t byte = 0; byte < 256; ++byte) {
    const bool is_printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte != 173);
    vocab[utf8_encode(is_printable ? byte : next++)] = id++;
  }
  Json added = {{"id", id}, {"content", "<x>"}};
  added.update(flags);
  const Json file = {{"added_tokens", Json::array({added})},
                     {"pre_tokenizer", pre_tokenizer},
                     {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", Json::array()}}}};
  return file.dump();
}

const Json kByteLevel = {{"type", "ByteLevel"}, {"use_regex", false}};

TEST(UnicodeGoldenTest, SetsAreTheLibrarys) {
  const auto lines = lines_of_kind("set");
  EXPECT_GE(lines.size(), 90U);
  for (const Json& line : lines) expect_same(line, members(line["pattern"].get<std::string>()));
}

TEST(UnicodeGoldenTest, WordCharactersBesideAddedTokensAreTheLibrarys) {
  const Tokenizer tokenizer =
      Tokenizer::parse(tokenizer_json(kByteLevel, {{"single_word", true}}), "test.json");
  const int32_t added = *tokenizer.find("<x>");
  std::u32string before;
  std::u32string behind;
  for (const std::u32string& block : blocks_of_characters()) {
    std::string text;
    for (const char32_t c : block) text += utf8_encode(c) + "<x> <x>" + utf8_encode(c) + " ";
    const std::vector<int32_t> ids = tokenizer.encode(text);
    size_t at = 0;
    // Either the added token or the three bytes of its spelling.
    const auto take_token = [&] {
      const bool is_added = ids.at(at) == added;
      at += is_added ? 1 : 3;
      return is_added;
    };
    for (const char32_t c : block) {
      const size_t length = utf8_encode(c).size();
      at += length;
      if (!take_token()) before += c;
      at += 1;
      if (!take_token()) behind += c;
      at += length + 1;
    }
    EXPECT_EQ(at, ids.size());
  }
  expect_same(lines_of_kind("single_word").front(), behind);
  EXPECT_EQ(before, behind);
}

TEST(UnicodeGoldenTest, SpaceThatAddedTokensSwallowIsTheLibrarys) {
  const Tokenizer tokenizer = Tokenizer::parse(
      tokenizer_json(kByteLevel, {{"lstrip", true}, {"rstrip", true}}), "test.json");
  const int32_t added = *tokenizer.find("<x>");
  std::u32string swallowed;
  for (const std::u32string& block : blocks_of_characters()) {
    std::string text;
    for (const char32_t c : block) text += "a" + utf8_encode(c) + "<x>" + utf8_encode(c) + "a";
    const std::vector<int32_t> ids = tokenizer.encode(text);
    size_t at = 0;
    for (const char32_t c : block) {
      const bool is_space = ids.at(at + 1) == added;
      if (is_space) swallowed += c;
      at += 3 + (is_space ? 0 : 2 * utf8_encode(c).size());
    }
    EXPECT_EQ(at, ids.size());
  }
  expect_same(lines_of_kind("strip").front(), swallowed);
}

TEST(UnicodeGoldenTest, CaseFoldingIsTheLibrarys) {
  std::vector<CodePointRange> cased;
  for (const std::u32string& block : blocks_of_characters()) {
    for (const char32_t c : block) {
      const char32_t folded = fold_case(c);
      if (folded != c) cased.insert(cased.end(), {{c, c}, {folded, folded}});
      if (c < 0x20000 && has_full_case_fold(CodePointSet({{c, c}}))) cased.push_back({c, c});
    }
  }
  const CodePointSet universe(cased);
  std::string text;
  size_t count = 0;
  for (const CodePointRange& range : universe.ranges()) {
    for (char32_t c = range.first; c <= range.last; ++c) {
      ++count;
      const CodePointSet one({{c, c}});
      if (has_full_case_fold(one)) continue;
      text += hex(c) + ":";
      const CodePointSet same = without_case(one);
      const char* separator = "";
      for (const CodePointRange& others : same.ranges()) {
        for (char32_t other = others.first; other <= others.last; ++other) {
          text += separator + hex(other);
          separator = " ";
        }
      }
      text += "\n";
    }
  }
  const Json line = lines_of_kind("caseless").front();
  EXPECT_EQ(count, line["count"].get<size_t>());
  EXPECT_EQ(fnv1a(text), line["fnv1a"].get<std::string>());
}

// How the line of a character is cut: what the golden file's "cuts" look like.
std::string cut(const PreTokenizer& splitter, char32_t c, Regex::Scratch& scratch) {
  const std::string character = utf8_encode(c);
  const bool is_of_the_line = std::u32string_view(U"ab 1.x\n").find(c) != std::u32string::npos;
  const std::string shown = is_of_the_line ? character : "c";
  std::string text;
  std::string result;
  for (const char part : std::string_view("a@b @ 1@@.@x@\n")) {
    text += part == '@' ? character : std::string(1, part);
  }
  for (const TextRange& piece : splitter.split(text, scratch)) {
    if (!result.empty()) result += "|";
    for (size_t i = piece.begin; i < piece.end;) {
      const bool is_it = text.compare(i, character.size(), character) == 0;
      result += is_it ? shown : std::string(1, text[i]);
      i += is_it ? character.size() : 1;
    }
  }
  return result;
}

TEST(UnicodeGoldenTest, PreTokenizersCutAsTheLibraryDoes) {
  for (const Json& line : lines_of_kind("cuts")) {
    PreTokenizer splitter;
    for (const Json& pattern : line["patterns"]) {
      splitter.add_split(Regex(pattern.get<std::string>(), "golden"));
    }
    // "number:first" with a space between.
    struct Run {
      char32_t first;
      std::string cut;
    };
    std::vector<Run> runs;
    const auto text = line["runs"].get<std::string>();
    for (size_t at = 0; at < text.size();) {
      const size_t colon = text.find(':', at);
      const size_t end = std::min(text.find(' ', colon), text.size());
      runs.push_back({static_cast<char32_t>(std::stoul(text.substr(colon + 1), nullptr, 16)),
                      line["cuts"][std::stoul(text.substr(at))].get<std::string>()});
      at = end + 1;
    }
    ASSERT_GT(runs.size(), 1000U);
    Regex::Scratch scratch;
    size_t run = 0;
    int differences = 0;
    for (const std::u32string& block : blocks_of_characters()) {
      for (const char32_t c : block) {
        while (run + 1 < runs.size() && runs[run + 1].first <= c) ++run;
        const std::string got = cut(splitter, c, scratch);
        if (got != runs[run].cut && ++differences < 10) {
          ADD_FAILURE() << "U+" << hex(c, 4) << ": " << got << ", not " << runs[run].cut;
        }
      }
    }
    EXPECT_EQ(differences, 0);
  }
}

TEST(UnicodeGoldenTest, DigitsAreTheLibrarys) {
  const Json digits = {{"type", "Digits"}, {"individual_digits", true}};
  const TokenizerFile file =
      parse_tokenizer_file(tokenizer_json(digits, Json::object()), "test.json");
  Regex::Scratch scratch;
  std::u32string found;
  for (const std::u32string& block : blocks_of_characters()) {
    for (const char32_t c : block) {
      if (file.pre_tokenizer.split(utf8_encode(c) + utf8_encode(c), scratch).size() == 2)
        found += c;
    }
  }
  expect_same(lines_of_kind("digits").front(), found);
}

}  // namespace
}  // namespace hadal
