#include "text/regex.h"

#include <gtest/gtest.h>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/utf8.h"
#include "text/character_classes.h"
#include "text/pre_tokenizer.h"

namespace hadal {
namespace {

using Pieces = std::vector<std::string>;

// What the matches of `pattern` and the gaps between them are.
Pieces pieces(const std::string& pattern, std::string_view text) {
  PreTokenizer splitter;
  splitter.add_split(Regex(pattern, "test"));
  Regex::Scratch scratch;
  Pieces result;
  for (const TextRange& range : splitter.split(text, scratch)) {
    result.emplace_back(text.substr(range.begin, range.end - range.begin));
  }
  return result;
}

bool matches(const std::string& pattern, std::string_view text) {
  const Regex regex(pattern, "test");
  std::u32string code_points;
  utf8_decode(text, code_points);
  std::string classes;
  regex.classify(code_points, classes);
  Regex::Scratch scratch;
  const auto match = regex.find(classes, 0, scratch);
  return match && match->begin == 0 && match->end == code_points.size();
}

std::string refusal(const std::string& pattern) {
  try {
    const Regex regex(pattern, "test.json");
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidFile);
    return error.what();
  }
  return "";
}

TEST(RegexTest, SpaceIsTheProperty) {
  for (const char* space : {" ", "\u3000", "\u0085", "\u2028", "\v"}) {
    EXPECT_TRUE(matches("\\s", space));
    EXPECT_FALSE(matches("\\S", space));
  }
  for (const char* other : {"\u180e", "\u200b", "\ufeff"}) {
    EXPECT_FALSE(matches("\\s", other));
    EXPECT_TRUE(matches("[^\\s]", other));
    EXPECT_TRUE(matches("\\S", other));
  }
}

// Answers of the library itself, here and in the tests below.
TEST(RegexTest, ReadsClassesAsTheLibraryDoes) {
  EXPECT_TRUE(matches("[\\u3040-\\u309f]", "か"));
  EXPECT_TRUE(matches("[\\x{1FA77}]", "🩷"));
  EXPECT_TRUE(matches("[]\\]]\\]", "]]"));
  EXPECT_EQ(pieces("[a-c-e]", "ad-e"), (Pieces{"a", "d", "-", "e"}));
  EXPECT_EQ(pieces("[a-]", "ab-"), (Pieces{"a", "b", "-"}));
  EXPECT_EQ(pieces("[--/]", "a-./0"), (Pieces{"a", "-", ".", "/", "0"}));
  EXPECT_EQ(pieces("[[b]-a]", "cb-a"), (Pieces{"c", "b", "-", "a"}));
  EXPECT_EQ(pieces("[a-z&&[^b]]", "abc"), (Pieces{"a", "b", "c"}));
  EXPECT_EQ(pieces("[^a&&b]+", "abb"), (Pieces{"abb"}));
  EXPECT_EQ(pieces("[[:^alpha:]]+", "a12b"), (Pieces{"a", "12", "b"}));
  EXPECT_EQ(pieces("[\\P{L}]+", "a12b"), (Pieces{"a", "12", "b"}));
  EXPECT_EQ(pieces("[^\\P{^L}]+", "a12b"), (Pieces{"a", "12", "b"}));
  EXPECT_TRUE(matches("[\\b]", "\b"));
  EXPECT_TRUE(matches("[^\\s\\S]|a", "a"));
}

TEST(RegexTest, AsksNothingOfPcre2sTables) {
  // A script is the script proper: in PCRE2 "\p{Han}" has "、", of the extensions.
  EXPECT_EQ(pieces("\\p{Han}+", "日々、か"), (Pieces{"日々", "、か"}));
  EXPECT_TRUE(matches("\\h+", "09afAF"));
  EXPECT_FALSE(matches("\\h", " "));
  EXPECT_TRUE(matches("\\v", "\v"));
  EXPECT_FALSE(matches("\\v", "\n"));
  EXPECT_EQ(pieces("\\p{ Uppercase-letter }", "aB"), (Pieces{"a", "B"}));
  // "½" is a word character outside of [] alone.
  EXPECT_TRUE(matches("\\w", "½"));
  EXPECT_FALSE(matches("[\\w]", "½"));
  EXPECT_EQ(pieces("\\b", "½a ½"), (Pieces{"½a", " ", "½"}));
  EXPECT_TRUE(matches("[[:punct:]]+", "$+<=>^`|~!"));
  EXPECT_FALSE(matches("\\p{Punct}", "$"));
}

TEST(RegexTest, ReadsQuantifiersAsTheLibraryDoes) {
  EXPECT_EQ(pieces("a{2}?", "aab"), (Pieces{"aa", "b"}));  // (?:a{2})?
  EXPECT_EQ(pieces("1{1,2}+", "11111a"), (Pieces{"11111", "a"}));
  EXPECT_EQ(pieces("a{,2}", "aaab"), (Pieces{"aa", "a", "b"}));
  EXPECT_EQ(pieces("a{,}", "a{,}b"), (Pieces{"a{,}", "b"}));
  EXPECT_EQ(pieces("x{", "x{1"), (Pieces{"x{", "1"}));
  EXPECT_EQ(pieces("a+?", "aa"), (Pieces{"a", "a"}));
  EXPECT_EQ(pieces("a++a|b", "aab"), (Pieces{"aa", "b"}));
  EXPECT_EQ(pieces("(?:ab)**", "ababc"), (Pieces{"abab", "c"}));
  EXPECT_EQ(pieces("\\p{L}{2}{2}", "abcde"), (Pieces{"abcd", "e"}));
}

TEST(RegexTest, ReadsAnchorsAndGroupsAsTheLibraryDoes) {
  EXPECT_EQ(pieces("^b", "b\nba\n"), (Pieces{"b", "\n", "b", "a\n"}));
  EXPECT_EQ(pieces("b$", "bb\nb"), (Pieces{"b", "b", "\n", "b"}));
  EXPECT_EQ(pieces("b\\Z", "b\nb\n"), (Pieces{"b\n", "b", "\n"}));
  EXPECT_EQ(pieces(".+", "a\nb\r"), (Pieces{"a", "\n", "b\r"}));
  EXPECT_EQ(pieces("(?m).+", "a\nb"), (Pieces{"a\nb"}));
  EXPECT_EQ(pieces("x(?i)a|b", "xAxBb"), (Pieces{"xA", "xB", "b"}));  // x(?i:a|b)
  EXPECT_EQ(pieces("(?i:a(?-i)b)c", "AbcABc"), (Pieces{"Abc", "ABc"}));
  EXPECT_EQ(pieces("(?<name>a)(?'other'b)", "xab"), (Pieces{"x", "ab"}));
  EXPECT_EQ(pieces("a(?#comment)+b", "aab"), (Pieces{"aab"}));
  EXPECT_EQ(pieces("(?<=日)本(?!語)", "日本日本語"), (Pieces{"日", "本", "日本語"}));
}

TEST(RegexTest, CaseFoldsAsUnicodeDoes) {
  EXPECT_EQ(pieces("(?i:'s|'t)", "'S'ſx'T"), (Pieces{"'S", "'ſ", "x", "'T"}));
  EXPECT_TRUE(matches("(?i)k", "\u212a"));
  EXPECT_TRUE(matches("(?i)[a-z]+", "Kſ\u212a"));
  EXPECT_FALSE(matches("(?i)[^k]", "\u212a"));
  EXPECT_TRUE(matches("(?i)\u01c5", "\u01c4"));
  EXPECT_TRUE(matches("(?i)\U00010d50", "\U00010d70"));  // Garay, new in Unicode 16
  EXPECT_FALSE(matches("(?i)i", "ı"));
  // What is one character in one case and several in another.
  for (const char* pattern :
       {"(?i)ß", "(?i)ss", "(?i)s(?:S)", "(?i)[ß]", "(?i)\\p{L}", "(?i)ﬁ", "(?i)xffl"}) {
    EXPECT_NE(refusal(pattern).find("(?i)"), std::string::npos) << pattern;
  }
  for (const char* pattern : {"(?i)s+s", "(?i)s|s", "(?i)sas", "(?i)[^ß]", "(?i)'re|'ll", "ss"}) {
    EXPECT_EQ(refusal(pattern), "") << pattern;
  }
}

TEST(RegexTest, RefusesByNameWhatItDoesNotKnow) {
  for (const char* pattern :
       {"(",        "a)",       "[a",      "[]",        "*a",     "a|*",      "(?=a)*",
        "\\b+",     "^*",       "\\1",     "\\k<n>",    "\\R",    "\\X",      "\\K",
        "\\G",      "\\pL",     "\\p{L",   "\\p{Nope}", "\\xE3",  "\\uD800",  "\\x{110000}",
        "\\u12",    "[b-a]",    "[a-\\d]", "[\\d-a]",   "a{3,1}", "a{65536}", "[[:nope:]]",
        "(?x:a b)", "(?P<n>a)", "(?~a)",   "(*FAIL)",   "(?<n",   "(?i",      "\\",
        "\\Q",      "\\cA",     "(?{1})",  "[a&&",      "[[a]",   "(?(1)a)",  "(?<=a+)b",
        "\xff"}) {
    EXPECT_NE(refusal(pattern).find("cannot be used: "), std::string::npos) << pattern;
  }
  EXPECT_NE(refusal("\\p{Nope}").find("Nope"), std::string::npos);
  std::string many;
  for (char32_t c = 0x4E00; c < 0x4F00; ++c) many += utf8_encode(c);
  EXPECT_NE(refusal(many).find("too many characters"), std::string::npos);
  EXPECT_NE(refusal(std::string(300, '(')).find("nested"), std::string::npos);
  EXPECT_NE(refusal(std::string(300, '[')).find("nested"), std::string::npos);
  EXPECT_NE(refusal(std::string(70'000, 'a')).find("64 KiB"), std::string::npos);
}

TEST(RegexTest, RunningIntoTheStepLimitIsAnError) {
  PreTokenizer splitter;
  splitter.add_split(Regex("(?:(?:a|aa)+)+$", "test"));
  Regex::Scratch scratch;
  EXPECT_THROW(splitter.split(std::string(60, 'a') + "b", scratch), Error);
}

TEST(CharacterClassesTest, TellsApartWhatTheSetsDo) {
  const std::vector<CodePointSet> sets = {CodePointSet({{'a', 'z'}}), CodePointSet({{'m', 0x3000}}),
                                          CodePointSet(), CodePointSet({{0, kLastCodePoint}})};
  const auto classes = CharacterClasses::make(sets);
  ASSERT_TRUE(classes);
  for (const char32_t c :
       {U'\0', U'`', U'a', U'l', U'm', U'z', U'{', U'\u3000', U'\u3001', U'\U0010FFFF'}) {
    for (size_t set = 0; set < sets.size(); ++set) {
      const auto& members = classes->members(set);
      EXPECT_EQ(std::count(members.begin(), members.end(), classes->class_of(c)),
                sets[set].contains(c) ? 1 : 0);
    }
  }
  EXPECT_EQ(classes->members(3).size(), 4U);
  std::vector<CodePointSet> singles;
  for (char32_t c = 0; c < 255; ++c) singles.push_back(CodePointSet({{c, c}}));
  EXPECT_TRUE(CharacterClasses::make(singles));
  singles.push_back(CodePointSet({{0x500, 0x500}}));
  EXPECT_FALSE(CharacterClasses::make(singles));
}

}  // namespace
}  // namespace hadal
