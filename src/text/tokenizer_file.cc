#include "text/tokenizer_file.h"

#include <optional>

#include "base/error.h"
#include "json/json_reader.h"

namespace hadal {
namespace {

using Kind = JsonReader::Kind;

// GPT-2's own pattern, which ByteLevel applies when use_regex is set.
constexpr std::string_view kByteLevelPattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

// Rust's char::is_numeric, which Digits asks. The library's compiler has it of Unicode 17, one
// version past that of its regular expressions.
constexpr std::string_view kNumericPattern = R"([\p{N}\x{11DE0}-\x{11DE9}\x{16FF4}-\x{16FF6}])";

// The members that any component may have; each component checks those that matter to it.
struct Component {
  std::string type;
  std::optional<std::string> regex;
  std::optional<std::string> literal;
  std::string behavior = "Isolated";
  bool add_prefix_space = false;
  bool use_regex = true;  // the library's default for ByteLevel
  bool individual_digits = false;
  std::vector<Component> children;
};

class FileParser {
 public:
  FileParser(std::string_view json, const std::string& where)
      : where_(where), reader_(json, where, ErrorCode::kInvalidFile) {}

  TokenizerFile parse();

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw Error({.code = ErrorCode::kInvalidFile,
                 .where = where_,
                 .what = what,
                 .remedy = "use the tokenizer.json that was released with the model"});
  }

  std::optional<Component> parse_component(size_t depth);
  std::vector<Component> parse_children(size_t depth);
  void parse_pattern(Component& component);
  void add_stages(const Component& component);
  void check_normalizer(const std::optional<Component>& normalizer) const;
  void check_decoder(const std::optional<Component>& decoder) const;

  int32_t parse_id(const std::string& token);
  bool read_flag(const std::string& key);
  void parse_added_tokens();
  void parse_model();
  void parse_vocab();
  void parse_merges();
  void refuse_unless_empty(const std::string& key);

