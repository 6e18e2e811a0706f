// tokenizer.json from anywhere: it is refused with an Error, or it makes a tokenizer that encodes
// any text and decodes back to it. The input is the file, and after a zero byte the text.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/utf8.h"
#include "text/detokenizer.h"
#include "text/tokenizer.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void use(const hadal::Tokenizer& tokenizer, std::string_view text) {
  std::vector<int32_t> ids;
  try {
    ids = tokenizer.encode_ordinary(text);
  } catch (const hadal::Error&) {
    return;  // no UTF-8, a byte without a token, or a pattern that is too slow
  }
  require(tokenizer.decode(ids) == text);
  hadal::Detokenizer detokenizer(tokenizer);
  std::string streamed;
  for (const int32_t id : ids) streamed += detokenizer.push(id);
  require(streamed + detokenizer.finish() == text);
  try {
    const auto recognised = tokenizer.encode(text);
    require(hadal::is_valid_utf8(tokenizer.decode(recognised)));
  } catch (const hadal::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t end = input.find('\0');
  const std::string_view text =
      end == std::string_view::npos ? "The 3 cats' <b>" : input.substr(end + 1);
  std::optional<hadal::Tokenizer> tokenizer;
  try {
    tokenizer = hadal::Tokenizer::parse(input.substr(0, end), "fuzz");
  } catch (const hadal::Error&) {
    return 0;
  }
  use(*tokenizer, text);
  return 0;
}
