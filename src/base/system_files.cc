#include "base/system_files.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace hadal {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

std::string_view trimmed(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

}  // namespace

std::optional<std::string> read_system_file(const std::string& path, size_t max_bytes) {
  // Without O_NONBLOCK a pipe in the place of a file would wait for its writer.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return std::nullopt;
  struct stat status = {};
  std::string text;
  bool whole = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
  while (whole && text.size() < max_bytes) {
    char buffer[16 * 1024];
    const ssize_t n = ::read(fd, buffer, std::min(sizeof(buffer), max_bytes - text.size()));
    if (n < 0 && errno == EINTR) continue;
    if (n == 0) break;
    whole = n > 0;
    if (whole) text.append(buffer, static_cast<size_t>(n));
  }
  ::close(fd);
  if (!whole) return std::nullopt;
  text.resize(text.find_last_not_of(kBlanks) + 1);
  return text;
}

std::optional<int64_t> parse_number(std::string_view text) {
  int64_t value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

std::optional<std::string_view> rest_of_line(std::string_view text, std::string_view key) {
  while (true) {
    const size_t end = std::min(text.find('\n'), text.size());
    if (text.starts_with(key)) return trimmed(text.substr(key.size(), end - key.size()));
    if (end == text.size()) return std::nullopt;
    text.remove_prefix(end + 1);
  }
}

std::optional<int64_t> number_of_line(std::string_view text, std::string_view key) {
  const auto rest = rest_of_line(text, key);
  if (!rest) return std::nullopt;
  return parse_number(rest->substr(0, rest->find_first_of(kBlanks)));
}

std::vector<int> parse_cpu_list(std::string_view text) {
  std::vector<int> cpus;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    const std::string_view item = text.substr(0, comma);
    const size_t dash = std::min(item.find('-'), item.size());
    const auto first = parse_number(item.substr(0, dash));
    const auto last = dash == item.size() ? first : parse_number(item.substr(dash + 1));
    if (!first || !last || *first > *last || *last >= kMaxCpus) return {};
    if (!cpus.empty() && *first <= cpus.back()) return {};
    for (auto cpu = static_cast<int>(*first); cpu <= *last; ++cpu) cpus.push_back(cpu);
    if (comma + 1 == text.size()) return {};
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return cpus;
}

}  // namespace hadal
