#include "text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <cctype>
#include <cstdint>
#include <pcre2.h>
#include <utility>

#include "base/check.h"
#include "base/error.h"

namespace hadal {
namespace {

constexpr size_t kMaxPatternBytes = 64 * 1024;
// Steps of one search. The released patterns need about one per byte of a run of white space.
constexpr uint32_t kMatchLimit = 50'000'000;
constexpr size_t kJitStackStart = 32 * 1024;
constexpr size_t kJitStackMax = 16 * 1024 * 1024;

// The Unicode property White_Space, as the inside of a character class.
constexpr std::string_view kWhiteSpace =
    R"(\x{9}-\x{d}\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";

std::string pcre2_message(int code) {
  PCRE2_UCHAR buffer[256];
  pcre2_get_error_message(code, buffer, sizeof(buffer));
  return reinterpret_cast<const char*>(buffer);
}

bool is_hex4(std::string_view text) {
  if (text.size() < 4) return false;
  for (const char c : text.substr(0, 4)) {
    if (std::isxdigit(static_cast<unsigned char>(c)) == 0) return false;
  }
  return true;
}

}  // namespace

std::string to_pcre2_pattern(std::string_view pattern) {
  std::string out;
  bool in_class = false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c != '\\' || i + 1 == pattern.size()) {
      if (c == '[' && !in_class) {
        in_class = true;
        out += c;
        // A ']' in the first place of a class stands for itself.
        if (pattern.substr(i + 1, 1) == "^") out += pattern[++i];
        if (pattern.substr(i + 1, 1) == "]") out += pattern[++i];
        continue;
      }
      if (c == ']') in_class = false;
      out += c;
      continue;
    }
    const char escaped = pattern[++i];
    if (escaped == 's') {
      out += in_class ? std::string(kWhiteSpace) : "[" + std::string(kWhiteSpace) + "]";
    } else if (escaped == 'S' && !in_class) {
      out += "[^" + std::string(kWhiteSpace) + "]";
    } else if (escaped == 'u' && is_hex4(pattern.substr(i + 1))) {
      out += "\\x{" + std::string(pattern.substr(i + 1, 4)) + "}";
      i += 4;
    } else {
      out += c;
      out += escaped;
    }
  }
  return out;
}

struct Regex::Code {
  pcre2_code* compiled = nullptr;
  ~Code() { pcre2_code_free(compiled); }
};

struct Regex::Scratch::Memory {
  pcre2_match_data* match = nullptr;
  pcre2_match_context* context = nullptr;
  pcre2_jit_stack* stack = nullptr;
  ~Memory() {
    pcre2_match_data_free(match);
    pcre2_match_context_free(context);
    pcre2_jit_stack_free(stack);
  }
};

Regex::Scratch::Scratch() : memory_(std::make_unique<Memory>()) {
  memory_->match = pcre2_match_data_create(1, nullptr);
  memory_->context = pcre2_match_context_create(nullptr);
  memory_->stack = pcre2_jit_stack_create(kJitStackStart, kJitStackMax, nullptr);
  if (memory_->match == nullptr || memory_->context == nullptr) throw std::bad_alloc();
  pcre2_set_match_limit(memory_->context, kMatchLimit);
  // Without a stack of its own (no memory, or a PCRE2 without JIT) the default one serves.
  if (memory_->stack != nullptr) {
    pcre2_jit_stack_assign(memory_->context, nullptr, memory_->stack);
  }
}

Regex::Scratch::~Scratch() = default;

Regex::Regex(std::string_view pattern, const std::string& where) : code_(std::make_unique<Code>()) {
  const auto refuse = [&](const std::string& why) {
    throw Error({.code = ErrorCode::kInvalidFile,
                 .where = where,
                 .what = "the pattern \"" + printable(pattern, 80) + "\" cannot be used: " + why,
                 .remedy = "use the tokenizer.json that was released with the model"});
  };
  if (pattern.size() > kMaxPatternBytes) refuse("it is longer than 64 KiB");
  const std::string translated = to_pcre2_pattern(pattern);
  int error = 0;
  PCRE2_SIZE offset = 0;
  code_->compiled =
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                    PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &error, &offset, nullptr);
  if (code_->compiled == nullptr) refuse(pcre2_message(error));
  // Failing to compile to machine code is no fault: the interpreter finds the same matches.
  pcre2_jit_compile(code_->compiled, PCRE2_JIT_COMPLETE);
}

Regex::~Regex() = default;
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;

std::optional<TextRange> Regex::find(std::string_view subject, size_t start,
                                     Scratch& scratch) const {
  HADAL_CHECK(start <= subject.size());
  const auto search = [&](uint32_t options) {
    return pcre2_match(code_->compiled, reinterpret_cast<PCRE2_SPTR>(subject.data()),
                       subject.size(), start, PCRE2_NO_UTF_CHECK | options, scratch.memory_->match,
                       scratch.memory_->context);
  };
  int status = search(0);
  // The interpreter keeps its state on the heap and has no such limit.
  if (status == PCRE2_ERROR_JIT_STACKLIMIT) status = search(PCRE2_NO_JIT);
  if (status == PCRE2_ERROR_NOMATCH) return std::nullopt;
  const PCRE2_SIZE* range = pcre2_get_ovector_pointer(scratch.memory_->match);
  if (status < 0 || range[0] > range[1]) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "text",
                 .what = "it cannot be split into words: " +
                         (status < 0 ? pcre2_message(status) : std::string("\\K moved backwards")),
                 .remedy = "shorten the text or use another tokenizer.json"});
  }
  return TextRange{range[0], range[1]};
}

}  // namespace hadal