  const std::string& where_;
  JsonReader reader_;
  TokenizerFile file_;
  bool has_vocab_ = false;
  bool has_merges_ = false;
};

bool FileParser::read_flag(const std::string& key) {
  if (reader_.peek() != Kind::kBool) refuse("\"" + key + "\" is not true or false");
  return reader_.read_bool();
}

int32_t FileParser::parse_id(const std::string& token) {
  const int64_t id = reader_.read_integer();
  if (id < 0 || id >= kMaxTokenId) {
    refuse("token \"" + printable(token, 60) + "\" has id " + std::to_string(id) +
           ", outside of 0 to 2^24");
  }
  return static_cast<int32_t>(id);
}

void FileParser::parse_added_tokens() {
  std::string key;
  for (reader_.enter_array(); reader_.next_element();) {
    AddedToken token;
    bool has_id = false;
    for (reader_.enter_object(); reader_.next_member(key);) {
      if (key == "id") {
        token.id = parse_id(token.content);
        has_id = true;
      } else if (key == "content") {
        token.content = reader_.read_string();
      } else if (key == "special") {
        token.special = read_flag(key);
      } else if (key == "lstrip") {
        token.lstrip = read_flag(key);
      } else if (key == "rstrip") {
        token.rstrip = read_flag(key);
      } else if (key == "normalized") {
        token.normalized = read_flag(key);
      } else if (key == "single_word") {
        token.single_word = read_flag(key);
      } else {
        reader_.skip_value();
      }
    }
    if (!has_id || token.content.empty()) refuse("an added token has no id or no content");
    file_.added_tokens.push_back(std::move(token));
  }
}

void FileParser::parse_pattern(Component& component) {
  if (reader_.peek() == Kind::kString) {
    component.literal = reader_.read_string();
    return;
  }
  std::string key;
  for (reader_.enter_object(); reader_.next_member(key);) {
    if (key == "Regex") {
      component.regex = reader_.read_string();
    } else if (key == "String") {
      component.literal = reader_.read_string();
    } else {
      refuse("a pattern of kind \"" + printable(key, 40) + "\" is not supported");
    }
  }
}

std::vector<Component> FileParser::parse_children(size_t depth) {
  std::vector<Component> children;
  for (reader_.enter_array(); reader_.next_element();) {
    if (auto child = parse_component(depth + 1)) children.push_back(std::move(*child));
  }
  return children;
}

std::optional<Component> FileParser::parse_component(size_t depth) {
  constexpr size_t kMaxComponentDepth = 16;
  if (depth > kMaxComponentDepth) refuse("its components are nested too deeply");
  if (reader_.peek() == Kind::kNull) {
    reader_.read_null();
    return std::nullopt;
  }
  Component component;
  std::string key;
  for (reader_.enter_object(); reader_.next_member(key);) {
    if (key == "type") {
      component.type = reader_.read_string();
    } else if (key == "pattern") {
      parse_pattern(component);
    } else if (key == "behavior") {
      component.behavior = reader_.read_string();
    } else if (key == "add_prefix_space") {
      component.add_prefix_space = read_flag(key);
    } else if (key == "use_regex") {
      component.use_regex = read_flag(key);
    } else if (key == "individual_digits") {
      component.individual_digits = read_flag(key);
    } else if (key == "pretokenizers" || key == "normalizers" || key == "decoders") {
      component.children = parse_children(depth);
    } else {
      reader_.skip_value();  // "invert" changes nothing when matches and gaps are both kept
    }
  }
  return component;
}

void FileParser::add_stages(const Component& component) {
  if (component.type == "Sequence") {
    for (const Component& child : component.children) add_stages(child);
  } else if (component.type == "Split") {
    if (component.behavior != "Isolated") {
      refuse("the Split behavior \"" + printable(component.behavior, 40) + "\" is not supported");
    }
    if (component.regex) {
      file_.pre_tokenizer.add_split(Regex(*component.regex, where_));
    } else if (component.literal) {
      std::string escaped;
      for (const char c : *component.literal) {
        const bool is_ascii_punctuation = c > 0x20 && c < 0x7F && !(c >= '0' && c <= '9') &&
                                          !(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z');
        if (is_ascii_punctuation) escaped += '\\';
        escaped += c;
      }
      file_.pre_tokenizer.add_split(Regex(escaped, where_));
    } else {
      refuse("a Split pre-tokenizer has no pattern");
    }
  } else if (component.type == "Digits") {
    std::string pattern(kNumericPattern);
    if (!component.individual_digits) pattern += "+";
    file_.pre_tokenizer.add_split(Regex(pattern, where_));
  } else if (component.type == "ByteLevel") {
    if (component.add_prefix_space) {
      refuse("a ByteLevel pre-tokenizer with add_prefix_space is not supported");
    }
    if (component.use_regex) file_.pre_tokenizer.add_split(Regex(kByteLevelPattern, where_));
  } else {
    refuse("the pre-tokenizer \"" + printable(component.type, 40) + "\" is not supported");
  }
}

void FileParser::check_normalizer(const std::optional<Component>& normalizer) const {
  if (!normalizer) return;
  if (normalizer->type != "Sequence") {
    refuse("the normalizer \"" + printable(normalizer->type, 40) + "\" is not supported");
  }
  for (const Component& child : normalizer->children) check_normalizer(child);
}

void FileParser::check_decoder(const std::optional<Component>& decoder) const {
  if (!decoder || decoder->type == "ByteLevel") return;
  if (decoder->type != "Sequence") {
    refuse("the decoder \"" + printable(decoder->type, 40) + "\" is not supported");
  }
  for (const Component& child : decoder->children) check_decoder(child);
}

void FileParser::parse_vocab() {
  std::string token;
  for (reader_.enter_object(); reader_.next_member(token);) {
    const int32_t id = parse_id(token);
    file_.vocab.emplace_back(token, id);
  }
  has_vocab_ = true;
}

void FileParser::parse_merges() {
  for (reader_.enter_array(); reader_.next_element();) {
    std::string left;
    std::string right;
    bool is_pair = true;
    if (reader_.peek() == Kind::kString) {
      const std::string both = reader_.read_string();
      const size_t space = both.find(' ');
      is_pair = space != std::string::npos && both.find(' ', space + 1) == std::string::npos;
      if (is_pair) {
        left = both.substr(0, space);
        right = both.substr(space + 1);
      }
    } else {
      size_t count = 0;
      for (reader_.enter_array(); reader_.next_element(); ++count) {
        (count == 0 ? left : right) = reader_.read_string();
      }
      is_pair = count == 2;
    }
    if (!is_pair || left.empty() || right.empty()) {
      refuse("merge " + std::to_string(file_.merges.size()) + " is not a pair of tokens");
    }
    file_.merges.emplace_back(std::move(left), std::move(right));
  }
  has_merges_ = true;
}

void FileParser::refuse_unless_empty(const std::string& key) {
  const Kind kind = reader_.peek();
  const bool is_empty =
      (kind == Kind::kNull) || (kind == Kind::kString && reader_.read_string().empty()) ||
      (kind == Kind::kNumber &&
       (reader_.read_number().find_first_of("123456789NI") == std::string_view::npos));
  if (!is_empty) refuse("the model's \"" + key + "\" is not supported");
  if (kind == Kind::kNull) reader_.read_null();
}

void FileParser::parse_model() {
  std::string key;
  for (reader_.enter_object(); reader_.next_member(key);) {
    if (key == "type") {
      const std::string type = reader_.read_string();
      if (type != "BPE") refuse("the model type \"" + printable(type, 40) + "\" is not supported");
    } else if (key == "vocab") {
      parse_vocab();
    } else if (key == "merges") {
      parse_merges();
    } else if (key == "ignore_merges") {
      file_.ignore_merges = read_flag(key);
    } else if (key == "dropout" || key == "continuing_subword_prefix" ||
               key == "end_of_word_suffix") {
      refuse_unless_empty(key);
    } else {
      reader_.skip_value();  // unk_token, fuse_unk, byte_fallback: no byte is ever unknown here
    }
  }
}

TokenizerFile FileParser::parse() {
  std::string key;
  for (reader_.enter_object(); reader_.next_member(key);) {
    if (key == "added_tokens") {
      if (reader_.peek() == Kind::kNull) {
        reader_.read_null();
      } else {
        parse_added_tokens();
      }
    } else if (key == "normalizer") {
      check_normalizer(parse_component(0));
    } else if (key == "pre_tokenizer") {
      if (const auto component = parse_component(0)) add_stages(*component);
    } else if (key == "decoder") {
      check_decoder(parse_component(0));
    } else if (key == "model") {
      parse_model();
    } else {
      reader_.skip_value();  // post_processor adds BOS and EOS, which the chat encoding does here
    }
  }
  reader_.finish();
  if (!has_vocab_ || !has_merges_ || file_.vocab.empty()) {
    refuse("it has no BPE model with vocab and merges");
  }
  return std::move(file_);
}

}  // namespace

TokenizerFile parse_tokenizer_file(std::string_view json, const std::string& where) {
  return FileParser(json, where).parse();
}

}  // namespace hadal
