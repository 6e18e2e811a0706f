#include "measure/client/secrets.h"

#include <algorithm>

namespace hadal {

std::vector<std::string> secrets_of(const std::vector<std::string>& headers) {
  constexpr size_t kShortest = 6;
  std::vector<std::string> secrets;
  for (const std::string& header : headers) {
    const size_t colon = header.find(':');
    if (colon == std::string::npos) continue;
    const size_t begin = header.find_first_not_of(" \t", colon + 1);
    if (begin == std::string::npos) continue;
    const std::string value = header.substr(begin);
    const size_t last = value.rfind(' ') + 1;
    for (const std::string& secret : {value, value.substr(last)}) {
      if (secret.size() >= kShortest) secrets.push_back(secret);
    }
  }
  // The longest first: it may hold another.
  std::sort(secrets.begin(), secrets.end(),
            [](const std::string& a, const std::string& b) { return a.size() > b.size(); });
  return secrets;
}

std::string without_secrets(std::string text, const std::vector<std::string>& secrets) {
  constexpr std::string_view kInstead = "[removed]";
  for (const std::string& secret : secrets) {
    for (size_t at = text.find(secret); at != std::string::npos; at = text.find(secret, at)) {
      text.replace(at, secret.size(), kInstead);
      at += kInstead.size();
    }
  }
  return text;
}

}  // namespace hadal
