#include "json/json_reader.h"

#include <bit>
#include <charconv>
#include <utility>
#include <vector>

#include "base/unaligned.h"
#include "base/utf8.h"

namespace hadal {
namespace {

constexpr uint64_t kEachByte = 0x0101010101010101;
constexpr uint64_t kHighBits = 0x8080808080808080;

// The high bit of each zero byte, and perhaps of bytes above the lowest such one.
uint64_t zero_bytes(uint64_t word) { return (word - kEachByte) & ~word & kHighBits; }
// The same of bytes below `limit`, which is at most 128.
uint64_t bytes_below(uint64_t word, unsigned char limit) {
  return (word - kEachByte * limit) & ~word & kHighBits;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

void append_utf8(std::string& out, uint32_t code_point) {
  const auto put = [&out](uint32_t byte) { out += static_cast<char>(byte); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0 | code_point >> 6);
    put(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    put(0xE0 | code_point >> 12);
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  } else {
    put(0xF0 | code_point >> 18);
    put(0x80 | (code_point >> 12 & 0x3F));
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  }
}

}  // namespace

JsonReader::JsonReader(std::string_view text, std::string where, ErrorCode code, JsonRules rules)
    : text_(text), where_(std::move(where)), code_(code), rules_(rules) {
  position_ = utf8_valid_prefix(text);
  if (position_ != text.size()) fail("the JSON text is not UTF-8");
  position_ = 0;
}

void JsonReader::fail(const std::string& what) const {
  const bool is_file = code_ == ErrorCode::kInvalidFile;
  throw Error(
      {.code = code_,
       .where = where_,
       .what = (is_file ? "is not valid JSON: " : "") + what + " (byte " +
               std::to_string(position_) + ")",
       .remedy = is_file ? "fetch the file again" : "give well-formed JSON of the expected form"});
}

void JsonReader::fail_repeated(const std::string& name) const {
  throw Error({.code = code_,
               .where = where_,
               .what = "gives " + printable(name) + " twice",
               .remedy = "leave one of the two"});
}

bool JsonReader::take_word(std::string_view word) {
  if (text_.substr(position_, word.size()) != word) return false;
  position_ += word.size();
  return true;
}

JsonReader::Kind JsonReader::peek() {
  skip_space();
  if (position_ >= text_.size()) fail("the JSON text ends where a value is expected");
  switch (current()) {
    case 'n':
      return Kind::kNull;
    case 't':
    case 'f':
      return Kind::kBool;
    case '"':
      return Kind::kString;
    case '[':
      return Kind::kArray;
    case '{':
      return Kind::kObject;
    case 'N':
    case 'I':
    case '-':
      return Kind::kNumber;
    default:
      if (is_digit(current())) return Kind::kNumber;
      fail("a JSON value is expected");
  }
}

void JsonReader::read_null() {
  skip_space();
  if (!take_word("null")) fail("null is expected");
}

bool JsonReader::read_bool() {
  skip_space();
  if (take_word("true")) return true;
  if (take_word("false")) return false;
  fail("true or false is expected");
}

std::string_view JsonReader::read_number() {
  skip_space();
  const size_t begin = position_;
  const auto token = [&] { return text_.substr(begin, position_ - begin); };
  if (rules_.allows_non_finite &&
      (take_word("NaN") || take_word("Infinity") || take_word("-Infinity"))) {
    return token();
  }
  if (current() == '-') ++position_;
  if (!is_digit(current())) fail("a number is expected");
  if (current() == '0') {
    ++position_;
  } else {
    while (is_digit(current())) ++position_;
  }
  if (current() == '.') {
    ++position_;
    if (!is_digit(current())) fail("a digit is expected after the decimal point");
    while (is_digit(current())) ++position_;
  }
  if (current() == 'e' || current() == 'E') {
    ++position_;
    if (current() == '+' || current() == '-') ++position_;
    if (!is_digit(current())) fail("a digit is expected in the exponent");
    while (is_digit(current())) ++position_;
  }
  return token();
}

int64_t JsonReader::read_integer() {
  const std::string_view token = read_number();
  int64_t value = 0;
  const auto [end, status] = std::from_chars(token.data(), token.data() + token.size(), value);
  if (status != std::errc() || end != token.data() + token.size()) {
    fail("an integer of at most 64 bits is expected");
  }
  return value;
}

uint32_t JsonReader::read_hex4() {
  const std::string_view digits = text_.substr(position_, 4);
  uint32_t value = 0;
  const auto [end, status] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (digits.size() != 4 || status != std::errc() || end != digits.data() + 4) {
    fail("\\u must be followed by four hexadecimal digits");
  }
  position_ += 4;
  return value;
}

uint32_t JsonReader::read_low_half(uint32_t high) {
  const size_t end = position_;
  if (high < 0xDC00 && take_word("\\u")) {
    const uint32_t low = read_hex4();
    if (low >= 0xDC00 && low < 0xE000) return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
    if (rules_.replaces_lone_surrogates) position_ = end;  // what follows stands for itself
  }
  constexpr uint32_t kReplacement = 0xFFFD;
  if (rules_.replaces_lone_surrogates) return kReplacement;
  fail("a lone surrogate is no character");
}

void JsonReader::append_escape(std::string& out) {
  const char c = current();
  ++position_;
  switch (c) {
    case '"':
    case '\\':
    case '/':
      out += c;
      return;
    case 'b':
      out += '\b';
      return;
    case 'f':
      out += '\f';
      return;
    case 'n':
      out += '\n';
      return;
    case 'r':
      out += '\r';
      return;
    case 't':
      out += '\t';
      return;
    case 'u':
      break;
    default:
      --position_;
      fail("unknown escape in a string");
  }
  uint32_t unit = read_hex4();
  if (unit >= 0xD800 && unit < 0xE000) unit = read_low_half(unit);
  append_utf8(out, unit);
}

void JsonReader::open_string() {
  skip_space();
  if (current() != '"') fail("a string is expected");
  ++position_;
}

std::string_view JsonReader::take_plain_run() {
  const size_t begin = position_;
  const char* const text = text_.data();
  // Eight bytes at once, until one of them is a quote, a backslash or below a space.
  while (position_ + sizeof(uint64_t) <= text_.size()) {
    const auto word = load_unaligned<uint64_t>(text + position_);
    const uint64_t special = bytes_below(word, ' ') | zero_bytes(word ^ (kEachByte * '"')) |
                             zero_bytes(word ^ (kEachByte * '\\'));
    if (special != 0) {
      position_ += static_cast<size_t>(std::countr_zero(special)) / 8;
      break;
    }
    position_ += sizeof word;
  }
  while (position_ < text_.size()) {
    const char c = text[position_];
    if (c == '"' || c == '\\') return text_.substr(begin, position_ - begin);
    if (static_cast<unsigned char>(c) < ' ') {
      fail("a control character in a string must be escaped");
    }
    ++position_;
  }
  fail("a string has no end");
}

void JsonReader::finish_string(std::string& out) {
  while (current() != '"') {
    ++position_;
    append_escape(out);
    out.append(take_plain_run());
  }
  ++position_;
}

std::string JsonReader::read_string() {
  open_string();
  std::string out(take_plain_run());
  finish_string(out);
  return out;
}

void JsonReader::skip_string() {
  open_string();
  take_plain_run();
  if (current() == '"') {
    ++position_;
    return;
  }
  std::string unused;
  finish_string(unused);
}

void JsonReader::enter(char open, const char* what) {
  skip_space();
  if (current() != open) fail(what);
  if (depth_ >= kMaxDepth) fail("the JSON text is nested too deeply");
  ++position_;
  has_items_[depth_++] = false;
}

bool JsonReader::next(char close) {
  skip_space();
  if (current() == close) {
    ++position_;
    --depth_;
    return false;
  }
  if (has_items_[depth_ - 1]) {
    if (current() != ',') fail(std::string("',' or '") + close + "' is expected");
    ++position_;
  }
  has_items_[depth_ - 1] = true;
  return true;
}

void JsonReader::enter_object() { enter('{', "an object is expected"); }

bool JsonReader::next_member(std::string& key) {
  std::string_view view;
  if (!next_member(view)) return false;
  key = view;
  return true;
}

bool JsonReader::next_member(std::string_view& key) {
  if (!next('}')) return false;
  open_string();
  key = take_plain_run();
  if (current() == '"') {
    ++position_;
  } else {
    key_ = key;
    finish_string(key_);
    key = key_;
  }
  skip_space();
  if (current() != ':') fail("':' is expected");
  ++position_;
  return true;
}

void JsonReader::enter_array() { enter('[', "an array is expected"); }

bool JsonReader::next_element() { return next(']'); }

void JsonReader::skip_value() {
  std::string_view key;
  std::vector<Kind> open;
  do {
    if (!open.empty()) {
      const bool more = open.back() == Kind::kArray ? next_element() : next_member(key);
      if (!more) {
        open.pop_back();
        continue;
      }
    }
    switch (const Kind kind = peek()) {
      case Kind::kNull:
        read_null();
        break;
      case Kind::kBool:
        read_bool();
        break;
      case Kind::kNumber:
        read_number();
        break;
      case Kind::kString:
        skip_string();
        break;
      case Kind::kArray:
        enter_array();
        open.push_back(kind);
        break;
      case Kind::kObject:
        enter_object();
        open.push_back(kind);
        break;
    }
  } while (!open.empty());
}

void JsonReader::finish() {
  skip_space();
  if (position_ != text_.size()) fail("the JSON text goes on after its end");
}

}  // namespace hadal
