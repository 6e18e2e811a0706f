// What the readers of sweep plans and of recipes have in common: how errors speak of them, lists
// and tables of texts, sections.
#pragma once

#include <initializer_list>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/function_ref.h"
#include "json/fields.h"

namespace hadal {

FieldsSource plan_source(const std::string& where);

// A list of texts that are not empty; absent is an empty list.
std::vector<std::string> plan_texts(const Fields& object, std::string_view key);
// A table of texts and numbers, as texts.
std::map<std::string, std::string> plan_text_map(const Fields& object, std::string_view key);
// Above zero.
std::optional<double> plan_seconds(const Fields& object, std::string_view key);
// A table whose keys are `known`; nothing where it is absent.
void plan_section(const Fields& object, std::string_view key,
                  std::initializer_list<std::string_view> known,
                  FunctionRef<void(const Fields&)> use);

}  // namespace hadal
