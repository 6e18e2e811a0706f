#include "text/detokenizer.h"

#include <utility>

#include "base/utf8.h"

namespace hadal {

std::string Detokenizer::push(int32_t id) {
  if (skip_special_ && tokenizer_.is_special(id)) return {};
  std::string bytes = std::exchange(held_, {});
  if (id < 0 || id >= tokenizer_.vocab_size() || tokenizer_.token_bytes(id).empty()) {
    bytes += "\uFFFD";
  } else {
    bytes += tokenizer_.token_bytes(id);
  }
  const size_t certain = bytes.size() - utf8_incomplete_tail(bytes);
  held_ = bytes.substr(certain);
  return utf8_replace_invalid(std::string_view(bytes).substr(0, certain));
}

std::string Detokenizer::finish() { return utf8_replace_invalid(std::exchange(held_, {})); }

}  // namespace hadal
