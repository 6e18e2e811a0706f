#include "text/unicode_properties.h"

#include <gtest/gtest.h>
#include <string>
#include <string_view>

namespace hadal {
namespace {

bool has(std::string_view property, char32_t c) {
  return known_unicode_property(property).contains(c);
}

TEST(CodePointSetTest, KeepsRangesApartAndInOrder) {
  const CodePointSet set({{5, 7}, {1, 2}, {8, 9}, {6, 6}, {3, 3}});
  ASSERT_EQ(set.ranges().size(), 2U);
  EXPECT_EQ(set.ranges()[0], (CodePointRange{1, 3}));
  EXPECT_EQ(set.ranges()[1], (CodePointRange{5, 9}));
  for (char32_t c = 0; c < 12; ++c) {
    EXPECT_EQ(set.contains(c), (c >= 1 && c <= 3) || (c >= 5 && c <= 9))
        << static_cast<uint32_t>(c);
    EXPECT_NE(set.contains(c), set.complement().contains(c)) << static_cast<uint32_t>(c);
  }
  EXPECT_EQ(set.complement().complement(), set);
  EXPECT_TRUE(CodePointSet({{0, kLastCodePoint}}).complement().empty());
  EXPECT_TRUE(CodePointSet().complement().contains(kLastCodePoint));
  EXPECT_EQ(set_union(set, set.complement()), CodePointSet().complement());
  EXPECT_EQ(set_intersection(set, CodePointSet({{3, 5}})), CodePointSet({{3, 3}, {5, 5}}));
}

// Of each version since 15.0, which the library's engine knows and Debian's PCRE2 does not, and of
// 17.0, which it does not know either.
TEST(UnicodePropertiesTest, AreOfUnicode16) {
  EXPECT_TRUE(has("So", 0x1FA77));   // 15.0, pink heart
  EXPECT_TRUE(has("Lo", 0x1E4D0));   // 15.0, Nag Mundari
  EXPECT_TRUE(has("Han", 0x31350));  // 15.0, extension H
  EXPECT_TRUE(has("Han", 0x2EBF0));  // 15.1, extension I
  EXPECT_TRUE(has("So", 0x2FFC));    // 15.1, ideographic description
  EXPECT_TRUE(has("So", 0x2427));    // 16.0, control pictures
  EXPECT_TRUE(has("Lo", 0x105C0));   // 16.0, Todhri
  EXPECT_TRUE(has("Lm", 0x16D40));   // 16.0, Kirat Rai
  EXPECT_TRUE(has("Nd", 0x1CCF0));   // 16.0, outlined digits
  for (const char32_t c : {0x1FAC8, 0x323B0, 0x11DE0, 0x20C1}) EXPECT_TRUE(has("Cn", c));
  for (const char32_t c : {0x378, 0xFFFF, 0x1FFFE, 0x10FFFF}) EXPECT_TRUE(has("Cn", c));
  for (const char32_t c : {0xE000, 0xF0000, 0x10FFFD}) EXPECT_TRUE(has("Co", c));
  EXPECT_TRUE(has("Cs", 0xD800));
}

TEST(UnicodePropertiesTest, EveryCodePointHasOneCategory) {
  CodePointSet seen;
  for (const char* name :
       {"Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe",
        "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Cn"}) {
    const CodePointSet set = known_unicode_property(name);
    EXPECT_TRUE(set_intersection(seen, set).empty()) << name;
    seen = set_union(seen, set);
  }
  EXPECT_EQ(seen, known_unicode_property("Any"));
  EXPECT_EQ(known_unicode_property("C").complement(),
            set_union(set_union(known_unicode_property("Letter"), known_unicode_property("M")),
                      set_union(set_union(known_unicode_property("N"), known_unicode_property("P")),
                                set_union(known_unicode_property("S"),
                                          known_unicode_property("Separator")))));
}

TEST(UnicodePropertiesTest, NamesAreReadLoosely) {
  EXPECT_EQ(unicode_property("uppercase letter"), unicode_property("Lu"));
  EXPECT_EQ(unicode_property("OL-ONAL"), unicode_property("Ol_Onal"));
  for (const char* name : {"", "Latn2", "L&", "Script=Han", "In_Basic_Latin"}) {
    EXPECT_FALSE(unicode_property(name)) << name;
  }
}

TEST(UnicodePropertiesTest, DerivedPropertiesHaveMoreThanTheirCategories) {
  EXPECT_TRUE(has("alpha", U'Ⅷ'));
  EXPECT_TRUE(has("upper", U'Ⓐ'));
  EXPECT_TRUE(has("lower", U'ª'));
  EXPECT_TRUE(has("word", U'\u0301'));
  EXPECT_FALSE(has("word", 0x200D));
  EXPECT_TRUE(has("graph", U'\u200b'));
  EXPECT_FALSE(has("graph", U'\u3000'));
  EXPECT_TRUE(has("print", U'\u3000'));
}

TEST(UnicodePropertiesTest, FoldsCase) {
  EXPECT_EQ(without_case(CodePointSet({{'s', 's'}})),
            CodePointSet({{'S', 'S'}, {'s', 's'}, {0x17F, 0x17F}}));
  EXPECT_EQ(without_case(CodePointSet({{0x212A, 0x212A}})),
            CodePointSet({{'K', 'K'}, {'k', 'k'}, {0x212A, 0x212A}}));
  EXPECT_EQ(without_case(CodePointSet({{'1', '9'}})), CodePointSet({{'1', '9'}}));
  EXPECT_EQ(fold_case(U'ς'), fold_case(U'Σ'));
  EXPECT_TRUE(has_full_case_fold(CodePointSet({{U'ß', U'ß'}})));
  EXPECT_FALSE(has_full_case_fold(CodePointSet({{0, 0x7F}})));
  EXPECT_TRUE(begins_with_full_case_fold(U"SSx"));
  EXPECT_TRUE(begins_with_full_case_fold(U"ffi"));
  EXPECT_FALSE(begins_with_full_case_fold(U"s"));
  EXPECT_FALSE(begins_with_full_case_fold(U""));
}

}  // namespace
}  // namespace hadal
