// The pre-tokenizer asked the system's PCRE2 what a character is. Debian 12's knows Unicode 14, the
// official library 16: 425 characters, U+1FA77 (pink heart) among them, were cut off from the space
// before them and got other ids, and another PCRE2 on the machine would have given others again.
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "text/pre_tokenizer.h"

namespace hadal {
namespace {

using Pieces = std::vector<std::string>;

// The last stage of DeepSeek's pre-tokenizer.
constexpr const char* kPattern = R"re([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|)re"
                                 "[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| "
                                 "?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+";

Pieces pieces(const std::string& text) {
  PreTokenizer splitter;
  splitter.add_split(Regex(kPattern, "test"));
  Regex::Scratch scratch;
  Pieces result;
  for (const TextRange& range : splitter.split(text, scratch)) {
    result.push_back(text.substr(range.begin, range.end - range.begin));
  }
  return result;
}

TEST(CharactersNewerThanPcre2Test, AreWhatUnicode16SaysTheyAre) {
  EXPECT_EQ(pieces("I 🩷 you"), (Pieces{"I", " 🩷", " you"}));
  EXPECT_EQ(pieces(" ␧ "), (Pieces{" ␧", " "}));
  EXPECT_EQ(pieces("a\U0001E4D0!"), (Pieces{"a\U0001E4D0", "!"}));  // a letter of 15.0
  EXPECT_EQ(pieces("1\U00016D40"), (Pieces{"1\U00016D40"}));        // a letter of 16.0
  EXPECT_EQ(pieces("x\U00011F5A."), (Pieces{"x\U00011F5A", "."}));  // a mark of 16.0
}

// Unicode 17 has them, and so has a PCRE2 newer than the library.
TEST(CharactersNewerThanPcre2Test, ThatTheLibraryDoesNotKnowAreUnassigned) {
  EXPECT_EQ(pieces("I \U0001FAC8 you"), (Pieces{"I", " ", "\U0001FAC8", " you"}));
  EXPECT_EQ(pieces("1 \U000323B0."), (Pieces{"1", " ", "\U000323B0", "."}));
}

}  // namespace
}  // namespace hadal
