#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <sstream>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "base/utf8.h"
#include "json/json_reader.h"
#include "measure/exchange/foreign_document.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

// The parser itself recurses; its own guard gives up near this.
constexpr size_t kMaxYamlDepth = 200;

std::optional<ordered_json> number_value(std::string_view text) {
  if (text == ".nan" || text == ".NaN" || text == ".NAN") return std::nan("");
  const bool is_negative = text.starts_with('-');
  std::string_view digits = text;
  if (is_negative || text.starts_with('+')) digits.remove_prefix(1);
  if (digits == ".inf" || digits == ".Inf" || digits == ".INF") {
    return is_negative ? -HUGE_VAL : HUGE_VAL;
  }
  if (digits.empty() || (digits[0] != '.' && (digits[0] < '0' || digits[0] > '9'))) {
    return std::nullopt;
  }
  if (text.starts_with('+')) text.remove_prefix(1);
  const char* end = text.data() + text.size();
  int64_t integer = 0;
  const auto whole = std::from_chars(text.data(), end, integer);
  if (whole.ec == std::errc() && whole.ptr == end) return integer;
  double value = 0;
  const auto fraction = std::from_chars(text.data(), end, value);
  if (fraction.ec == std::errc() && fraction.ptr == end) return value;
  return std::nullopt;
}

ordered_json plain_value(const std::string& text) {
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") {
    return nullptr;
  }
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  return number_value(text).value_or(text);
}

// Builds the tree from the parser's events. The library's own tree would follow aliases, which can
// make a page of text an endless document.
class TreeBuilder : public YAML::EventHandler {
 public:
  explicit TreeBuilder(std::string where) : where_(std::move(where)) {}

  ordered_json take() { return std::exchange(root_, nullptr); }

  // The parser leaves a comma between values where it stands, and would read an empty document in
  // front of it for ever.
  void OnDocumentStart(const YAML::Mark& mark) override {
    if (mark.pos == last_start_) refuse(mark, "has a comma outside of a list or map");
    last_start_ = mark.pos;
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override { put(mark, nullptr); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    refuse(mark, "has an alias, which is not read");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t /*anchor*/,
                const std::string& value) override {
    if (!is_valid_utf8(value)) refuse(mark, "is not UTF-8");
    put(mark, tag == "?" ? plain_value(value) : ordered_json(value));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& /*tag*/,
                       YAML::anchor_t /*anchor*/, YAML::EmitterStyle::value /*style*/) override {
    open(mark, ordered_json::array());
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                  YAML::EmitterStyle::value /*style*/) override {
    open(mark, ordered_json::object());
  }
  void OnMapEnd() override { close(); }

 private:
  struct Level {
    ordered_json value;
    std::optional<std::string> name = {};        // of the member whose value comes next
    std::unordered_set<std::string> names = {};  // of an object's members so far
  };

  [[noreturn]] void refuse(const YAML::Mark& mark, const std::string& what) const {
    throw Error({.code = ErrorCode::kInvalidFile,
                 .where = where_,
                 .what = "line " + std::to_string(mark.line + 1) + " " + what,
                 .remedy = "write the document without it, or as JSON"});
  }

  void put(const YAML::Mark& mark, ordered_json value) {
    if (levels_.empty()) {
      root_ = std::move(value);
      return;
    }
    Level& level = levels_.back();
    if (level.value.is_array()) {
      level.value.push_back(std::move(value));
    } else if (!level.name.has_value()) {
      level.name = name_of(mark, value);
      if (!level.names.insert(*level.name).second) {
        refuse(mark, "gives " + printable(*level.name, 60) + " a second time");
      }
    } else {
      level.value.get_ref<ordered_json::object_t&>().emplace_back(std::move(*level.name),
                                                                  std::move(value));
      level.name.reset();
    }
  }

  std::string name_of(const YAML::Mark& mark, const ordered_json& value) const {
    if (value.is_string()) return value.get<std::string>();
    if (value.is_structured()) refuse(mark, "has a name that is a list or a map");
    return value.dump();
  }

  void open(const YAML::Mark& mark, ordered_json value) {
    if (levels_.size() >= kMaxYamlDepth) refuse(mark, "is nested too deep");
    if (!levels_.empty() && levels_.back().value.is_object() && !levels_.back().name.has_value()) {
      refuse(mark, "has a name that is a list or a map");
    }
    levels_.push_back({.value = std::move(value)});
  }

  void close() {
    ordered_json value = std::move(levels_.back().value);
    levels_.pop_back();
    put(YAML::Mark::null_mark(), std::move(value));
  }

  std::string where_;
  int last_start_ = -1;  // of a document, in characters from the text's begin
  ordered_json root_;
  std::vector<Level> levels_;
};

}  // namespace

std::vector<ordered_json> read_foreign_yaml(std::string_view text, const std::string& where) {
  if (text.size() > kMaxForeignYamlBytes) {
    throw Error({.code = ErrorCode::kInvalidFile,
                 .where = where,
                 .what = "is a YAML document of " + std::to_string(text.size() >> 20) +
                         " MiB; at most " + std::to_string(kMaxForeignYamlBytes >> 20) +
                         " MiB are read",
                 .remedy = "write it as JSON"});
  }
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    std::vector<ordered_json> documents;
    TreeBuilder builder(where);
    while (true) {
      if (!parser.HandleNextDocument(builder)) return documents;
      documents.push_back(builder.take());
    }
  } catch (const YAML::Exception& error) {
    throw Error({.code = ErrorCode::kInvalidFile,
                 .where = where,
                 .what = "is not valid YAML: " + printable(error.what()),
                 .remedy = "check the file, or name another format"});
  }
}

}  // namespace hadal
