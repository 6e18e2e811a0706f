// What servers say of their answers and what cannot be: some count prompts twice, some tell zero
// tokens of a text, and files come from anywhere. A number that cannot be is no number; the others
// of the same answer stay.
#pragma once

#include <cstdint>

#include "measure/records.h"

namespace hadal {

// No answer has as many tokens, and no prompt.
constexpr int64_t kMostTokens = 1'000'000'000;

// Answers by what was wrong; one can be in several.
struct UsageFaults {
  int64_t out_of_range = 0;             // negative, beyond kMostTokens, a prompt of none
  int64_t cached_beyond_input = 0;      // more from the cache than there were
  int64_t output_beyond_asked = 0;      // more than max_tokens
  int64_t no_output_of_a_text = 0;      // zero tokens where something came
  int64_t reasoning_beyond_output = 0;  // more reasoning than tokens
};

// Takes out of `request` what cannot be, and counts it. `has_text`: events came. What the client
// counted for want of usage is not looked at.
void drop_impossible_usage(RequestRecord& request, bool has_text, UsageFaults& faults);

}  // namespace hadal
