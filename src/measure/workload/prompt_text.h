// Texts of a wanted number of tokens for APIs that take no token ids. The server counts
// (/tokenize, or the usage of a probe); nothing here knows a tokenizer.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "measure/workload/prompt.h"

namespace hadal {

// Tokens that the server counts for a prompt of this text, template and all.
using CountTokens = std::function<int64_t(std::string_view text)>;

// A prompt may differ from its wanted length by so much; beyond it the load is not what it says.
inline constexpr double kLengthTolerance = 0.02;

// What a word costs, and a prompt on top, by three probes of up to `most_words` words. Throws Error
// kUnavailable where the counts are no line to within kLengthTolerance, which is what a server does
// that truncates or counts something else.
TextMeasure measure_text(const CountTokens& count_tokens, int64_t most_words = 1024);

// Random words from the stream `key` whose count is within kLengthTolerance of `tokens`, at least
// within one token; the same beginning for every length. Throws Error kUnavailable where eight
// probes do not get there, and kInvalidArgument for fewer tokens than one.
std::string text_of_length(int64_t tokens, uint64_t key, const CountTokens& count_tokens);

// Whether a prompt of `wanted` tokens may count as one when the server counts `counted`.
bool is_close_length(int64_t wanted, int64_t counted);

}  // namespace hadal
