#include "chat/openai_content.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "json/fields.h"
#include "json/python_json.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

std::string take_string(ordered_json& value) { return std::move(value.get_ref<std::string&>()); }

class ContentReader {
 public:
  explicit ContentReader(const ContentForm& form) : form_(form) {}

  ContentText read(ordered_json& content, const std::string& path) {
    if (content.is_array()) {
      for (size_t i = 0; i < content.size(); ++i) read_part(content[i], element_path(path, i));
    } else if (content.is_string()) {
      result_.text = take_string(content);
    } else if (form_.is_tool_result) {
      is_known_part(content) ? read_part(content, path) : add(dump_json(content));
    } else if (content.is_object() && content.contains("type")) {
      read_part(content, path);
    } else {
      refuse_type(path, content, "must be a string or an array of parts");
    }
    return std::move(result_);
  }

 private:
  void read_part(ordered_json& part, const std::string& path) {
    if (part.is_string()) {
      add(take_string(part));
      return;
    }
    const bool has_type = part.is_object() && part.value("type", ordered_json()).is_string();
    if (!has_type && form_.is_tool_result) {
      add(dump_json(part));
      return;
    }
    const Fields fields(part, path);
    const std::string type = fields.string("type").value_or("");
    if (type == "text" || type == "input_text" || type == "output_text") {
      add_member(part, fields, "text");
    } else if (type == "refusal") {
      add_member(part, fields, "refusal");
    } else if (type == "thinking" || type == "reasoning") {
      add_reasoning(fields, type);
    } else if (type.empty()) {
      refuse_field(fields.path("type"), "is missing; send a part of type text");
    } else if (form_.refuses_media) {
      refuse_unsupported(fields.path("type"), "the model reads text only, no part of type \"" +
                                                  printable(type, 40) +
                                                  "\"; leave the part out, or describe it in text");
    } else {
      add("[Unsupported " + type + "]");
    }
  }

  // A part that stands where an array of them is expected; other objects are a tool's own.
  static bool is_known_part(const ordered_json& value) {
    constexpr std::array<std::string_view, 12> kTypes = {
        "text",        "input_text", "output_text", "image_url", "image",      "input_image",
        "input_audio", "audio",      "video_url",   "file",      "input_file", "document"};
    if (!value.is_object()) return false;
    const auto type = value.find("type");
    return type != value.end() && type->is_string() &&
           std::find(kTypes.begin(), kTypes.end(), type->get_ref<const std::string&>()) !=
               kTypes.end();
  }

  void add_member(ordered_json& part, const Fields& fields, const char* key) {
    const ordered_json* value = fields.find(key);
    if (value == nullptr && !form_.is_tool_result) refuse_field(fields.path(key), "is missing");
    if (value != nullptr && !value->is_string()) {
      refuse_type(fields.path(key), *value, "must be a string");
    }
    add(value == nullptr ? std::string() : take_string(part[key]));
  }

  void add_reasoning(const Fields& fields, const std::string& type) {
    std::optional<std::string> text = fields.string(type);
    if (!text.has_value()) text = fields.string("text");
    result_.reasoning += text.value_or("");
  }

  void add(std::string text) {
    if (is_first_) {
      result_.text = std::move(text);
    } else {
      result_.text += "\n\n";
      result_.text += text;
    }
    is_first_ = false;
  }

  ContentForm form_;
  ContentText result_;
  bool is_first_ = true;
};

}  // namespace

ContentText read_content_text(ordered_json& content, const std::string& path,
                              const ContentForm& form) {
  return ContentReader(form).read(content, path);
}

}  // namespace hadal
