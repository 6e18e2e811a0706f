#include "chat/tool_call_builder.h"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "json/python_json.h"

namespace hadal {
namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr std::string_view kWrapper = "arguments";

std::string_view trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) + 1 - begin);
}

// Without the fence that models like to put around JSON.
std::string_view without_fence(std::string_view text) {
  constexpr std::string_view kFence = "```";
  if (text.size() < 2 * kFence.size() || !text.starts_with(kFence) || !text.ends_with(kFence)) {
    return text;
  }
  const size_t line_end = text.find('\n');
  if (line_end == std::string_view::npos) return text;
  return trim(text.substr(line_end, text.size() - kFence.size() - line_end));
}

}  // namespace

void ToolCallBuilder::begin(std::string_view name, const ToolSchemas& schemas) {
  name_ = name;
  declared_ = schemas.find(name);
  objects_ = {{}};
  body_.clear();
}

void ToolCallBuilder::add(std::string_view name, std::string_view value,
                          std::optional<bool> is_string) {
  set(name, value_json(name, value, is_string));
}

void ToolCallBuilder::set(std::string_view name, std::string json) {
  auto& members = objects_.back().members;
  const auto found = std::find_if(members.begin(), members.end(),
                                  [&](const Member& member) { return member.name == name; });
  if (found != members.end()) {
    found->json = std::move(json);
  } else {
    members.push_back({.name = std::string(name), .json = std::move(json)});
  }
}

std::string ToolCallBuilder::value_json(std::string_view name, std::string_view value,
                                        std::optional<bool> is_string) const {
  ToolParameterTypes types{.has_others = true};
  if (declared_ != nullptr && objects_.size() == 1) {
    if (const auto found = declared_->find(name); found != declared_->end()) types = found->second;
  }
  const bool takes_only_text = types.is_string && !types.is_boolean && !types.has_others;
  const bool is_null = types.is_null && trim(value) == "null";
  const bool is_text = is_string.value_or(takes_only_text && !is_null);
  if (is_text) return json_string(value);
  if (is_json(value)) return std::string(value);
  // As Python writes them.
  if (types.is_boolean && trim(value) == "True") return "true";
  if (types.is_boolean && trim(value) == "False") return "false";
  if (types.is_null && trim(value) == "None") return "null";
  return json_string(value);
}

void ToolCallBuilder::open_object(std::string_view name) {
  objects_.push_back({.name = std::string(name), .members = {}});
}

void ToolCallBuilder::close_object() {
  if (objects_.size() == 1) return;
  const Object object = std::move(objects_.back());
  objects_.pop_back();
  std::string json = "{";
  for (const Member& member : object.members) {
    if (json.size() > 1) json += ", ";
    json += json_string(member.name) + ": " + member.json;
  }
  set(object.name, json + "}");
}

std::string_view ToolCallBuilder::json_body() const {
  const std::string_view text = without_fence(trim(body_));
  return text.starts_with('{') && is_json(text) ? text : std::string_view();
}

// The object in {"arguments": {...}} where the tool declares its members and no "arguments": models
// then mean the object itself.
std::optional<std::string> ToolCallBuilder::unwrapped() const {
  const auto& members = objects_.front().members;
  if (declared_ == nullptr || members.size() != 1 || members.front().name != kWrapper) {
    return std::nullopt;
  }
  if (declared_->find(kWrapper) != declared_->end()) return std::nullopt;
  try {
    auto value = parse_json(members.front().json, "arguments");
    std::string text = members.front().json;
    if (value.is_string()) {
      text = value.get<std::string>();
      if (!is_json(text)) return std::nullopt;
      value = parse_json(text, "arguments");
    }
    if (!value.is_object() || value.empty()) return std::nullopt;
    for (const auto& [key, unused] : value.items()) {
      if (declared_->find(key) == declared_->end()) return std::nullopt;
    }
    return text;
  } catch (const Error&) {
    return std::nullopt;  // a number of too many digits: standard JSON, and nothing to look into
  }
}

std::optional<std::string> ToolCallBuilder::arguments() {
  while (objects_.size() > 1) close_object();
  if (name_.empty()) return std::nullopt;
  const auto& members = objects_.front().members;
  if (members.empty()) {
    if (has_json_body()) return std::string(json_body());
    if (!trim(body_).empty()) return std::nullopt;
  }
  if (auto object = unwrapped()) return object;
  std::string text = "{";
  for (const Member& member : members) {
    if (text.size() > 1) text += ", ";
    text += json_string(member.name) + ": " + member.json;
  }
  text += '}';
  // Values nested as deep as JSON may be are too deep within the object.
  return is_json(text) ? std::optional(std::move(text)) : std::nullopt;
}

}  // namespace hadal
