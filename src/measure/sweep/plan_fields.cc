#include "measure/sweep/plan_fields.h"

#include <cmath>

#include "json/known_keys.h"

namespace hadal {

FieldsSource plan_source(const std::string& where) {
  return {.code = ErrorCode::kInvalidFile,
          .file = where,
          .remedy = "docs/measuring/sweeps.md lists the keys of this file",
          .tells_values = true};
}

std::vector<std::string> plan_texts(const Fields& object, std::string_view key) {
  std::vector<std::string> texts;
  object.each(key, [&](const nlohmann::ordered_json& value, const std::string& path) {
    if (!value.is_string() || value.get<std::string>().empty()) {
      refuse_type(path, value, "must be a text that is not empty", object.source());
    }
    texts.push_back(value.get<std::string>());
  });
  return texts;
}

std::map<std::string, std::string> plan_text_map(const Fields& object, std::string_view key) {
  std::map<std::string, std::string> map;
  const nlohmann::ordered_json* table = object.object(key, "must be a table");
  if (table == nullptr) return map;
  for (const auto& [name, value] : table->items()) {
    if (value.is_string()) {
      map[name] = value.get<std::string>();
    } else if (value.is_number() || value.is_boolean()) {
      map[name] = value.dump();
    } else {
      refuse_type(object.path(key) + "." + name, value, "must be a text or a number",
                  object.source());
    }
  }
  return map;
}

std::optional<double> plan_seconds(const Fields& object, std::string_view key) {
  const std::optional<double> seconds = object.number(key);
  if (seconds && !(*seconds > 0 && std::isfinite(*seconds))) {
    object.refuse(key, "must be a number of seconds above zero");
  }
  return seconds;
}

void plan_section(const Fields& object, std::string_view key,
                  std::initializer_list<std::string_view> known,
                  FunctionRef<void(const Fields&)> use) {
  const nlohmann::ordered_json* json = object.object(key, "must be a table");
  if (json == nullptr) return;
  const Fields section(*json, object.path(key), object.source());
  refuse_unknown_keys(section, std::span(known.begin(), known.size()));
  use(section);
}

}  // namespace hadal
