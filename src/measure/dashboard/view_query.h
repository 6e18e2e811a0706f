// The query of an address of a view, and its values as texts and numbers. Which names there are is
// the views' business.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace hadal {

using ViewQuery = std::map<std::string, std::string, std::less<>>;

// Throws Error kInvalidArgument about the value of that name.
[[noreturn]] void refuse_query(std::string_view name, const std::string& what,
                               const std::string& remedy = "");

// Empty where the query does not have it.
std::string query_text(const ViewQuery& query, std::string_view name);

// None where the query does not have it, or has nothing. Throws Error kInvalidArgument for what is
// no number or lies outside [least, most].
std::optional<double> query_number(const ViewQuery& query, std::string_view name, double least,
                                   double most);

}  // namespace hadal
