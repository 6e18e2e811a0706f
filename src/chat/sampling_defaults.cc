#include "chat/sampling_defaults.h"

#include <algorithm>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/downloads.h"
#include "base/error.h"
#include "base/input_file.h"
#include "json/fields.h"
#include "json/python_json.h"

namespace hadal {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

void read(const Fields& config, const char* name, float& value) {
  if (const auto number = config.number(name)) value = static_cast<float>(*number);
}

}  // namespace

SamplingOptions SamplingDefaults::options() const {
  return {.temperature = temperature,
          .top_p = top_p,
          .top_k = top_k,
          .min_p = min_p,
          .repetition_penalty = repetition_penalty};
}

SamplingDefaults sampling_defaults(const fs::path& model_directory) {
  constexpr size_t kMaxBytes = 1 << 20;
  SamplingDefaults defaults;
  const fs::path path = model_directory / "generation_config.json";
  if (!has_entry(path)) return defaults;
  const std::string where = path.string();
  const FieldsSource source{.code = ErrorCode::kInvalidFile,
                            .file = where,
                            .remedy = "mend or delete the file",
                            .tells_values = true};
  const ordered_json json =
      parse_json(read_json_file(path, kMaxBytes), where, ErrorCode::kInvalidFile);
  const Fields config(json, "", source);
  read(config, "temperature", defaults.temperature);
  read(config, "top_p", defaults.top_p);
  read(config, "min_p", defaults.min_p);
  read(config, "repetition_penalty", defaults.repetition_penalty);
  // Some programs spell "no limit" -1.
  if (const auto top_k = config.count("top_k", -1)) defaults.top_k = std::max(0, *top_k);
  try {
    check_sampling_options(defaults.options());
  } catch (const Error& error) {
    config.refuse(error.parts().where, error.parts().what + ", which is out of its range");
  }
  if (!config.boolean("do_sample").value_or(true)) defaults.temperature = 0;
  return defaults;
}

std::string describe_sampling(const SamplingDefaults& defaults) {
  const SamplingDefaults built_in;
  std::string text = fmt::format("temperature {}", defaults.temperature);
  if (defaults.temperature == 0) return text;
  const auto tell = [&](const char* name, auto value, auto usual) {
    if (value != usual) text += fmt::format(", {} {}", name, value);
  };
  text += fmt::format(", top_p {}", defaults.top_p);
  tell("top_k", defaults.top_k, built_in.top_k);
  tell("min_p", defaults.min_p, built_in.min_p);
  tell("repetition_penalty", defaults.repetition_penalty, built_in.repetition_penalty);
  return text;
}

}  // namespace hadal
