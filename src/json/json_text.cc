#include "json/json_text.h"

#include <algorithm>
#include <functional>
#include <unordered_set>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace hadal {
namespace {

constexpr int kMaxDepth = 64;

// The deepest nesting of brackets outside strings.
int nesting_depth(std::string_view text) {
  int depth = 0;
  int deepest = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      deepest = std::max(deepest, ++depth);
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return deepest;
}

// Notices a name that is given twice within an object: one of the values would be ignored.
class NameWatcher {
 public:
  explicit NameWatcher(const std::string& where) : where_(where) {}

  bool operator()(int /*depth*/, nlohmann::json::parse_event_t event, nlohmann::json& value) {
    using Event = nlohmann::json::parse_event_t;
    if (event == Event::object_start) {
      names_.emplace_back();
    } else if (event == Event::object_end) {
      names_.pop_back();
    } else if (event == Event::key) {
      const auto& name = value.get_ref<const std::string&>();
      if (!names_.back().insert(name).second) {
        throw Error({.code = ErrorCode::kInvalidFile,
                     .where = where_,
                     .what = "gives " + printable(name) + " twice",
                     .remedy = "leave one of the two"});
      }
    }
    return true;
  }

 private:
  const std::string& where_;
  std::vector<std::unordered_set<std::string>> names_;  // of the objects that are open
};

}  // namespace

nlohmann::json parse_json_text(std::string_view text, const std::string& where) {
  if (nesting_depth(text) > kMaxDepth) {
    throw Error({.code = ErrorCode::kInvalidFile,
                 .where = where,
                 .what = "is nested more deeply than " + std::to_string(kMaxDepth) + " levels",
                 .remedy = "fetch the file again"});
  }
  NameWatcher watcher(where);
  try {
    return nlohmann::json::parse(text, std::ref(watcher));
  } catch (const nlohmann::json::parse_error& error) {
    throw Error({.code = ErrorCode::kInvalidFile,
                 .where = where,
                 .what = "is not valid JSON (near byte " + std::to_string(error.byte) + ")",
                 .remedy = "fetch the file again"});
  } catch (const nlohmann::json::exception&) {
    throw Error({.code = ErrorCode::kInvalidFile,
                 .where = where,
                 .what = "holds a number that is out of range",
                 .remedy = "fetch the file again"});
  }
}

}  // namespace hadal
