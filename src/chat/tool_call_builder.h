// Puts the arguments of one tool call together as its markup is read: parameters in order, values
// that are no JSON as strings, objects whose members came as parameters of their own, a body that
// is JSON itself. What it gives is a whole JSON object or nothing.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chat/tool_schemas.h"

namespace hadal {

class ToolCallBuilder {
 public:
  // Begins a call of the tool `name`, empty where the markup does not tell one. `schemas` must live
  // as long as the call.
  void begin(std::string_view name, const ToolSchemas& schemas);

  const std::string& name() const { return name_; }
  // The call cannot be understood: it comes to nothing whatever follows.
  void reject() { name_.clear(); }

  // Whether any parameter was read, whole or not.
  bool has_parameters() const { return !objects_.front().members.empty() || objects_.size() > 1; }

  // A parameter and its value as it stands in the markup. `is_string` as the markup says: text, or
  // JSON (text after all where it is no JSON); without a word the declared type decides, then
  // whether it is JSON. Of equal names the last value wins, in the place of the first.
  void add(std::string_view name, std::string_view value, std::optional<bool> is_string);

  // The parameters that follow are members of an object that is the value of the parameter `name`.
  void open_object(std::string_view name);
  // Ends the innermost such object, if there is one.
  void close_object();

  // Text of the invoke that belongs to no parameter.
  void add_body(std::string_view text) { body_ += text; }
  const std::string& body() const { return body_; }
  // Whether the body is a JSON object, which then are the arguments.
  bool has_json_body() const { return !json_body().empty(); }

  // The JSON text of the arguments: of the parameters, or else the body; {} where there is neither.
  // nullopt where there is no whole call: no name, a body that is no JSON object, a value nested
  // too deep.
  std::optional<std::string> arguments();

 private:
  struct Member {
    std::string name;
    std::string json;
  };
  struct Object {
    std::string name;  // of the parameter whose value it is
    std::vector<Member> members;
  };

  std::string_view json_body() const;
  std::string value_json(std::string_view name, std::string_view value,
                         std::optional<bool> is_string) const;
  void set(std::string_view name, std::string json);
  std::optional<std::string> unwrapped() const;

  std::string name_;
  const ToolParameters* declared_ = nullptr;
  std::vector<Object> objects_ = {{}};  // the call's own, then the open ones inside it
  std::string body_;
};

}  // namespace hadal
