// hadal.run/1: any text is refused with an Error or gives a run that is written and read the same.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "measure/store/run_json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::string written;
  try {
    written = hadal::run_to_json(hadal::run_from_json(text, "run.json"));
  } catch (const hadal::Error&) {
    return 0;
  }
  if (hadal::run_to_json(hadal::run_from_json(written, "run.json")) != written) __builtin_trap();
  return 0;
}
