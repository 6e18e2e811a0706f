#include "server/openai/token_ids.h"

#include <cmath>

#include "json/fields.h"

namespace hadal {

using nlohmann::ordered_json;

namespace {

// A number such as 5.0 is a whole one, as everywhere in a request.
bool is_whole_number(const ordered_json& value) {
  if (value.is_number_integer()) return true;
  return value.is_number_float() && value.get<double>() == std::trunc(value.get<double>());
}

}  // namespace

std::vector<int32_t> read_token_ids(const ordered_json& list, const std::string& path,
                                    int64_t vocab_size) {
  if (!list.is_array()) refuse_type(path, list, "must be an array of token ids");
  std::vector<int32_t> tokens;
  tokens.reserve(list.size());
  for (size_t i = 0; i < list.size(); ++i) {
    const ordered_json& value = list[i];
    if (!is_whole_number(value)) {
      refuse_type(element_path(path, i), value, "must be the id of a token");
    }
    const auto number = value.get<double>();  // holds every id exactly
    if (!(number >= 0 && number < static_cast<double>(vocab_size))) {
      refuse_field(element_path(path, i),
                   "is not the id of a token; they are whole numbers from 0 to " +
                       std::to_string(vocab_size - 1));
    }
    tokens.push_back(static_cast<int32_t>(number));
  }
  return tokens;
}

}  // namespace hadal
