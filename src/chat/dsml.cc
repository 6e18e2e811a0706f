#include "chat/dsml.h"

#include <algorithm>

namespace hadal {
namespace {

bool is_c_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

}  // namespace

std::optional<std::string_view> parse_invoke_name(std::string_view text) {
  constexpr std::string_view kBefore = "name=\"";
  constexpr std::string_view kAfter = "\">\n";
  while (!text.empty() && is_c_space(text.front())) text.remove_prefix(1);
  if (text.ends_with("\n\n")) text.remove_suffix(1);
  if (!text.starts_with(kBefore)) return std::nullopt;
  text.remove_prefix(kBefore.size());
  if (!text.ends_with(kAfter)) return std::nullopt;
  text.remove_suffix(kAfter.size());
  return text;
}

std::optional<ParameterHeader> parse_parameter_header(std::string_view text) {
  constexpr std::string_view kBefore = " name=\"";
  constexpr std::string_view kString = "\" string=\"true\">";
  constexpr std::string_view kJson = "\" string=\"false\">";
  if (!text.starts_with(kBefore)) return std::nullopt;
  const size_t string_at = text.find(kString, kBefore.size());
  const size_t json_at = text.find(kJson, kBefore.size());
  const size_t at = std::min(string_at, json_at);
  if (at == std::string_view::npos) return std::nullopt;
  const bool is_string = string_at < json_at;
  return ParameterHeader{.name = text.substr(kBefore.size(), at - kBefore.size()),
                         .is_string = is_string,
                         .size = at + (is_string ? kString.size() : kJson.size())};
}

std::optional<std::string_view> parse_parameter_value(std::string_view text) {
  if (text.ends_with("<\n")) text.remove_suffix(1);
  if (!text.ends_with('<')) return std::nullopt;
  text.remove_suffix(1);
  return text;
}

}  // namespace hadal
