#include "text/regex_syntax.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "text/regex_reader.h"
#include "text/unicode_properties.h"

namespace hadal {
namespace {

constexpr size_t kMaxGroupDepth = 200;  // of groups
constexpr size_t kMaxSets = 1000;       // bounds the time to tell them apart
constexpr int kMaxRepeats = 65'535;     // PCRE2's bound

bool is_ascii_digit(char32_t c) { return c >= '0' && c <= '9'; }

CodePointSet one(char32_t c) { return CodePointSet({{c, c}}); }

class Parser {
 public:
  Parser(std::string_view pattern, const std::string& where) : in_(pattern, where) {}

  ParsedRegex parse();

 private:
  struct Options {
    bool ignore_case = false;
    bool dot_all = false;
  };

  struct Group {
    Options outer;          // what holds again behind it
    size_t slot = 0;        // of its opening
    bool repeats = true;    // look-around does not
    bool implicit = false;  // of (?i), up to the end of the group around it
  };

  void open_group();
  void open_named_group();
  void open_options();
  void push_group(const std::string& syntax, bool repeats);
  void close_group();
  void close_implicit_groups();

  void add_syntax(const std::string& syntax);
  void add_set(const CodePointSet& set);
  void add_index(size_t set);
  size_t index_of(const CodePointSet& set);
  size_t literal_index(char32_t c);
  void add_boundary(bool negated);
  void add_literal(char32_t c);
  void add_class_of(const CodePointSet& content, bool negated);
  void add_escape();
  void add_look(const std::string& look, const CodePointSet& set);

  bool try_interval();
  void repeat(const std::string& quantifier, bool may_be_lazy, bool may_be_possessive);
  void check_literals() const;
  void end_literals();

