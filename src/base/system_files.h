// Reading the kernel's own files below /proc and /sys. They may be missing, forbidden, of another
// version, or stand for something else in a container: whatever is odd about one is "no value", and
// nothing here throws for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hadal {

// The first `max_bytes` of the file without trailing blanks and line feeds; nothing unless it is a
// regular file that can be read. Never waits for a writer.
std::optional<std::string> read_system_file(const std::string& path,
                                            size_t max_bytes = size_t{1} << 20);

// A number without a sign, and nothing else; nothing where it does not fit.
std::optional<int64_t> parse_number(std::string_view text);

// The number that follows `key` and blanks at the beginning of a line of `text`; what comes after
// the number, such as a unit, is not looked at.
std::optional<int64_t> number_of_line(std::string_view text, std::string_view key);

// The rest of the line that begins with `key`, without blanks around it.
std::optional<std::string_view> rest_of_line(std::string_view text, std::string_view key);

// Parses a list as the kernel writes it, "0-3,8,10-11", into ascending numbers. Anything malformed
// gives an empty list.
std::vector<int> parse_cpu_list(std::string_view text);

// More processors than any kernel is built for; bounds what a malformed list can make us allocate.
constexpr int kMaxCpus = 1 << 16;

}  // namespace hadal
