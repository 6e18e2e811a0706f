// Reads what stands for characters in a regular expression of Oniguruma's syntax: the text itself,
// escapes, properties and classes in []. How they follow each other is regex_syntax.cc's.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "text/code_point_set.h"

namespace hadal {

class RegexReader {
 public:
  // Both must outlive the reader. Throws Error (kInvalidFile, `where`), as does everything here.
  RegexReader(std::string_view pattern, const std::string& where);

  // What the escape behind a backslash stands for: a character, or else a set.
  struct Escape {
    std::optional<char32_t> character = std::nullopt;
    CodePointSet set = {};
    bool negated = false;      // all but the set is meant
    bool is_property = false;  // \p, which (?i) applies to
  };

  // What stands in [].
  struct Class {
    CodePointSet content;
    bool negated = false;  // all but the content is meant
  };

  [[noreturn]] void refuse(const std::string& why) const;

  bool at_end() const { return at_ == text_.size(); }
  // U+0000 at the end.
  char32_t peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : U'\0';
  }
  char32_t take() { return text_[at_++]; }
  void skip(size_t count) { at_ += count; }
  bool take_if(std::u32string_view expected);

  Escape read_escape(bool in_class);
  Class read_class() { return read_class(0); }  // behind [
  // What \w and \b take for words outside of [].
  const CodePointSet& word_characters();

 private:
  Class read_class(size_t depth);
  CodePointSet named_set(std::string_view name);
  const CodePointSet& word();
  Escape word_escape(bool negated, bool in_class);
  Escape read_property(bool negated, bool in_class);
  char32_t read_hex_escape();
  char32_t read_hex(size_t min_digits, size_t max_digits);
  std::optional<CodePointSet> read_posix_class();

  std::string_view pattern_;
  const std::string& where_;
  std::u32string text_;
  size_t at_ = 0;
  size_t named_ = 0;
  std::optional<CodePointSet> word_;
  std::optional<CodePointSet> word_characters_;
};

}  // namespace hadal