  RegexReader in_;
  ParsedRegex result_;
  std::map<CodePointSet, size_t> indices_;
  std::map<std::pair<char32_t, bool>, size_t> literals_;  // by character and (?i)
  std::vector<Group> groups_;
  Options options_;
  // What a quantifier would repeat: the empty element in front of it, for a bracket to be put in.
  std::optional<size_t> atom_;
  bool is_repeated_ = false;
  // The characters up to here that follow each other without regard to case.
  std::u32string caseless_;
};

void Parser::add_syntax(const std::string& syntax) {
  result_.elements.push_back({.syntax = syntax, .set = std::nullopt});
}

size_t Parser::index_of(const CodePointSet& set) {
  const auto [found, is_new] = indices_.emplace(set, result_.sets.size());
  if (is_new) {
    if (result_.sets.size() == kMaxSets) in_.refuse("it tells too many sets of characters apart");
    result_.sets.push_back(set);
  }
  return found->second;
}

size_t Parser::literal_index(char32_t c) {
  const auto key = std::pair(c, options_.ignore_case);
  if (const auto known = literals_.find(key); known != literals_.end()) return known->second;
  const CodePointSet set = options_.ignore_case ? without_case(one(c)) : one(c);
  return literals_[key] = index_of(set);
}

void Parser::add_index(size_t set) {
  atom_ = result_.elements.size();
  is_repeated_ = false;
  add_syntax("");
  result_.elements.push_back({.syntax = "", .set = set});
}

void Parser::add_set(const CodePointSet& set) { add_index(index_of(set)); }

void Parser::add_look(const std::string& look, const CodePointSet& set) {
  add_syntax(look);
  result_.elements.push_back({.syntax = "", .set = index_of(set)});
  add_syntax(")");
}

void Parser::add_boundary(bool negated) {
  const CodePointSet& word = in_.word_characters();
  add_syntax("(?:");
  add_look("(?<=", word);
  add_look(negated ? "(?=" : "(?!", word);
  add_syntax("|");
  add_look("(?<!", word);
  add_look(negated ? "(?!" : "(?=", word);
  add_syntax(")");
}

// Without regard to case the library also finds "ß" where the pattern has "ss", and the reverse.
void Parser::check_literals() const {
  for (size_t i = 0; i < caseless_.size(); ++i) {
    if (begins_with_full_case_fold(std::u32string_view(caseless_).substr(i))) {
      in_.refuse("(?i) with letters that are one letter in another case is not supported");
    }
  }
}

void Parser::end_literals() {
  check_literals();
  caseless_.clear();
}

void Parser::add_literal(char32_t c) {
  if (!options_.ignore_case) {
    end_literals();
    return add_index(literal_index(c));
  }
  if (has_full_case_fold(one(c))) {
    in_.refuse("(?i) with a letter that is several letters in another case is not supported");
  }
  caseless_ += c;
  add_index(literal_index(c));
}

void Parser::add_class_of(const CodePointSet& content, bool negated) {
  end_literals();
  CodePointSet set = content;
  if (options_.ignore_case) {
    if (!negated && has_full_case_fold(set)) {
      in_.refuse(
          "(?i) with a class of letters, some of which are several in another case, "
          "is not supported");
    }
    set = without_case(set);
  }
  add_set(negated ? set.complement() : set);
}

void Parser::push_group(const std::string& syntax, bool repeats) {
  if (groups_.size() == kMaxGroupDepth) in_.refuse("its groups are nested too deeply");
  groups_.push_back({.outer = options_, .slot = result_.elements.size(), .repeats = repeats});
  add_syntax("");
  add_syntax(syntax);
  atom_.reset();
}

void Parser::open_named_group() {
  const char32_t end = in_.take_if(U"'") ? U'\'' : U'>';
  size_t length = 0;
  for (; !in_.at_end() && in_.peek() != end; in_.take()) {
    const char32_t c = in_.peek();
    const bool is_name_character =
        is_ascii_digit(c) || c == '_' || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
    if (!is_name_character) in_.refuse("a group's name is not of ASCII letters and digits");
    ++length;
  }
  if (in_.at_end() || length == 0) in_.refuse("a group's name does not end");
  in_.take();
  push_group("(?:", true);
}

// (?i) up to the end of the group it stands in, (?i:...) within the brackets.
void Parser::open_options() {
  Options options = options_;
  bool on = true;
  for (; !in_.at_end() && in_.peek() != ')' && in_.peek() != ':'; in_.take()) {
    if (in_.peek() == '-') {
      on = false;
    } else if (in_.peek() == 'i') {
      options.ignore_case = on;
    } else if (in_.peek() == 'm') {
      options.dot_all = on;
    } else if (in_.peek() != 'x' || on) {
      in_.refuse("a group of the kind that begins with (?" + utf8_encode(in_.peek()) +
                 " is not supported");
    }
  }
  if (in_.at_end()) in_.refuse("a group of options does not end");
  const bool implicit = in_.peek() == ')';
  in_.take();
  push_group("(?:", true);
  groups_.back().implicit = implicit;
  options_ = options;
}

void Parser::open_group() {
  if (in_.peek() == '*') in_.refuse("a group that begins with (* is not supported");
  if (!in_.take_if(U"?")) return push_group("(?:", true);
  if (in_.take_if(U"#")) {
    while (!in_.at_end() && in_.peek() != ')') in_.take();
    if (!in_.take_if(U")")) in_.refuse("a comment does not end");
    return;
  }
  if (in_.take_if(U":")) return push_group("(?:", true);
  if (in_.take_if(U">")) return push_group("(?>", true);
  if (in_.take_if(U"=")) return push_group("(?=", false);
  if (in_.take_if(U"!")) return push_group("(?!", false);
  if (in_.take_if(U"<=")) return push_group("(?<=", false);
  if (in_.take_if(U"<!")) return push_group("(?<!", false);
  if (in_.peek() == '\'' || in_.take_if(U"<")) return open_named_group();
  open_options();
}

void Parser::close_implicit_groups() {
  while (!groups_.empty() && groups_.back().implicit) {
    add_syntax(")");
    options_ = groups_.back().outer;
    groups_.pop_back();
  }
}

void Parser::close_group() {
  close_implicit_groups();
  if (groups_.empty()) in_.refuse("a ) has no (");
  add_syntax(")");
  options_ = groups_.back().outer;
  if (groups_.back().repeats) {
    atom_ = groups_.back().slot;
  } else {
    atom_.reset();
  }
  is_repeated_ = false;
  groups_.pop_back();
}

// {n}, {n,}, {n,m} and {,m}. Anything else in braces is text.
bool Parser::try_interval() {
  size_t length = 0;
  const auto number = [&]() -> std::optional<int> {
    std::optional<int> value;
    for (; is_ascii_digit(in_.peek(length)); ++length) {
      value = value.value_or(0) * 10 + static_cast<int>(in_.peek(length) - '0');
      if (*value > kMaxRepeats) in_.refuse("it repeats something more than 65535 times");
    }
    return value;
  };
  const std::optional<int> low = number();
  const bool has_comma = in_.peek(length) == ',';
  if (has_comma) ++length;
  const std::optional<int> high = has_comma ? number() : low;
  if (in_.peek(length) != '}' || (!low && !high)) return false;
  if (low && high && *low > *high) in_.refuse("an interval {n,m} has n greater than m");
  in_.skip(length + 1);
  std::string quantifier = "{" + std::to_string(low.value_or(0));
  if (has_comma) quantifier += ",";
  if (has_comma && high) quantifier += std::to_string(*high);
  // {n}? repeats {n} at most once, and {n,m}+ repeats {n,m}.
  repeat(quantifier + "}", has_comma, false);
  return true;
}

void Parser::repeat(const std::string& quantifier, bool may_be_lazy, bool may_be_possessive) {
  if (!atom_) in_.refuse("a quantifier has nothing to repeat");
  if (!caseless_.empty()) {
    // The last character is repeated by itself.
    if (result_.elements[*atom_ + 1].set) caseless_.pop_back();
    end_literals();
  }
  if (is_repeated_) {
    std::string& opening = result_.elements[*atom_].syntax;
    opening = "(?:" + opening;
    add_syntax(")");
  }
  add_syntax(quantifier);
  if (may_be_lazy && in_.take_if(U"?")) {
    add_syntax("?");
  } else if (may_be_possessive && in_.take_if(U"+")) {
    add_syntax("+");
  }
  is_repeated_ = true;
}

void Parser::add_escape() {
  const char32_t c = in_.peek();
  if (c == 'b' || c == 'B') {
    in_.take();
    end_literals();
    atom_.reset();
    return add_boundary(c == 'B');
  }
  if (c == 'A' || c == 'z' || c == 'Z') {
    in_.take();
    end_literals();
    atom_.reset();
    if (c == 'A') return add_syntax("\\A");
    if (c == 'z') return add_syntax("\\z");
    add_syntax("(?=");
    add_set(one('\n'));
    add_syntax("?\\z)");
    return atom_.reset();
  }
  const RegexReader::Escape escape = in_.read_escape(false);
  if (escape.character) return add_literal(*escape.character);
  if (escape.is_property) return add_class_of(escape.set, escape.negated);
  end_literals();
  add_set(escape.negated ? escape.set.complement() : escape.set);
}

ParsedRegex Parser::parse() {
  while (!in_.at_end()) {
    const char32_t c = in_.take();
    switch (c) {
      case '(':
        open_group();
        break;
      case ')':
        close_group();
        break;
      case '*':
        repeat("*", true, true);
        break;
      case '+':
        repeat("+", true, true);
        break;
      case '?':
        repeat("?", true, true);
        break;
      case '\\':
        add_escape();
        break;
      case '[': {
        const RegexReader::Class characters = in_.read_class();
        add_class_of(characters.content, characters.negated);
        break;
      }
      case '{':
        if (!try_interval()) add_literal(c);
        break;
      case '|':
        end_literals();
        add_syntax("|");
        atom_.reset();
        break;
      case '.':
        end_literals();
        add_set(options_.dot_all ? CodePointSet({{0, kLastCodePoint}}) : one('\n').complement());
        break;
      case '^':
        // At the beginning of every line that has something in it.
        end_literals();
        add_syntax("(?:\\A|");
        add_look("(?<=", one('\n'));
        add_syntax("(?!\\z))");
        atom_.reset();
        break;
      case '$':
        end_literals();
        add_syntax("(?:\\z|");
        add_look("(?=", one('\n'));
        add_syntax(")");
        atom_.reset();
        break;
      default:
        add_literal(c);
        break;
    }
  }
  check_literals();
  close_implicit_groups();
  if (!groups_.empty()) in_.refuse("a ( has no )");
  return std::move(result_);
}

}  // namespace

ParsedRegex parse_regex(std::string_view pattern, const std::string& where) {
  return Parser(pattern, where).parse();
}

void refuse_regex(std::string_view pattern, const std::string& where, const std::string& why) {
  throw Error({.code = ErrorCode::kInvalidFile,
               .where = where,
               .what = "the pattern \"" + printable(pattern, 80) + "\" cannot be used: " + why,
               .remedy = "use the tokenizer.json that was released with the model"});
}

}  // namespace hadal
