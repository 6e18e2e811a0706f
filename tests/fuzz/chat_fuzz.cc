// Requests of any JSON: the chat encoder answers with a prompt of valid UTF-8 or with an Error, and
// what is written as JSON reads back as the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/utf8.h"
#include "chat/encode_request.h"
#include "json/python_json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  try {
    const nlohmann::ordered_json request = hadal::parse_json(input, "request");
    const std::string written = hadal::dump_json(request);
    if (hadal::dump_json(hadal::parse_json(written, "written")) != written) std::abort();
    if (!hadal::is_valid_utf8(hadal::encode_chat(request))) std::abort();
  } catch (const hadal::Error&) {
  }
  return 0;
}
