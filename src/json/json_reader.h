// A pull parser for JSON: the caller asks for the next key, string or number and builds what it
// needs, so that a vocabulary of 128,000 entries becomes no tree first. Numbers come as they are
// written. It accepts what Python's json.loads accepts, as far as JsonRules let it. It builds no
// document; python_json.h does.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace hadal {

// What texts of different origin may hold.
struct JsonRules {
  bool allows_non_finite = true;  // NaN, Infinity, -Infinity; and numbers beyond a double's range
  bool refuses_repeated_names = false;    // within one object: one of the values would be ignored
  bool replaces_lone_surrogates = false;  // by U+FFFD; otherwise they are refused
};

class JsonReader {
 public:
  enum class Kind { kNull, kBool, kNumber, kString, kArray, kObject };

  // Deeper nesting is refused wherever JSON is read (Python itself gives up near 1,000).
  static constexpr size_t kMaxDepth = 512;

  // `text` must outlive the reader. Every Error has this code and begins with `where`. Throws at
  // once when `text` is not UTF-8.
  JsonReader(std::string_view text, std::string where, ErrorCode code = ErrorCode::kInvalidArgument,
             JsonRules rules = {});

  const JsonRules& rules() const { return rules_; }

  // What the next value is. The value stays unread.
  Kind peek();

  void read_null();
  bool read_bool();
  std::string read_string();
  // The number as written, for example "1e2", "-0" or "NaN"; a view into the text.
  std::string_view read_number();
  // A number without fraction or exponent that fits 64 bits.
  int64_t read_integer();

  // for (enter_object(); next_member(key);) { read or skip one value }
  void enter_object();
  bool next_member(std::string& key);
  // The key is a view into the text, or, if it has escapes, into the reader: until the next one.
  bool next_member(std::string_view& key);

  // for (enter_array(); next_element();) { read or skip one value }
  void enter_array();
  bool next_element();

  void skip_value();

  // Checks that nothing but white space follows.
  void finish();

  // Throws an Error that tells the byte offset reached.
  [[noreturn]] void fail(const std::string& what) const;
  // Throws for a name that its object has already.
  [[noreturn]] void fail_repeated(const std::string& name) const;

 private:
  void skip_space() {
    while (position_ < text_.size() && is_space(text_[position_])) ++position_;
  }
  static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
  char current() const { return position_ < text_.size() ? text_[position_] : '\0'; }
  bool take_word(std::string_view word);
  void enter(char open, const char* what);
  bool next(char close);
  uint32_t read_hex4();
  // The character that begins with the surrogate `high`, after which the reader stands.
  uint32_t read_low_half(uint32_t high);
  void append_escape(std::string& out);
  void open_string();
  // Up to the next quote or backslash from where the reader stands; it then stands on it.
  std::string_view take_plain_run();
  // The rest of a string of which `out` has the beginning.
  void finish_string(std::string& out);
  void skip_string();

  std::string_view text_;
  std::string where_;
  ErrorCode code_;
  JsonRules rules_;
  size_t position_ = 0;
  size_t depth_ = 0;                  // arrays and objects that are open
  std::bitset<kMaxDepth> has_items_;  // for each of them: an item was read already
  std::string key_;                   // the last one that had escapes
};

}  // namespace hadal
