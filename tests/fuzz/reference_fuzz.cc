// References of answers, which anyone may publish. A whole one is written again as it was read; the
// digest, which no fuzzer finds, is set right first.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/checksum.h"
#include "base/error.h"
#include "measure/gate/reference.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view lines(reinterpret_cast<const char*>(data), size);
  std::string text(lines);
  text +=
      "{\"digest\":\"xxh3-128:" + hadal::to_hex(hadal::checksum(std::as_bytes(std::span(lines)))) +
      "\"}\n";
  try {
    const hadal::Reference reference = hadal::parse_reference(text, "fuzz");
    const std::string written = hadal::reference_text(reference);
    if (hadal::reference_text(hadal::parse_reference(written, "fuzz")) != written) __builtin_trap();
  } catch (const hadal::Error&) {
    // What is no reference is refused in words.
  }
  return 0;
}
