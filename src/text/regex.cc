#include "text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <cstdint>
#include <pcre2.h>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/error.h"
#include "text/character_classes.h"
#include "text/regex_syntax.h"

namespace hadal {
namespace {

// Steps of one search. The released patterns need about one per byte of a run of white space.
constexpr uint32_t kMatchLimit = 50'000'000;
constexpr size_t kJitStackStart = 32 * 1024;
constexpr size_t kJitStackMax = 16 * 1024 * 1024;

std::string pcre2_message(int code) {
  PCRE2_UCHAR buffer[256];
  pcre2_get_error_message(code, buffer, sizeof(buffer));
  return reinterpret_cast<const char*>(buffer);
}

std::string hex_escape(uint8_t byte) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  return {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
}

// One byte of these.
std::string byte_class(const std::vector<uint8_t>& bytes) {
  if (bytes.size() == 1) return hex_escape(bytes.front());
  if (bytes.empty()) return "[^\\x00-\\xff]";
  std::string result = "[";
  for (size_t i = 0; i < bytes.size(); ++i) {
    size_t last = i;
    while (last + 1 < bytes.size() && bytes[last + 1] == bytes[last] + 1) ++last;
    result += hex_escape(bytes[i]);
    if (last > i) result += "-" + hex_escape(bytes[last]);
    i = last;
  }
  return result + "]";
}

std::string pattern_of_bytes(const ParsedRegex& parsed, const CharacterClasses& classes) {
  std::string result;
  for (const RegexElement& element : parsed.elements) {
    result += element.set ? byte_class(classes.members(*element.set)) : element.syntax;
  }
  return result;
}

}  // namespace

struct Regex::Code {
  std::optional<CharacterClasses> classes;
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
  const ParsedRegex parsed = parse_regex(pattern, where);
  code_->classes = CharacterClasses::make(parsed.sets);
  if (!code_->classes) refuse_regex(pattern, where, "it tells too many characters apart");
  const std::string bytes = pattern_of_bytes(parsed, *code_->classes);
  int error = 0;
  PCRE2_SIZE offset = 0;
  code_->compiled = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(bytes.data()), bytes.size(),
                                  PCRE2_NEVER_UTF | PCRE2_NEVER_UCP, &error, &offset, nullptr);
  if (code_->compiled == nullptr) refuse_regex(pattern, where, pcre2_message(error));
  // Failing to compile to machine code is no fault: the interpreter finds the same matches.
  pcre2_jit_compile(code_->compiled, PCRE2_JIT_COMPLETE);
}

Regex::~Regex() = default;
Regex::Regex(Regex&&) noexcept = default;

void Regex::classify(std::u32string_view text, std::string& classes) const {
  code_->classes->classify(text, classes);
}

std::optional<TextRange> Regex::find(std::string_view classes, size_t start,
                                     Scratch& scratch) const {
  HADAL_CHECK(start <= classes.size());
  const auto search = [&](uint32_t options) {
    return pcre2_match(code_->compiled, reinterpret_cast<PCRE2_SPTR>(classes.data()),
                       classes.size(), start, options, scratch.memory_->match,
                       scratch.memory_->context);
  };
  int status = search(0);
  // The interpreter keeps its state on the heap and has no such limit.
  if (status == PCRE2_ERROR_JIT_STACKLIMIT) status = search(PCRE2_NO_JIT);
  if (status == PCRE2_ERROR_NOMATCH) return std::nullopt;
  if (status < 0) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "text",
                 .what = "it cannot be split into words: " + pcre2_message(status),
                 .remedy = "shorten the text or use another tokenizer.json"});
  }
  const PCRE2_SIZE* range = pcre2_get_ovector_pointer(scratch.memory_->match);
  return TextRange{range[0], range[1]};
}

}  // namespace hadal
