// A compiled regular expression in the dialect that tokenizer.json files are written in
// (regex_syntax.h). It looks at classes of characters rather than at text: PCRE2, with JIT,
// searches one byte per character that says which of the expression's sets the character is in, and
// knows nothing of Unicode. A limit that PCRE2 runs into is an Error and never a missed match,
// which would silently change the tokens.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace hadal {

// In bytes of a text, or in characters where it says so.
struct TextRange {
  size_t begin = 0;
  size_t end = 0;
};

class Regex {
 public:
  // Working memory of a search; one per thread, for any number of expressions.
  class Scratch {
   public:
    Scratch();
    ~Scratch();
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

   private:
    friend class Regex;
    struct Memory;
    std::unique_ptr<Memory> memory_;
  };

  // Throws Error (kInvalidFile, `where`) when the pattern is not supported.
  Regex(std::string_view pattern, const std::string& where);
  ~Regex();
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) = delete;

  // `text` as this expression sees it, one byte per character, instead of what `classes` held.
  void classify(std::u32string_view text, std::string& classes) const;

  // The leftmost match that begins at or after `start`, in characters. `classes` comes from
  // classify() or is a part of that, with nothing around it. Throws Error (kInvalidArgument) when
  // the search needs too many steps.
  std::optional<TextRange> find(std::string_view classes, size_t start, Scratch& scratch) const;

 private:
  struct Code;
  std::unique_ptr<Code> code_;
};

}  // namespace hadal
