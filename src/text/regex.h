// A compiled regular expression over UTF-8 (PCRE2 with JIT), in the dialect that tokenizer.json
// files are written in: Oniguruma with Unicode classes. A limit that PCRE2 runs into is an Error
// and never a missed match, which would silently change the tokens.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace hadal {

struct TextRange {
  size_t begin = 0;  // in bytes
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

  // Throws Error (kInvalidFile, `where`) when the pattern does not compile.
  Regex(std::string_view pattern, const std::string& where);
  ~Regex();
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;

  // The leftmost match that begins at or after `start`. `subject` must be valid UTF-8 and `start` a
  // character boundary. Throws Error (kInvalidArgument) when the search needs too many steps.
  std::optional<TextRange> find(std::string_view subject, size_t start, Scratch& scratch) const;

 private:
  struct Code;
  std::unique_ptr<Code> code_;
};

// Rewrites what PCRE2 reads differently from Oniguruma: \s and \S (PCRE2's include U+180E) and
// \uHHHH. Exposed for its test.
std::string to_pcre2_pattern(std::string_view pattern);

}  // namespace hadal
