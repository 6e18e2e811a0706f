#include "measure/exchange/foreign_secrets.h"

#include <algorithm>
#include <optional>

#include <nlohmann/json.hpp>

namespace hadal {
namespace {

using nlohmann::ordered_json;

enum class Naming {
  kNone,
  kPerhaps,  // "token": a secret where a text stands, a count where a number does
  kSecret,
};

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_quote(char c) { return c == '"' || c == '\''; }
bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.';
}

Naming naming_of(std::string_view name) {
  std::string small(name);
  std::ranges::transform(small, small.begin(), [](char c) {
    if (c == '-') return '_';
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  });
  for (const char* word : {"api_key", "apikey", "access_key", "private_key", "secret", "password",
                           "passwd", "credential", "authorization"}) {
    if (small.find(word) != std::string::npos) return Naming::kSecret;
  }
  if (small == "token" || small.ends_with("_token")) return Naming::kPerhaps;
  return Naming::kNone;
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789.+-eE") == std::string_view::npos;
}

struct Span {
  size_t begin = 0;
  size_t end = 0;
};

// The word, or what stands between quotes, at `at`.
Span value_at(std::string_view text, size_t at) {
  if (at < text.size() && is_quote(text[at])) {
    return {.begin = at + 1, .end = std::min(text.find(text[at], at + 1), text.size())};
  }
  constexpr std::string_view kAfter = " \t\r\n\"'&,;)}]";
  return {.begin = at, .end = std::min(text.find_first_of(kAfter, at), text.size())};
}

size_t after_blanks(std::string_view text, size_t at) {
  while (at < text.size() && is_blank(text[at])) ++at;
  return at;
}

// Past "Bearer" or "Basic" and the blanks behind it, if one stands at `at`.
size_t after_scheme(std::string_view text, size_t at) {
  for (const std::string_view scheme : {"bearer", "basic"}) {
    const std::string_view word = text.substr(std::min(at, text.size()), scheme.size());
    const bool is_scheme =
        std::ranges::equal(word, scheme, [](char a, char b) { return (a | ('a' - 'A')) == b; });
    const size_t end = at + scheme.size();
    if (is_scheme && end < text.size() && is_blank(text[end])) return after_blanks(text, end);
  }
  return at;
}

// The value that belongs to the name [begin, end), if it is a secret.
std::optional<Span> secret_after(std::string_view text, size_t begin, size_t end) {
  const std::string_view name = text.substr(begin, end - begin);
  const Naming naming = naming_of(name);
  if (naming == Naming::kNone) return std::nullopt;
  const size_t closed = end < text.size() && is_quote(text[end]) ? end + 1 : end;
  size_t at = after_blanks(text, closed);
  if (at < text.size() && (text[at] == '=' || text[at] == ':')) {
    at = after_blanks(text, at + 1);
  } else if (!name.starts_with('-') || at == closed) {
    return std::nullopt;
  }
  if (at < text.size() && is_quote(text[at]) && after_scheme(text, at + 1) > at + 1) {
    // The quoted value of a header: its scheme may stay.
    const Span quoted = value_at(text, at);
    return Span{.begin = std::min(after_scheme(text, at + 1), quoted.end), .end = quoted.end};
  }
  const Span value = value_at(text, after_scheme(text, at));
  const std::string_view word = text.substr(value.begin, value.end - value.begin);
  if (word.empty() || (naming == Naming::kPerhaps && is_number(word))) return std::nullopt;
  return value;
}

bool begins_like_a_key(std::string_view word) {
  constexpr size_t kShortest = 12;
  return word.size() >= kShortest && (word.starts_with("sk-") || word.starts_with("hf_"));
}

// The secret that the word at [begin, end) is or announces.
std::optional<Span> secret_at(std::string_view text, size_t begin, size_t end) {
  const std::string_view word = text.substr(begin, end - begin);
  if (begins_like_a_key(word)) return Span{.begin = begin, .end = end};
  // "Bearer KEY" with no name before it; "basic" is rather English.
  constexpr std::string_view kBearer = "bearer";
  const size_t behind = after_scheme(text, begin);
  if (word.size() == kBearer.size() && behind > end) {
    constexpr size_t kShortest = 6;
    const Span value = value_at(text, behind);
    if (value.end - value.begin >= kShortest) return value;
  }
  return secret_after(text, begin, end);
}

// "user:password@" after "://".
std::optional<Span> user_of_address(std::string_view text, size_t at) {
  constexpr std::string_view kMark = "://";
  if (text.substr(at, kMark.size()) != kMark) return std::nullopt;
  const size_t begin = at + kMark.size();
  const std::string_view host =
      text.substr(begin, text.find_first_of("/?# \t\r\n\"'", begin) - begin);
  const size_t user_end = host.rfind('@');
  if (user_end == std::string_view::npos || user_end == 0) return std::nullopt;
  return Span{.begin = begin, .end = begin + user_end};
}

ordered_json list_without_secrets(const ordered_json& list) {
  ordered_json result = ordered_json::array();
  bool is_next = false;  // of arguments that come one by one: ["--api-key", "..."]
  for (const ordered_json& value : list) {
    const bool is_text = value.is_string();
    const std::string text = is_text ? value.get<std::string>() : "";
    if (is_text && is_next) {
      result.push_back(kSecretRemoved);
    } else {
      result.push_back(json_without_secrets(value));
    }
    is_next = is_text && text.starts_with('-') && text.find('=') == std::string::npos &&
              naming_of(text) != Naming::kNone;
  }
  return result;
}

ordered_json member_without_secrets(std::string_view name, const ordered_json& value) {
  const Naming naming = naming_of(name);
  const bool may_stay = value.is_null() || value.is_boolean();
  if (naming == Naming::kSecret && !may_stay) return kSecretRemoved;
  if (naming == Naming::kPerhaps && value.is_string()) return kSecretRemoved;
  return json_without_secrets(value);
}

}  // namespace

std::string text_without_secrets(std::string_view text) {
  std::string out;
  size_t copied = 0;
  const auto remove = [&](const Span& secret) {
    out.append(text.substr(copied, secret.begin - copied));
    if (!text.substr(secret.begin).starts_with(kSecretRemoved)) {
      out.append(kSecretRemoved);
      copied = secret.end;
    } else {
      copied = secret.begin;
    }
    return std::max(secret.end, copied);
  };
  for (size_t at = 0; at < text.size();) {
    if (const auto user = user_of_address(text, at)) {
      at = remove(*user);
    } else if (is_name_char(text[at])) {
      size_t end = at;
      while (end < text.size() && is_name_char(text[end])) ++end;
      const auto secret = secret_at(text, at, end);
      at = secret ? remove(*secret) : end;
    } else {
      ++at;
    }
  }
  return out.append(text.substr(copied));
}

ordered_json json_without_secrets(const ordered_json& value) {
  if (value.is_string()) return text_without_secrets(value.get_ref<const std::string&>());
  if (value.is_array()) return list_without_secrets(value);
  if (!value.is_object()) return value;
  ordered_json result = ordered_json::object();
  for (const auto& [name, member] : value.items()) {
    result[name] = member_without_secrets(name, member);
  }
  return result;
}

}  // namespace hadal
