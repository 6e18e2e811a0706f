// Huge pages for large mappings: 2 MiB at a time where the kernel and the file system can, so that
// reading gigabytes of weights does not wait for page tables. Asking is always harmless.
#pragma once

#include <cstddef>
#include <string>

namespace hadal {

constexpr size_t kHugePage = size_t{2} << 20;

// Asks for huge pages behind the whole pages within [data, data + bytes), anonymous memory or a
// mapped file. Returns whether the kernel took the advice (it may still find no huge page); false
// for ranges that hold no huge page and where the kernel lacks them.
bool advise_huge_pages(const void* data, size_t bytes);

// What became of a range of memory. Mappings count as a whole when they overlap the range.
struct MemoryAdvice {
  std::string policy;         // the system's setting: "always", "madvise", "never", or "unknown"
  size_t resident_bytes = 0;  // in memory now
  size_t huge_bytes = 0;      // of these, mapped with huge pages
};

// Reads the kernel's account of this process; slow (milliseconds), for reports.
MemoryAdvice memory_advice(const void* data, size_t bytes);

}  // namespace hadal
