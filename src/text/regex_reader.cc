#include "text/regex_reader.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/utf8.h"
#include "text/regex_syntax.h"
#include "text/unicode_properties.h"

namespace hadal {
namespace {

constexpr size_t kMaxPatternBytes = 64 * 1024;
constexpr size_t kMaxClassDepth = 200;  // of classes within classes
constexpr size_t kMaxNamed = 1000;      // sets, each of up to 700 ranges

bool is_digit(char32_t c) { return c >= '0' && c <= '9'; }
bool is_ascii_letter(char32_t c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }

std::optional<char32_t> hex_value(char32_t c) {
  if (is_digit(c)) return c - '0';
  const char32_t lower = c | 0x20;
  if (lower >= 'a' && lower <= 'f') return lower - 'a' + 10;
  return std::nullopt;
}

}  // namespace

RegexReader::RegexReader(std::string_view pattern, const std::string& where)
    : pattern_(pattern), where_(where) {
  if (pattern.size() > kMaxPatternBytes) refuse("it is longer than 64 KiB");
  if (!is_valid_utf8(pattern)) refuse("it is not UTF-8");
  utf8_decode(pattern, text_);
}

void RegexReader::refuse(const std::string& why) const { refuse_regex(pattern_, where_, why); }

const CodePointSet& RegexReader::word() {
  if (!word_) word_ = named_set("word");
  return *word_;
}

// Up to U+00FF Oniguruma asks a table of ISO 8859-1 there, which has more than the classes in [].
const CodePointSet& RegexReader::word_characters() {
  if (!word_characters_) {
    const CodePointSet latin_numbers({{0xB2, 0xB3}, {0xB9, 0xB9}, {0xBC, 0xBE}});
    word_characters_ = set_union(word(), latin_numbers);
  }
  return *word_characters_;
}

CodePointSet RegexReader::named_set(std::string_view name) {
  if (++named_ > kMaxNamed) refuse("it names too many sets of characters");
  auto set = unicode_property(name);
  if (!set) refuse("the property " + printable(name, 40) + " is not supported");
  return std::move(*set);
}

bool RegexReader::take_if(std::u32string_view expected) {
  if (!std::u32string_view(text_).substr(at_).starts_with(expected)) return false;
  at_ += expected.size();
  return true;
}

char32_t RegexReader::read_hex(size_t min_digits, size_t max_digits) {
  char32_t value = 0;
  size_t digits = 0;
  while (digits < max_digits) {
    const auto digit = hex_value(peek());
    if (at_end() || !digit) break;
    value = value * 16 + *digit;
    ++digits;
    ++at_;
  }
  if (digits < min_digits) refuse("an escape has too few hexadecimal digits");
  if (value > kLastCodePoint || (value >= 0xD800 && value <= 0xDFFF)) {
    refuse("an escape names no character");
  }
  return value;
}

RegexReader::Escape RegexReader::word_escape(bool negated, bool in_class) {
  return {.set = in_class ? word() : word_characters(), .negated = negated};
}

// Behind \p or \P.
RegexReader::Escape RegexReader::read_property(bool negated, bool in_class) {
  if (!take_if(U"{")) refuse("\\p without {} is not supported");
  if (take_if(U"^")) negated = !negated;
  std::string name;
  for (; !at_end() && peek() != '}'; ++at_) name += utf8_encode(peek());
  if (!take_if(U"}")) refuse("\\p{ does not end");
  Escape escape{.set = named_set(name), .negated = negated, .is_property = true};
  return escape.set == word() ? word_escape(negated, in_class) : escape;
}

// Behind \x.
char32_t RegexReader::read_hex_escape() {
  if (take_if(U"{")) {
    const char32_t character = read_hex(1, 8);
    if (!take_if(U"}")) refuse("\\x{ does not end");
    return character;
  }
  const char32_t character = read_hex(1, 2);
  // The library means bytes here, not characters.
  if (character > 0x7F) refuse("\\x80 to \\xff are not supported; write \\u0080");
  return character;
}

RegexReader::Escape RegexReader::read_escape(bool in_class) {
  if (at_end()) refuse("it ends with a backslash");
  const char32_t c = take();
  constexpr std::pair<char32_t, char32_t> kControls[] = {
      {'t', '\t'}, {'n', '\n'}, {'r', '\r'}, {'f', '\f'}, {'v', '\v'}, {'a', '\a'}, {'e', 0x1B}};
  for (const auto& [letter, control] : kControls) {
    if (c == letter) return {.character = control};
  }
  switch (c) {
    case 'd':
    case 'D':
      return {.set = named_set("digit"), .negated = c == 'D'};
    case 'w':
    case 'W':
      return word_escape(c == 'W', in_class);
    case 's':
    case 'S':
      return {.set = named_set("space"), .negated = c == 'S'};
    case 'h':
    case 'H':
      return {.set = named_set("xdigit"), .negated = c == 'H'};
    case 'p':
    case 'P':
      return read_property(c == 'P', in_class);
    case 'u':
      return {.character = read_hex(4, 4)};
    case 'x':
      return {.character = read_hex_escape()};
    default:
      break;
  }
  if (in_class && c == 'b') return {.character = U'\b'};
  if (is_digit(c) || is_ascii_letter(c)) {
    refuse("\\" + std::string(1, static_cast<char>(c)) + " is not supported");
  }
  return {.character = c};
}

// [:name:] or [:^name:]; nullopt where the bracket opens a class of its own.
std::optional<CodePointSet> RegexReader::read_posix_class() {
  const std::u32string_view rest = std::u32string_view(text_).substr(at_);
  if (!rest.starts_with(U"[:")) return std::nullopt;
  const size_t end = rest.find(U']');
  if (end == std::u32string_view::npos || end < 3 || rest[end - 1] != ':') return std::nullopt;
  const bool negated = rest[2] == '^';
  std::string name;
  for (size_t i = negated ? 3 : 2; i + 1 < end; ++i) name += utf8_encode(rest[i]);
  constexpr std::string_view kNames[] = {"alnum", "alpha", "ascii", "blank", "cntrl",
                                         "digit", "graph", "lower", "print", "punct",
                                         "space", "upper", "word",  "xdigit"};
  if (std::find(std::begin(kNames), std::end(kNames), name) == std::end(kNames)) {
    refuse("the class [:" + printable(name, 40) + ":] is not supported");
  }
  at_ += end + 1;
  const CodePointSet set = named_set(name == "punct" ? "posixpunct" : name);
  return negated ? set.complement() : set;
}

RegexReader::Class RegexReader::read_class(size_t depth) {
  if (depth == kMaxClassDepth) refuse("its classes are nested too deeply");
  const bool negated = take_if(U"^");
  std::optional<CodePointSet> intersection;  // of what stands before &&
  std::vector<CodePointRange> ranges;
  const auto add = [&](const CodePointSet& set) {
    ranges.insert(ranges.end(), set.ranges().begin(), set.ranges().end());
  };
  const auto take_content = [&] {
    CodePointSet content(std::exchange(ranges, {}));
    return intersection ? set_intersection(*intersection, content) : content;
  };
  // A ] in the first place stands for itself where another one follows.
  const bool literal_bracket = peek() == ']' && text_.find(U']', at_ + 1) != std::u32string::npos;
  if (peek() == ']' && !literal_bracket) refuse("a class is empty");
  const auto is_range_ahead = [&] {
    return peek() == '-' && at_ + 1 < text_.size() && peek(1) != ']' &&
           !(peek(1) == '&' && peek(2) == '&');
  };
  const auto refuse_range = [&] {
    if (is_range_ahead()) refuse("a range of a class begins with a set of characters");
  };
  // What an item is: one character, which may begin or end a range, or nullopt.
  const auto read_item = [&]() -> std::optional<char32_t> {
    if (at_end()) refuse("a class does not end");
    if (peek() == '[') {
      if (const auto posix = read_posix_class()) {
        add(*posix);
        refuse_range();
        return std::nullopt;
      }
      ++at_;
      const Class inner = read_class(depth + 1);
      add(inner.negated ? inner.content.complement() : inner.content);
      return std::nullopt;
    }
    if (take_if(U"\\")) {
      const Escape escape = read_escape(true);
      if (escape.character) return escape.character;
      add(escape.negated ? escape.set.complement() : escape.set);
      refuse_range();
      return std::nullopt;
    }
    return text_[at_++];
  };
  for (bool first = true;; first = false) {
    if (at_end()) refuse("a class does not end");
    if (peek() == ']' && !(first && literal_bracket)) break;
    if (take_if(U"&&")) {
      intersection = take_content();
      continue;
    }
    const std::optional<char32_t> low = read_item();
    if (!low) continue;
    if (!is_range_ahead()) {
      ranges.push_back({*low, *low});
      continue;
    }
    ++at_;
    const std::optional<char32_t> high = read_item();
    if (!high) refuse("a range of a class ends with a set of characters");
    if (*high < *low) refuse("a range of a class runs backwards");
    ranges.push_back({*low, *high});
  }
  ++at_;
  return {.content = take_content(), .negated = negated};
}

}  // namespace hadal
