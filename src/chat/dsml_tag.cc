#include "chat/dsml_tag.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <string>
#include <vector>

#include "chat/dsml.h"

namespace hadal {
namespace {

constexpr std::string_view kBar = "｜";
constexpr std::string_view kDsmlWord = "DSML";
constexpr size_t kMaxBars = 2;
constexpr size_t kMaxWord = 64;
// A tag that grows longer ends where it was last understood. The bound keeps the work of looking at
// it again with every token small.
constexpr size_t kMaxTag = size_t{16} << 10;

bool is_tag_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }
bool is_tag_space(char c) { return is_tag_blank(c) || c == '\n'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_word(char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-'; }

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return result;
}

// Letters to insert, remove or exchange to make one word the other (Levenshtein's distance).
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (const char letter : a) {
    size_t diagonal = row[0]++;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t exchanged = diagonal + (letter == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({exchanged, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

DsmlTag::Kind kind_of(const std::string& word) {
  if (word.starts_with("param") || word == "arg" || word == "argument" ||
      distance(word, "parameter") <= 2) {
    return DsmlTag::Kind::kParameter;
  }
  return distance(word, "invoke") <= 2 ? DsmlTag::Kind::kInvoke : DsmlTag::Kind::kBlock;
}

// Reads along a text that may still grow.
class Cursor {
 public:
  Cursor(std::string_view text, bool is_final) : text_(text), is_final_(is_final) {}

  bool at_end() const { return at_ == text_.size(); }
  // The text ends here and may go on.
  bool is_open() const { return at_end() && !is_final_; }
  char current() const { return at_end() ? '\0' : text_[at_]; }
  std::string_view rest() const { return text_.substr(at_); }
  size_t at() const { return at_; }
  void move_to(size_t at) { at_ = at; }
  void skip(size_t bytes = 1) { at_ += bytes; }
  bool is_final() const { return is_final_; }

  bool take(char c) {
    if (at_end() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  template <typename Test>
  std::string_view take_while(Test test, size_t most = std::string_view::npos) {
    const size_t begin = at_;
    while (at_ < text_.size() && at_ - begin < most && test(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  }

 private:
  std::string_view text_;
  bool is_final_;
  size_t at_ = 0;
};

size_t take_bars(Cursor& cursor) {
  size_t bars = 0;
  while (bars < kMaxBars && cursor.rest().starts_with(kBar)) {
    cursor.skip(kBar.size());
    ++bars;
  }
  return bars;
}

// Everything up to the word: "<｜DSML｜", "</｜DSML｜" and their damaged forms.
TagMatch match_opening(Cursor& cursor, bool& is_closing) {
  const bool has_bracket = cursor.take('<');
  // The released parser itself allows one line break here.
  if (has_bracket && is_tag_space(cursor.current())) cursor.skip();
  is_closing = cursor.take('/');
  const size_t bars = take_bars(cursor);
  if (cursor.is_open()) return TagMatch::kPartial;
  if (!is_closing) is_closing = bars > 0 && cursor.take('/');
  const std::string_view rest = cursor.rest();
  if (!rest.starts_with(kDsmlWord)) {
    const bool may_follow = !cursor.is_final() && kDsmlWord.starts_with(rest);
    return may_follow && (has_bracket || bars > 0) ? TagMatch::kPartial : TagMatch::kNone;
  }
  cursor.skip(kDsmlWord.size());
  const size_t bars_behind = take_bars(cursor);
  if (has_bracket ? bars + bars_behind > 0 : bars > 0 && bars_behind > 0) return TagMatch::kTag;
  return cursor.is_open() ? TagMatch::kPartial : TagMatch::kNone;
}

TagMatch match_opening(std::string_view text, bool is_final) {
  Cursor cursor(text, is_final);
  bool is_closing = false;
  return match_opening(cursor, is_closing);
}

struct NextTag {
  size_t at = std::string_view::npos;  // where it begins, or may begin
  bool is_certain = true;
};

NextTag find_tag(std::string_view text, bool is_final) {
  for (size_t at = text.find('<'); at != std::string_view::npos; at = text.find('<', at + 1)) {
    const TagMatch match = match_opening(text.substr(at), is_final);
    if (match != TagMatch::kNone) return {.at = at, .is_certain = match == TagMatch::kTag};
  }
  return {};
}

std::optional<bool> truth(std::string_view value) {
  const std::string word = lower(value);
  if (word == "true" || word == "1" || word == "yes") return true;
  if (word == "false" || word == "0" || word == "no") return false;
  return std::nullopt;
}

// The value behind an attribute's '='. A quotation mark that is not closed on its line counts as
// left out, and the value ends before '>'. Leaves `cursor` at the end of a text that must go on.
std::string_view take_value(Cursor& cursor) {
  const char quote = cursor.current();
  if (quote == '"' || quote == '\'') {
    const std::string_view rest = cursor.rest().substr(1);
    const NextTag next_tag = find_tag(rest, cursor.is_final());
    const size_t line_end = std::min({rest.find('\n'), next_tag.at, rest.size()});
    const size_t close = rest.substr(0, line_end).find(quote);
    if (close != std::string_view::npos) {
      cursor.skip(close + 2);
      return rest.substr(0, close);
    }
    const bool is_open =
        line_end == rest.size() || (line_end == next_tag.at && !next_tag.is_certain);
    cursor.skip(is_open && !cursor.is_final() ? 1 + rest.size() : 1);
  }
  return cursor.take_while([](char c) { return !is_tag_space(c) && c != '>' && c != '<'; });
}

// Attributes and the end of an opening tag.
TagMatch match_attributes(Cursor& cursor, DsmlTag& tag) {
  size_t end = cursor.at();  // of what was understood
  for (;;) {
    const std::string_view space = cursor.take_while(is_tag_space);
    if (cursor.is_open()) return TagMatch::kPartial;
    if (cursor.take('>')) {
      tag.has_bracket = true;
      break;
    }
    if (cursor.rest().starts_with("/>")) {
      cursor.skip(2);
      tag.has_bracket = tag.is_self_closing = true;
      break;
    }
    if (cursor.rest() == "/" && !cursor.is_final()) return TagMatch::kPartial;
    const TagMatch next_tag =
        cursor.current() == '<' ? match_opening(cursor.rest(), cursor.is_final()) : TagMatch::kNone;
    if (next_tag == TagMatch::kPartial) return TagMatch::kPartial;
    const std::string_view word = cursor.take_while(is_word);
    cursor.take_while(is_tag_blank);
    if (cursor.is_open()) return TagMatch::kPartial;
    const bool is_attribute = !word.empty() && cursor.take('=');
    if (is_attribute) cursor.take_while(is_tag_blank);
    if (cursor.is_open()) return TagMatch::kPartial;
    const bool on_new_line = space.find('\n') != std::string_view::npos;
    if (cursor.at_end() || next_tag == TagMatch::kTag || (on_new_line && !is_attribute)) {
      if (word.empty() || on_new_line) cursor.move_to(end);
      break;
    }
    if (is_attribute) {
      const std::string_view value = take_value(cursor);
      if (cursor.is_open()) return TagMatch::kPartial;
      if (lower(word) == "name") tag.name = value;
      if (lower(word) == "string") tag.is_string = truth(value);
    } else if (word.empty()) {
      cursor.skip();
    }
    end = cursor.at();
  }
  tag.size = cursor.at();
  return TagMatch::kTag;
}

// A parameter's header in its released form wins over every other reading: its name may hold any
// character.
TagMatch match_parameter(Cursor& cursor, DsmlTag& tag) {
  const std::string_view rest = cursor.rest();
  const auto header = parse_parameter_header(rest);
  const NextTag next_tag = find_tag(rest, cursor.is_final());
  if (header && header->size <= next_tag.at) {
    tag.name = header->name;
    tag.is_string = header->is_string;
    tag.has_bracket = true;
    tag.size = cursor.at() + header->size;
    return TagMatch::kTag;
  }
  const bool is_decided = next_tag.is_certain && next_tag.at != std::string_view::npos;
  if (!is_decided && !cursor.is_final()) return TagMatch::kPartial;
  return match_attributes(cursor, tag);
}

// The opening tag of a block ends with '>' or its line; what else stands in it is damage.
TagMatch match_block(Cursor& cursor, DsmlTag& tag) {
  const std::string_view rest = cursor.rest();
  const size_t bracket = rest.find('>');
  const NextTag next_tag = find_tag(rest, cursor.is_final());
  const size_t end = std::min({bracket, rest.find('\n'), next_tag.at, rest.size()});
  const bool is_decided = end < rest.size() && (end != next_tag.at || next_tag.is_certain);
  if (!is_decided && !cursor.is_final()) return TagMatch::kPartial;
  if (rest.substr(0, end).find(" name=") != std::string_view::npos) {
    tag.kind = DsmlTag::Kind::kInvoke;
    return match_attributes(cursor, tag);
  }
  cursor.skip(end);
  tag.size = cursor.at();
  if (cursor.current() == '\n') cursor.take_while(is_tag_space);
  if (cursor.is_open()) return TagMatch::kPartial;
  if (cursor.take('>')) {
    tag.has_bracket = true;
    tag.size = cursor.at();
  }
  return TagMatch::kTag;
}

// A closing tag ends with '>' or right behind its word; attributes do not belong there but come.
TagMatch match_closing(Cursor& cursor, DsmlTag& tag) {
  tag.size = cursor.at();
  cursor.take_while(is_tag_space);
  if (cursor.is_open()) return TagMatch::kPartial;
  const std::string_view rest = cursor.rest();
  for (const std::string_view attribute : {"name=", "string="}) {
    if (!cursor.is_final() && attribute.starts_with(rest)) return TagMatch::kPartial;
    if (!rest.starts_with(attribute)) continue;
    const size_t end = rest.find_first_of(">\n<");
    if (end == std::string_view::npos && !cursor.is_final()) return TagMatch::kPartial;
    if (end != std::string_view::npos && rest[end] == '>') cursor.skip(end);
  }
  if (cursor.take('>')) {
    tag.has_bracket = true;
    tag.size = cursor.at();
  }
  return TagMatch::kTag;
}

}  // namespace

TagMatch match_dsml_tag(std::string_view text, bool is_final, DsmlTag& tag) {
  Cursor cursor(text.substr(0, kMaxTag), is_final || text.size() >= kMaxTag);
  tag = {};
  const TagMatch opening = match_opening(cursor, tag.is_closing);
  if (opening != TagMatch::kTag) return opening;
  cursor.take_while(is_tag_blank);
  const std::string_view word = cursor.take_while(is_word, kMaxWord);
  if (cursor.is_open()) return TagMatch::kPartial;
  tag.kind = kind_of(lower(word));
  tag.is_spelled_right = word == "parameter" || word == "invoke";
  if (tag.is_closing) return match_closing(cursor, tag);
  switch (tag.kind) {
    case DsmlTag::Kind::kParameter:
      return match_parameter(cursor, tag);
    case DsmlTag::Kind::kInvoke:
      return match_attributes(cursor, tag);
    case DsmlTag::Kind::kBlock:
      break;
  }
  return match_block(cursor, tag);
}

}  // namespace hadal
