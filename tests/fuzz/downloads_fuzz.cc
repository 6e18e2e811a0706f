// What is in place of a file: any bytes are told in words of bounded length, or not at all.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/downloads.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (const uint64_t file_size : {uint64_t{size}, uint64_t{size} + (uint64_t{1} << 40)}) {
    const std::optional<hadal::ForeignContents> found = hadal::foreign_contents(bytes, file_size);
    constexpr size_t kMostBytes = 1000;
    if (found && (found->what.empty() || found->remedy.empty() ||
                  found->what.size() + found->remedy.size() > kMostBytes)) {
      __builtin_trap();
    }
  }
  return 0;
}
