#include "measure/sweep/recipe.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "economics/catalogue_fields.h"
#include "json/known_keys.h"
#include "json/toml_document.h"
#include "measure/sweep/plan_fields.h"

namespace hadal {
namespace {

constexpr size_t kMostRecipeBytes = size_t{1} << 20;

std::string filled(const std::string& text, const std::map<std::string, std::string>& values) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const size_t end = text[i] == '{' ? text.find('}', i) : std::string::npos;
    if (end == std::string::npos) {
      out += text[i];
      continue;
    }
    const std::string name = text.substr(i + 1, end - i - 1);
    const auto value = values.find(name);
    if (value == values.end()) {
      out += text[i];  // no variable: JSON within a command has braces, too
    } else {
      out += value->second;
      i = end;
    }
  }
  return out;
}

}  // namespace

EngineRecipe read_recipe(std::string_view text, const std::string& where) {
  const nlohmann::ordered_json json = parse_settings(text, where);
  const FieldsSource source = plan_source(where);
  const Fields document(json, "", source);
  constexpr std::string_view kKnown[] = {"schema",      "engine", "about", "command", "variables",
                                         "environment", "url",    "ready", "version", "stop"};
  refuse_unknown_keys(document, kKnown);
  check_schema(document, "hadal.recipe/1");
  EngineRecipe recipe{.engine = document.required_string("engine"),
                      .about = document.string("about").value_or(""),
                      .command = plan_texts(document, "command"),
                      .variables = plan_text_map(document, "variables"),
                      .environment = plan_text_map(document, "environment"),
                      .text = std::string(text)};
  if (recipe.command.empty()) document.refuse("command", "must be a list of words");
  recipe.url = document.string("url").value_or(recipe.url);
  plan_section(document, "ready", {"path", "seconds"}, [&](const Fields& ready) {
    recipe.ready_path = ready.string("path").value_or(recipe.ready_path);
    recipe.ready_seconds = plan_seconds(ready, "seconds").value_or(recipe.ready_seconds);
  });
  plan_section(document, "version", {"command"}, [&](const Fields& version) {
    recipe.version_command = plan_texts(version, "command");
  });
  plan_section(document, "stop", {"seconds"}, [&](const Fields& stop) {
    recipe.stop_seconds = plan_seconds(stop, "seconds").value_or(recipe.stop_seconds);
  });
  return recipe;
}

EngineRecipe load_recipe(const std::filesystem::path& path) {
  return read_recipe(read_text_file(path, kMostRecipeBytes), path.string());
}

EngineRecipe filled_recipe(EngineRecipe recipe, const std::map<std::string, std::string>& given) {
  std::map<std::string, std::string> values = recipe.variables;
  for (const auto& [name, value] : given) {
    if (!values.contains(name)) {
      std::string known;
      for (const auto& [other, unused] : values) known += (known.empty() ? "" : ", ") + other;
      throw Error({.code = ErrorCode::kInvalidArgument,
                   .where = "recipe of " + recipe.engine,
                   .what = "has no variable \"" + printable(name, 60) + "\"",
                   .remedy = "it has " + known});
    }
    values[name] = value;
  }
  for (const auto& [name, value] : values) {
    if (!value.empty()) continue;
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "recipe of " + recipe.engine,
                 .what = "needs a value of \"" + name + "\"",
                 .remedy = "give it under variables of the endpoint"});
  }
  for (std::string& word : recipe.command) word = filled(word, values);
  for (std::string& word : recipe.version_command) word = filled(word, values);
  for (auto& [name, value] : recipe.environment) value = filled(value, values);
  recipe.url = filled(recipe.url, values);
  recipe.variables = values;
  return recipe;
}

}  // namespace hadal
