#include "base/huge_pages.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <string_view>
#include <sys/mman.h>
#include <system_error>
#include <unistd.h>

namespace hadal {
namespace {

// Setting of transparent huge pages, "always [madvise] never": the word in brackets.
std::string system_policy() {
  std::ifstream file("/sys/kernel/mm/transparent_hugepage/enabled");
  std::string word;
  while (file >> word) {
    if (word.size() > 2 && word.front() == '[' && word.back() == ']') {
      return word.substr(1, word.size() - 2);
    }
  }
  return "unknown";
}

struct AddressRange {
  uintptr_t begin = 0;
  uintptr_t end = 0;
};

// The head of a mapping in smaps, "7f0c1000-7f0c3000 r--p ..."; false for its other lines.
bool parse_mapping(std::string_view line, AddressRange& range) {
  const char* const end = line.data() + line.size();
  const auto low = std::from_chars(line.data(), end, range.begin, 16);
  if (low.ec != std::errc() || low.ptr == end || *low.ptr != '-') return false;
  const auto high = std::from_chars(low.ptr + 1, end, range.end, 16);
  return high.ec == std::errc() && high.ptr != end && *high.ptr == ' ';
}

// "AnonHugePages:     2048 kB" in bytes, or 0 when the line is of another key.
size_t bytes_of_line(std::string_view line, std::string_view key) {
  if (!line.starts_with(key)) return 0;
  line.remove_prefix(key.size());
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  size_t kib = 0;
  std::from_chars(line.data(), line.data() + line.size(), kib);
  return kib * 1024;
}

}  // namespace

bool advise_huge_pages(const void* data, size_t bytes) {
#if defined(MADV_HUGEPAGE)
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto address = reinterpret_cast<uintptr_t>(data);
  const uintptr_t first_huge = (address + kHugePage - 1) / kHugePage * kHugePage;
  if (first_huge + kHugePage > address + bytes) return false;
  const uintptr_t before_first_page = (page - address % page) % page;
  const uintptr_t after_last_page = (address + bytes) % page;
  auto* const first_page = static_cast<std::byte*>(const_cast<void*>(data)) + before_first_page;
  return madvise(first_page, bytes - before_first_page - after_last_page, MADV_HUGEPAGE) == 0;
#else
  static_cast<void>(data);
  static_cast<void>(bytes);
  return false;
#endif
}

MemoryAdvice memory_advice(const void* data, size_t bytes) {
  MemoryAdvice advice{.policy = system_policy()};
  const auto begin = reinterpret_cast<uintptr_t>(data);
  std::ifstream smaps("/proc/self/smaps");
  constexpr std::array<std::string_view, 3> kHugeKeys = {
      "AnonHugePages:", "ShmemPmdMapped:", "FilePmdMapped:"};
  bool overlaps = false;
  for (std::string line; std::getline(smaps, line);) {
    AddressRange range;
    if (parse_mapping(line, range)) {
      overlaps = range.begin < begin + bytes && begin < range.end;
    } else if (overlaps) {
      advice.resident_bytes += bytes_of_line(line, "Rss:");
      for (const std::string_view key : kHugeKeys) advice.huge_bytes += bytes_of_line(line, key);
    }
  }
  return advice;
}

}  // namespace hadal
